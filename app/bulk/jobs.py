"""What a user wants read -> a job, begun or gone on with."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.artifact import current_folder
from app.bulk.files import absolute
from app.bulk.listing import Columns, items, sharded
from app.bulk.output import Output
from app.bulk.plan import MANIFEST_FILE, PLAN_FILE, Manifest, write_plan
from app.bulk.work import Job
from app.console import without_native_messages
from app.errors import OtherJobError, PlaceError
from app.local import LocalReader
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user wants read, and how."""

    sources: tuple[str, ...]
    output: str
    resume: bool
    shard_size: int
    """Of pictures that lie in no archive."""
    columns: Columns


def begin(wanted: Wanted, settings: Settings) -> tuple[Job, int]:
    """List what there is to read, and write it down; returns the job and the number of its shards.

    Raises:
        PlaceError: a source or the output is none, or there is nothing to read.
        OtherJobError: the output holds something else than this job's results.
        ArtifactError: there is no whole model.
        OSError: the output cannot be written.
    """
    sources, place = tuple(map(absolute, wanted.sources)), absolute(wanted.output)
    for source in sources:
        if f"{place}/".startswith(f"{source}/"):
            raise PlaceError(f"The results would be among the pictures: choose an output outside of {source}.")
    with without_native_messages():
        model = LocalReader(settings).model
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / PLAN_FILE
        shards, digest = write_plan(sharded(items(sources, wanted.columns), wanted.shard_size), plan)
        if not shards:
            raise PlaceError(f"There are no pictures in {', '.join(wanted.sources)}.")
        manifest = Manifest(
            sources=sources,
            shard_size=wanted.shard_size,
            column=wanted.columns.picture,
            key=wanted.columns.key,
            model=model,
            max_bytes=settings.max_bytes,
            max_pixels=settings.max_pixels,
            shards=shards,
            plan=digest,
        )
        _settle(manifest, plan, Output(place), resume=wanted.resume)
    # A version's own folder: another one may be published meanwhile.
    path = current_folder(settings.model) if settings.model.is_dir() else settings.model
    job = Job(place, path.absolute(), model, wanted.columns, settings.max_bytes, settings.max_pixels)
    return job, shards


def _settle(manifest: Manifest, plan: Path, output: Output, *, resume: bool) -> None:
    """Write a job down where there is none yet, or see that the one that is there is the same."""
    there = output.names()
    if MANIFEST_FILE in there:
        if not resume:
            raise OtherJobError(f"{output.place} holds results already: go on with --resume, or choose another folder.")
        with output.open(MANIFEST_FILE) as file:
            content = file.read()
        try:
            manifest.check_same(Manifest.parse(content))
        except OtherJobError as error:
            raise OtherJobError(f"--resume cannot go on in {output.place}: {error}.") from error
        return
    if there - {PLAN_FILE}:
        raise OtherJobError(f"{output.place} holds other files: choose an empty folder.")
    with output.publish(PLAN_FILE) as path:
        path.write_bytes(plan.read_bytes())
    # The last of the two: without it there is no job.
    with output.publish(MANIFEST_FILE) as path:
        path.write_text(manifest.model_dump_json(indent=1))
