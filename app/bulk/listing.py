"""The sources a user names -> what is to be read, in an order that is the same each time."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from app.bulk.files import is_remote, opened, store_of
from app.errors import PlaceError
from app.walk import is_picture, walk

WHOLE: Final = -1
"""In place of a row group: all there is in a file."""

_TARS: Final = (".tar", ".tar.gz", ".tgz")
_TABLE: Final = ".parquet"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a Parquet file the pictures are."""

    picture: str = "image"
    """Holds picture files as binary values, or as structs whose field `bytes` does: Hugging Face's way."""
    key: str | None = None
    """Holds the pictures' names; without it they are called by their number in the file, from 0."""


@dataclass(frozen=True, slots=True)
class Item:
    """A picture, an archive of pictures, or a part of one."""

    place: str
    row_group: int = WHOLE
    """Of a Parquet file."""
    extent: int = 0
    """Bytes of a tar file, rows of a row group; an archive of another extent is another archive."""

    @property
    def is_archive(self) -> bool:
        """Whether it holds more than one picture."""
        return is_tar(self.place) or is_table(self.place)


def is_tar(name: str) -> bool:
    """Whether a name is that of a WebDataset's shard."""
    return name.lower().endswith(_TARS)


def is_table(name: str) -> bool:
    """Whether a name is that of a Parquet file."""
    return name.lower().endswith(_TABLE)


def items(sources: Iterable[str], columns: Columns) -> Iterator[Item]:
    """What is to be read, folders in the order of their sorted names.

    Args:
        sources: absolute paths, or URLs, of files and folders. From folders, names that begin with a dot are left out,
            as all that are neither pictures nor archives.
        columns: of Parquet files.

    Raises:
        PlaceError: a source is not there, or a Parquet file has no such column.
    """
    for source in sources:
        for place in _remote(source) if is_remote(source) else _local(source):
            if is_table(place):
                yield from _row_groups(place, columns)
            else:
                yield Item(place, extent=_size(place) if is_tar(place) else 0)


def sharded(found: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut what is to be read into shards: each archive, or part of one, is a shard; of pictures so many."""
    pictures: list[Item] = []
    for item in found:
        if item.is_archive:
            if pictures:
                yield pictures
                pictures = []
            yield [item]
            continue
        pictures.append(item)
        if len(pictures) == size:
            yield pictures
            pictures = []
    if pictures:
        yield pictures


def _wanted(name: str) -> bool:
    return is_picture(name) or is_tar(name) or is_table(name)


def _local(source: str) -> Iterator[str]:
    if not os.path.lexists(source):
        raise PlaceError(f"{source} is not there.")
    yield from walk([source], _wanted)


def _remote(source: str) -> Iterator[str]:
    store, root = store_of(source)
    try:
        if not store.isdir(root):
            if not store.exists(root):
                raise PlaceError(f"{source} is not there.")
            yield source
            return
        open_folders = [_entries(store, root)]
        while open_folders:
            entry = next(open_folders[-1], None)
            if entry is None:
                open_folders.pop()
            elif entry["type"] == "directory":
                open_folders.append(_entries(store, entry["name"]))
            else:
                yield store.unstrip_protocol(entry["name"])
    except OSError as error:
        raise PlaceError(f"{source} cannot be listed: {error}.") from error


def _entries(store: Any, folder: str) -> Iterator[dict[str, Any]]:
    """The folders and the files to read in a folder, sorted; all its names are in memory meanwhile."""
    for entry in sorted(store.ls(folder, detail=True), key=lambda entry: str(entry["name"])):
        name = entry["name"].rstrip("/").rpartition("/")[2]
        # Some stores list a folder among its own entries.
        if name.startswith(".") or entry["name"].rstrip("/") == folder.rstrip("/"):
            continue
        if entry["type"] == "directory" or _wanted(name):
            yield entry


def _size(place: str) -> int:
    """Bytes of a file; 0 of one that cannot be asked, as who reads it will say."""
    try:
        if not is_remote(place):
            return os.path.getsize(place)  # noqa: PTH202
        store, path = store_of(place)
        return int(store.info(path)["size"] or 0)
    except OSError:
        return 0


def _row_groups(place: str, columns: Columns) -> Iterator[Item]:
    try:
        with opened(place) as file, pq.ParquetFile(file) as table:
            metadata, schema = table.metadata, table.schema_arrow
    except (OSError, pa.ArrowInvalid):
        # Who reads it will say what is wrong with it.
        yield Item(place, extent=_size(place))
        return
    for column in filter(None, (columns.picture, columns.key)):
        if column not in schema.names:
            raise PlaceError(
                f"{place} has no column {column}, only {', '.join(schema.names)}. "
                "Name those of the pictures and of their names with --column and --key."
            )
    if not _holds_pictures(schema.field(columns.picture).type):
        raise PlaceError(
            f"The column {columns.picture} of {place} holds no picture files, but {schema.field(columns.picture).type}."
        )
    for group in range(metadata.num_row_groups):
        yield Item(place, group, metadata.row_group(group).num_rows)


def _holds_pictures(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_pictures(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_null(kind))
