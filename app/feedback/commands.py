"""The commands with which an operator reviews corrections: `digits feedback ...`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import click
from pydantic import ValidationError

from app.errors import FeedbackUnavailableError
from app.feedback.corrections import KeptCorrection, State
from app.settings import ENVIRONMENT_PREFIX, Settings, complaints

if TYPE_CHECKING:
    from app.feedback.store import Store

FAILED: Final = 1

_STATES: Final = click.Choice(get_args(State))


@click.group()
@click.option(
    "--database",
    metavar="URL",
    envvar=f"{ENVIRONMENT_PREFIX}DATABASE",
    show_envvar=True,
    help="Where the corrections are: sqlite:///PATH or postgresql://...",
)
@click.pass_context
def feedback(context: click.Context, database: str | None) -> None:
    """Review the corrections that people have sent.

    Only accepted ones are ever learnt from: make train FEEDBACK=URL.
    """
    if database is None:
        raise click.UsageError(f"No database: set {ENVIRONMENT_PREFIX}DATABASE, or pass --database URL.")
    try:
        context.obj = Settings(database=database)
    except ValidationError as error:
        raise click.UsageError("\n".join(complaints(error))) from error


@feedback.command("list")
@click.option("--state", type=_STATES, help="Only these; all if not given.")
@click.pass_obj
def list_(settings: Settings, state: State | None) -> None:
    """List corrections, the oldest first: one a line, with what the model said."""
    with _open(settings) as store:
        for kept in store.kept(state):
            click.echo(_line(kept))


@feedback.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def accept(settings: Settings, ids: tuple[str, ...]) -> None:
    """Let the next training learn from corrections."""
    with _open(settings) as store:
        _tell("Accepted", store.review(ids, accepted=True), len(set(ids)))


@feedback.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def reject(settings: Settings, ids: tuple[str, ...]) -> None:
    """Let no training learn from corrections."""
    with _open(settings) as store:
        _tell("Rejected", store.review(ids, accepted=False), len(set(ids)))


@feedback.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--state", type=_STATES, help="Only these; all if not given.")
@click.pass_obj
def export(settings: Settings, folder: Path, state: State | None) -> None:
    """Write the pictures to FOLDER/STATE/LABEL/ID.png, to look at; make evaluate REAL=FOLDER measures them."""
    from PIL import Image

    count = 0
    with _open(settings) as store:
        for kept in store.kept(state):
            place = folder / kept.state / kept.correction.label
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(kept.correction.picture[..., 0]).save(place / f"{kept.correction.id}.png")
            count += 1
    click.echo(f"Written {count} to {folder}")


@feedback.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.pass_obj
def purge(settings: Settings, ids: tuple[str, ...]) -> None:
    """Delete these corrections, or without ID those that are DIGITS_FEEDBACK_DAYS old, as services do by themselves."""
    with _open(settings) as store:
        if ids:
            _tell("Deleted", store.remove(ids), len(set(ids)))
        else:
            click.echo(f"Deleted {store.purge(settings.feedback_days)}")


@contextmanager
def _open(settings: Settings) -> Iterator["Store"]:
    # Other commands do without the database's libraries.
    from app.feedback.store import Store

    assert settings.database is not None
    try:
        store = Store(settings.database)
    except ValueError as error:
        raise click.UsageError(f"{ENVIRONMENT_PREFIX}DATABASE is not usable: {error}.") from error
    try:
        yield store
    except FeedbackUnavailableError as error:
        click.echo(f"digits: {error} ({error.__cause__})", err=True)
        sys.exit(FAILED)
    except OSError as error:
        click.echo(f"digits: The pictures cannot be written: {error}.", err=True)
        sys.exit(FAILED)
    finally:
        store.close()


def _line(kept: KeptCorrection) -> str:
    one = kept.correction
    read = f"read {one.digit} ({max(one.probabilities):.1%}, {one.verdict or 'no verdict'})"
    by = f"by {one.model_name} {one.model_version}{', held out' if one.is_held_out else ''}"
    return f"{one.id}  {kept.received}  {kept.state:8}  {one.label:11}  {read} {by}"


def _tell(done: str, found: int, asked: int) -> None:
    click.echo(f"{done} {found}")
    if found < asked:
        click.echo(f"digits: {asked - found} of them are not there.", err=True)
        sys.exit(FAILED)
