"""Files of this machine by their paths, and files elsewhere by URLs that fsspec knows."""

import os
from typing import IO, Any, Final, cast

import fsspec

from app.errors import PlaceError

_LOCAL: Final = "file://"


def is_remote(place: str) -> bool:
    """Whether a place is a URL of somewhere else than this machine's file system."""
    return "://" in place and not place.startswith(_LOCAL)


def absolute(place: str) -> str:
    """The place by a name that means the same in every process: an absolute path, or a URL."""
    return place.rstrip("/") if is_remote(place) else os.path.abspath(place.removeprefix(_LOCAL))  # noqa: PTH100


def store_of(url: str) -> tuple[Any, str]:
    """The file system of a URL, as fsspec knows it, and the path in it.

    Raises:
        PlaceError: there is no such kind of place, or what it takes is not installed.
    """
    try:
        store, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise PlaceError(f"{url} cannot be used: {error}.") from error
    return store, path


def opened(place: str) -> IO[bytes]:
    """A file's content.

    Raises:
        OSError: it cannot be read.
    """
    if not is_remote(place):
        return open(place, "rb")  # noqa: PTH123  # names are strings here, whatever bytes they have
    store, path = store_of(place)
    return cast(IO[bytes], store.open(path, "rb"))
