"""The command line: `digits read PATH...`, or `python -m app.cli read PATH...` where it is not installed."""

import contextlib
import os
import sys
import warnings
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click
from pydantic import ValidationError

from app import __version__
from app.bulk.commands import bulk
from app.console import Console, without_native_messages
from app.errors import ArtifactError, UnavailableError
from app.feedback.commands import feedback
from app.keys import digest_of, new_key
from app.quota import usable_cores
from app.results import Format, OutputError, Result, heading, line
from app.resuming import Progress, skip_done
from app.settings import ENVIRONMENT_PREFIX, Settings, complaints
from app.walk import STDIN, count, walk

if TYPE_CHECKING:
    from app.batch import Reader

SOME_FAILED: Final = 1
INTERRUPTED: Final = 130
"""As shells call what SIGINT has ended."""
PIPE_CLOSED: Final = 141
"""As shells call what SIGPIPE has ended."""

KEY_VARIABLE: Final = f"{ENVIRONMENT_PREFIX}KEY"

MOST_JOBS: Final = 64
"""What a service takes on by default before it says that it is busy."""

REQUESTS: Final = 8
"""Under way at a time, if nothing else is said; they hide the time that the network takes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a user wants read, and how."""

    paths: tuple[str, ...]
    url: str | None
    form: Format
    output: str | None
    """A file; None for standard output."""
    resume: bool
    jobs: int
    timeout: float
    key: str | None
    """For a service that asks for one."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="digits")
def commands() -> None:
    """Read handwritten digits from pictures."""


@commands.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--url", metavar="URL", help="Ask the service at this address. Without it pictures are read right here.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format jsonl: one JSON object a line.")
@click.option(
    "--format", "form", type=click.Choice(["text", "csv", "jsonl"]), help="How to write results: text if not given."
)
@click.option("-o", "--output", metavar="FILE", help="Write results to this file instead of standard output.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run ended that wrote --output.")
@click.option("-j", "--jobs", type=click.IntRange(1, MOST_JOBS), help="Pictures to read at a time.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds to wait for the service.",
)
@click.option(
    "--key",
    metavar="KEY",
    envvar=KEY_VARIABLE,
    show_envvar=True,
    help="The API key, for a service that asks for one. Other users of this machine may see options, but no variables.",
)
def read(
    *,
    paths: tuple[str, ...],
    url: str | None,
    as_json: bool,
    form: Format | None,
    output: str | None,
    resume: bool,
    jobs: int | None,
    timeout: float,
    key: str | None,
) -> None:
    """Read the digit on each picture.

    A PATH is a picture, a folder whose pictures are read in the order of their names, or - for one picture on standard
    input. In folders, names that begin with a dot are left out.

    The exit code is 0 if all pictures were read, 1 if some could not be, 2 if the command makes no sense.
    """
    if as_json and form not in {None, "jsonl"}:
        raise click.UsageError(f"--json and --format {form} contradict each other.")
    if output == STDIN:
        output = None
    chosen: Format = "jsonl" if as_json else form or "text"
    if resume and (output is None or chosen == "text"):
        raise click.UsageError("--resume needs --output FILE, and --json or --format csv.")
    if paths.count(STDIN) > 1:
        raise click.UsageError("Standard input holds one picture: name - once.")
    usual = REQUESTS if url is not None else max(1, int(usable_cores()))
    sys.exit(_ended(Order(paths, url, chosen, output, resume, jobs or usual, timeout, key)))


@commands.command("key")
def make_key() -> None:
    """Make an API key for a service, and the hash by which the service knows it.

    The key goes to whoever asks the service, the hash into the service's DIGITS_API_KEYS or DIGITS_API_KEYS_FILE.
    """
    key = new_key()
    click.echo(f"key   {key}\nhash  {digest_of(key.encode()).hex()}")


@commands.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--to", "version", metavar="VERSION", help="Go to this version, an earlier or a later one.")
def rollback(model: Path | None, version: str | None) -> None:
    """Let the version that was published before be the published one again, once it has passed its self-test.

    MODEL is artifacts/NAME; without it, what DIGITS_MODEL names. Running services follow by themselves.
    """
    from app.artifact import roll_back
    from app.loading import load_model

    home = model if model is not None else _settings().model
    try:
        with without_native_messages():
            folder = roll_back(home, load_model, version)
    except (ArtifactError, OSError) as error:
        _say(str(error))
        sys.exit(SOME_FAILED)
    click.echo(f"Published {folder}")


commands.add_command(bulk)
commands.add_command(feedback)


def main() -> None:
    """Run the command line; the entry point of an installed package."""
    # What files contain must not fill the terminal.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        commands(prog_name="digits")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            # Threads may wait for a service that hangs; the interpreter would wait for them.
            os._exit(INTERRUPTED)
        raise


def _ended(order: Order) -> int:
    """Carry out an order whatever happens; returns the exit code."""
    try:
        return _carry_out(order)
    except KeyboardInterrupt:
        _say(f"Interrupted.{_advice(order)}")
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return PIPE_CLOSED
    except ArtifactError as error:
        _say(str(error))
    except UnavailableError as error:
        _say(f"{error}{_advice(order)}")
    except OSError as error:
        _abandon_stdout()
        _say(f"The results cannot be written: {error.strerror or error}.")
    return SOME_FAILED


def _advice(order: Order) -> str:
    return " The same command with --resume goes on." if order.output is not None and order.form != "text" else ""


def _carry_out(order: Order) -> int:
    from app.batch import in_order, read_path

    with ExitStack() as stack:
        reader, max_bytes = _reader(order, stack)
        sink, progress = _output(order, stack)
        console = stack.enter_context(closing(Console(lambda: count(order.paths), progress.done)))
        failed = 0
        if not progress.end:
            sink.write(heading(order.form))
        work = partial(read_path, reader=reader, max_bytes=max_bytes)
        for result in stack.enter_context(closing(in_order(work, progress.remaining, order.jobs))):
            _tell(result, order.form, sink, console)
            failed += result.prediction is None
        sink.flush()
        if progress.failed:
            console.say(f"{progress.failed:,} pictures could not be read by the runs before; {order.output} says why.")
    return SOME_FAILED if failed + progress.failed else 0


def _tell(result: Result, form: Format, sink: BinaryIO, console: Console) -> None:
    with console.aside() if sink.isatty() else contextlib.nullcontext():
        # One write into an empty buffer: an interrupt leaves whole lines.
        sink.write(line(result, form))
        sink.flush()
    if result.prediction is None:
        console.complain(result.path, result.detail)
    console.advance()


def _reader(order: Order, stack: ExitStack) -> tuple["Reader", int]:
    """What reads, and the largest picture it gets, in bytes."""
    settings = _settings()
    if order.url is not None:
        return _client(order.url, order, stack), settings.max_bytes
    from app.local import LocalReader

    with without_native_messages():
        return LocalReader(settings), settings.max_bytes


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        raise click.UsageError("\n".join(complaints(error))) from error


def _client(url: str, order: Order, stack: ExitStack) -> "Reader":
    try:
        from app.client import Client
    except ModuleNotFoundError as error:
        raise click.UsageError(f"--url needs {error.name}. Install it with: pip install httpx tenacity") from error
    try:
        return stack.enter_context(Client(url, key=order.key, timeout=order.timeout))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _output(order: Order, stack: ExitStack) -> tuple[BinaryIO, Progress]:
    """Where results go, and what is in there already."""
    paths = walk(order.paths)
    if order.output is None:
        return sys.stdout.buffer, Progress(paths, 0, 0, 0)
    file = Path(order.output)
    try:
        if not order.resume:
            return stack.enter_context(file.open("wb")), Progress(paths, 0, 0, 0)
        file.touch()
        sink = stack.enter_context(file.open("r+b"))
        progress = skip_done(paths, sink, order.form)
        sink.truncate(progress.end)
        sink.seek(progress.end)
    except OSError as error:
        raise click.UsageError(f"{order.output} cannot be written: {error.strerror or error}.") from error
    except OutputError as error:
        raise click.UsageError(f"--resume cannot go on in {order.output}: {error}.") from error
    return sink, progress


def _abandon_stdout() -> None:
    """Nobody takes what is still in the buffer: let the interpreter drop it in silence when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(sentence: str) -> None:
    click.echo(f"digits: {sentence}", err=True)


if __name__ == "__main__":
    main()
