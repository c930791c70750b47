"""The number of a shard -> its results in the output. It knows nothing of who hands the numbers out."""

import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from app.batch import Reader
from app.bulk.contents import read_item
from app.bulk.listing import Columns
from app.bulk.output import Output
from app.bulk.plan import PLAN_FILE, part, planned
from app.bulk.rows import RowWriter, counts
from app.schemas import ModelName


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker has to know; it travels to other machines."""

    output: str
    model_path: Path
    model: ModelName
    """Which it has to be there."""
    columns: Columns
    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a shard."""

    shard: int
    pictures: int = 0
    failed: int = 0
    """Pictures that could not be read."""
    seconds: float = 0.0
    """Processor time that it took; 0 where the results were there."""
    problem: str = ""
    """Why there are no results."""


class ShardReader:
    """Reads shards, one after the other."""

    def __init__(self, job: Job, reader: Reader) -> None:
        """Take a job, and what reads its pictures.

        Raises:
            PlaceError, OSError: its output is out of reach.
        """
        self._job = job
        self._reader = reader
        self._output = Output(job.output)

    def read(self, shard: int) -> Outcome:
        """Read a shard and publish its results, unless they are there.

        Whoever read it before, even if two do so at once: the results have one name and are the same.
        """
        name = part(shard)
        try:
            if self._output.exists(name):
                return self._told(shard, 0.0)
            began = time.process_time()
            with self._output.open(PLAN_FILE) as plan:
                items = planned(plan, shard)
            with self._output.publish(name) as path, RowWriter(path, self._job.model) as rows:
                for item in items:
                    for found in read_item(item, self._reader, self._job.columns, self._job.max_bytes):
                        rows.add(found)
            return self._told(shard, time.process_time() - began)
        except Exception as error:  # noqa: BLE001  # one shard's fault, of whatever kind a store knows, ends no job
            return Outcome(shard, problem=f"{type(error).__name__}: {error}")

    def _told(self, shard: int, seconds: float) -> Outcome:
        with self._output.open(part(shard)) as file, pq.ParquetFile(file) as written:
            return Outcome(shard, *counts(written), seconds)
