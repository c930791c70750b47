"""An item of a shard -> what became of each of its pictures, one after the other."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq

from app.batch import Reader, read_loaded, take
from app.bulk.files import is_remote, opened
from app.bulk.listing import WHOLE, Columns, Item, is_table, is_tar
from app.errors import MissingPictureError, StoreError, TooManyBytesError
from app.results import Result
from app.walk import is_picture

DAMAGED: Final = "damaged_archive"
"""The code of an archive that cannot be read to its end."""

Found = tuple[str | None, Result]
"""A picture's name in its archive, None where it lies in none, and what became of it."""

_ROWS: Final = 16
"""Pictures of a Parquet file in memory at a time."""

_BROKEN_TAR: Final = (tarfile.ReadError, EOFError, zlib.error, lzma.LZMAError)


def read_item(item: Item, reader: Reader, columns: Columns, max_bytes: int) -> Iterator[Found]:
    """Read what there is, in the order in which it lies there.

    Args:
        item: a picture, a tar file or a row group.
        reader: what reads pictures.
        columns: of Parquet files.
        max_bytes: size of the largest picture to load.

    Raises:
        OSError, StoreError: the place does not let it be read now. What is wrong with a picture, or with an archive
            for good, becomes part of the results.
    """
    if is_table(item.place):
        return _read_table(item, reader, columns, max_bytes)
    if is_tar(item.place):
        return _read_tar(item.place, reader, max_bytes)
    return iter([(None, read_loaded(item.place, partial(_load, item.place, max_bytes), reader))])


def _load(place: str, max_bytes: int) -> bytes:
    try:
        with opened(place) as file:
            return take(file, max_bytes)
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        if is_remote(place):
            # The network's fault, perhaps: not to be recorded as the picture's.
            raise StoreError(f"{place}: {error}") from error
        raise


class _StrictHeader(tarfile.TarInfo):
    """A header that is none, or no end mark, is an error: tarfile would take it for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "_StrictHeader":
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


class _Guarded:
    """A file whose failures are told from what is wrong with its content."""

    def __init__(self, place: str, file: IO[bytes]) -> None:
        self._place = place
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise StoreError(f"{self._place}: {error}") from error


def _read_tar(place: str, reader: Reader, max_bytes: int) -> Iterator[Found]:
    with opened(place) as file:
        try:
            # As a stream: nothing is sought, nothing is read twice.
            with tarfile.open(
                fileobj=cast(IO[bytes], _Guarded(place, file)), mode="r|*", tarinfo=_StrictHeader
            ) as archive:
                for member in archive:
                    if member.isfile() and is_picture(member.name):
                        yield member.name, _read_member(place, archive, member, reader, max_bytes)
                    # Or the archive would remember all its members.
                    archive.members.clear()  # type: ignore[attr-defined]
        except _BROKEN_TAR as error:
            yield None, _damaged(place, error)


def _read_member(
    place: str, archive: tarfile.TarFile, member: tarfile.TarInfo, reader: Reader, max_bytes: int
) -> Result:
    content = archive.extractfile(member)
    assert content is not None
    return read_loaded(place, partial(take, content, max_bytes), reader)


def _read_table(item: Item, reader: Reader, columns: Columns, max_bytes: int) -> Iterator[Found]:
    remote = is_remote(item.place)
    with opened(item.place) as file:
        try:
            yield from _read_rows(file, item, reader, columns, max_bytes)
        except pa.ArrowInvalid as error:
            yield None, _damaged(item.place, error)
        except OSError as error:
            # Arrow says so of pages that cannot be decompressed, too.
            if remote:
                raise
            yield None, _damaged(item.place, error)


def _read_rows(file: IO[bytes], item: Item, reader: Reader, columns: Columns, max_bytes: int) -> Iterator[Found]:
    with pq.ParquetFile(file, buffer_size=2**20, pre_buffer=False) as table:
        if item.row_group == WHOLE:
            # It could not be read when the job was planned.
            raise pa.ArrowInvalid("the file was damaged when the job began")
        number = sum(table.metadata.row_group(group).num_rows for group in range(item.row_group))
        wanted = [columns.picture, *filter(None, [columns.key])]
        for batch in table.iter_batches(_ROWS, row_groups=[item.row_group], columns=wanted, use_threads=False):
            pictures = batch.column(columns.picture)
            names = batch.column(columns.key) if columns.key is not None else None
            for index in range(batch.num_rows):
                name = str(number) if names is None else str(names[index].as_py())
                yield name, read_loaded(item.place, partial(_value, pictures[index], max_bytes), reader)
                number += 1


def _value(scalar: Any, max_bytes: int) -> bytes:
    """The bytes of a picture; null, or a struct without them, has none."""
    value = scalar.as_py()
    content = value.get("bytes") if isinstance(value, dict) else value
    if not content:
        raise MissingPictureError("It is empty.")
    if len(content) > max_bytes:
        raise TooManyBytesError(f"It has more than {max_bytes:,} bytes, which DIGITS_MAX_BYTES allows.")
    return bytes(content)


def _damaged(place: str, error: Exception) -> Result:
    return Result(place, code=DAMAGED, detail=f"The archive cannot be read from here on: {error}.")
