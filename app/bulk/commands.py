"""The command that reads archives of pictures: `digits bulk`."""

import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import click
from pydantic import ValidationError

from app.console import Console
from app.errors import DigitsError, OtherJobError, PlaceError
from app.quota import usable_cores
from app.settings import Settings, complaints

SOME_FAILED: Final = 1
INTERRUPTED: Final = 130

SHARD_SIZE: Final = 1000
"""Pictures that lie in no archive, read and written together: about a second's work."""

_ADVICE: Final = "The same command with --resume goes on."

_LIBRARIES: Final = ("ray", "pyarrow", "fsspec")


@dataclass(frozen=True, slots=True)
class Order:
    """What a user wants read, and how."""

    sources: tuple[str, ...]
    output: str
    address: str | None
    workers: int | None
    resume: bool
    shard_size: int
    column: str
    key: str | None


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Where the results go: a path or a URL.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run ended that wrote to --output.")
@click.option(
    "--address", metavar="ADDRESS", help="Join this Ray cluster (`auto`: the one here) instead of starting Ray."
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="Most workers, each on a core of its own: all cores if not given."
)
@click.option(
    "--shard-size",
    type=click.IntRange(1, 1_000_000),
    default=SHARD_SIZE,
    show_default=True,
    help="Pictures to read and write together where they lie in no archive.",
)
@click.option("--column", default="image", show_default=True, help="Of Parquet files: the column of the pictures.")
@click.option("--key", metavar="COLUMN", help="Of Parquet files: the column of the pictures' names.")
def bulk(
    *,
    sources: tuple[str, ...],
    output: str,
    resume: bool,
    address: str | None,
    workers: int | None,
    shard_size: int,
    column: str,
    key: str | None,
) -> None:
    """Read archives of pictures with Ray, on this machine or on a cluster, and write the results as Parquet.

    A SOURCE is a folder, a picture, a tar file of pictures (WebDataset) or a Parquet file with a column of pictures: a
    path, or any URL that fsspec knows. From folders, pictures and archives are taken in the order of their names.

    Each shard's results are one file, which is there whole or not at all. Whatever dies, nothing is lost or told
    twice; after an interrupt the same command with --resume goes on.

    The exit code is 0 if all pictures were read, 1 if some could not be, 2 if the command makes no sense.
    """
    order = Order(sources, output, address, workers, resume, shard_size, column, key)
    sys.exit(_ended(order))


def _ended(order: Order) -> int:
    """Carry out an order whatever happens; returns the exit code."""
    try:
        return _carry_out(order)
    except KeyboardInterrupt:
        _say(f"Interrupted. {_ADVICE}")
        return INTERRUPTED
    except DigitsError as error:
        _say(str(error))
    except OSError as error:
        _say(f"{error.strerror or error}: {error.filename or order.output}. {_ADVICE}")
    return SOME_FAILED


def _carry_out(order: Order) -> int:
    if missing := [name for name in _LIBRARIES if find_spec(name) is None]:
        raise click.UsageError(
            f"digits bulk needs {', '.join(missing)}; install the package with its extra `ray`: pip install '.[ray]'"
        )
    from app.bulk.engine import cluster, read_shards
    from app.bulk.jobs import Wanted, begin
    from app.bulk.listing import Columns
    from app.bulk.output import Output
    from app.bulk.plan import part

    columns = Columns(order.column, order.key)
    wanted = Wanted(order.sources, order.output, order.resume, order.shard_size, columns)
    try:
        job, shards = begin(wanted, _settings())
    except (PlaceError, OtherJobError) as error:
        raise click.UsageError(str(error)) from error
    began = time.monotonic()
    with ExitStack() as stack:
        cores = stack.enter_context(cluster(order.address, order.workers or max(1, int(usable_cores()))))
        console = stack.enter_context(closing(Console(lambda: shards)))
        pictures = failed = 0
        undone: dict[int, str] = {}
        for outcome in read_shards(job, range(shards), order.workers or max(1, cores)):
            pictures += outcome.pictures
            failed += outcome.failed
            if outcome.problem:
                undone[outcome.shard] = outcome.problem
            console.advance()
    for shard, problem in undone.items():
        _say(f"{part(shard)} is not written. {problem}")
    if undone:
        _say(f"{len(undone):,} of {shards:,} shards are not written. {_ADVICE}")
    Output(job.output).clean()
    seconds = time.monotonic() - began
    _say(f"{pictures:,} pictures in {seconds:,.1f} s.")
    if failed:
        _say(f"{failed:,} of them could not be read; {order.output} says why.")
    return SOME_FAILED if failed or undone else 0


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        raise click.UsageError("\n".join(complaints(error))) from error


def _say(sentence: str) -> None:
    click.echo(f"digits: {sentence}", err=True)
