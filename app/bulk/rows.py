"""What became of each picture -> rows of a Parquet file, a few at a time."""

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

from app.bulk.contents import Found
from app.schemas import ModelName

SCHEMA: Final = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # absolute, or a URL; bytes that are not UTF-8 are escaped
        pa.field("key", pa.string()),  # the picture's name in its archive
        pa.field("digit", pa.int8()),  # this and the next four are null where there is an error
        pa.field("probabilities", pa.list_(pa.float32())),  # of 0 to 9, in this order
        pa.field("confidence", pa.float32()),
        pa.field("verdict", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("error", pa.string()),  # a code of the API, or unreadable_file, or damaged_archive
        pa.field("error_detail", pa.string()),
        pa.field("model", pa.string(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
    ]
)

_BLOCK: Final = 1024
"""Rows in memory at a time, some 150 KB."""

_DIGIT: Final = SCHEMA.get_field_index("digit")


class RowWriter:
    """A Parquet file that is being written."""

    def __init__(self, path: Path, model: ModelName) -> None:
        """Begin a file; it is whole once the context has ended."""
        self._model = model
        self._rows: list[dict[str, object]] = []
        self._file = pq.ParquetWriter(path, SCHEMA, compression="zstd")

    def add(self, found: Found) -> None:
        """One row more."""
        self._rows.append(_row(found, self._model))
        if len(self._rows) == _BLOCK:
            self._flush()

    def _flush(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
        self._rows = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._file.close()


def counts(file: pq.ParquetFile) -> tuple[int, int]:
    """How many rows a file has, and how many of them are of pictures that could not be read."""
    metadata = file.metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return metadata.num_rows, sum(group.column(_DIGIT).statistics.null_count for group in groups if group.num_rows)


def _row(found: Found, model: ModelName) -> dict[str, object]:
    key, result = found
    read = result.prediction
    return {
        "path": _text(result.path),
        "key": None if key is None else _text(key),
        "digit": read and read.digit,
        "probabilities": read and read.probabilities,
        "confidence": read and read.confidence,
        "verdict": read and read.verdict,
        "reason": read and read.reason,
        "error": result.code or None,
        "error_detail": _text(result.detail) if result.code else None,
        "model": model.name,
        "model_version": model.version,
    }


def _text(name: str) -> str:
    """What Parquet takes for a text: bytes that are not UTF-8 as Python writes them."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
