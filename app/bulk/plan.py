"""What a job is: which shards there are, and with what they are read. It is written before any result."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from app.bulk.listing import Columns, Item
from app.errors import OtherJobError
from app.schemas import ModelName

PLAN_FILE: Final = "_plan.parquet"
MANIFEST_FILE: Final = "_manifest.json"
"""Names that readers of a folder of Parquet files leave out."""

_FORMAT: Final = 1
"""Of the files of a job: another version cannot go on with it."""

_SCHEMA: Final = pa.schema(
    [
        # As bytes: paths need not be UTF-8.
        pa.field("place", pa.binary(), nullable=False),
        pa.field("row_group", pa.int32(), nullable=False),
        pa.field("extent", pa.int64(), nullable=False),
    ]
)


class Manifest(BaseModel):
    """What makes a job this one and no other."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    format: int = _FORMAT
    sources: tuple[str, ...]
    shard_size: int
    column: str
    key: str | None
    model: ModelName
    max_bytes: int
    max_pixels: int
    shards: int
    plan: str
    """SHA-256 of the plan."""

    @property
    def columns(self) -> Columns:
        """Of Parquet files."""
        return Columns(self.column, self.key)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read what was written.

        Raises:
            OtherJobError: it is none.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise OtherJobError(f"{MANIFEST_FILE} was not written by this command") from error

    def check_same(self, begun: "Manifest") -> None:
        """Whether this job may go on with what another has begun.

        Raises:
            OtherJobError: they differ.
        """
        for name, what in _DIFFERENCES.items():
            before, now = getattr(begun, name), getattr(self, name)
            if before != now:
                raise OtherJobError(f"it was begun with {what} {_told(before)}, not {_told(now)}")
        if self.plan != begun.plan:
            raise OtherJobError("the pictures are others than when it was begun: some were added, removed or changed")


_DIFFERENCES: Final = {
    "format": "the format",
    "sources": "the sources",
    "shard_size": "the shard size",
    "column": "the column",
    "key": "the key",
    "model": "the model",
    "max_bytes": "DIGITS_MAX_BYTES",
    "max_pixels": "DIGITS_MAX_PIXELS",
}


def part(shard: int) -> str:
    """The name of a shard's results."""
    return f"part-{shard:06}.parquet"


def write_plan(shards: Iterable[list[Item]], path: Path) -> tuple[int, str]:
    """Write down the shards, one after the other; returns their number, and the plan's SHA-256."""
    digest = hashlib.sha256()
    count = 0
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for shard in shards:
            rows = [
                {
                    "place": item.place.encode("utf-8", "surrogateescape"),
                    "row_group": item.row_group,
                    "extent": item.extent,
                }
                for item in shard
            ]
            for row in rows:
                digest.update(repr(tuple(row.values())).encode())
            digest.update(b"\n")
            # A row group for each shard: one can be read without the others.
            writer.write_table(pa.Table.from_pylist(rows, _SCHEMA), row_group_size=len(rows))
            count += 1
    return count, digest.hexdigest()


def planned(file: IO[bytes], shard: int) -> list[Item]:
    """What a shard consists of, as an open plan says."""
    with pq.ParquetFile(file) as plan:
        rows = plan.read_row_group(shard, use_threads=False).to_pylist()
    return [Item(row["place"].decode("utf-8", "surrogateescape"), row["row_group"], row["extent"]) for row in rows]


def _told(value: object) -> str:
    match value:
        case ModelName(name=name, version=version):
            return f"{name} {version}"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)
