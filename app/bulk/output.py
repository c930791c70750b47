"""The folder that results go to, here or elsewhere: each file is there whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from app.bulk.files import is_remote, opened, store_of

_UNFINISHED: Final = ".tmp"


class Output:
    """A folder that several processes write to, on several machines."""

    def __init__(self, place: str) -> None:
        """Make the folder where it is not there.

        Args:
            place: an absolute path, or a URL.

        Raises:
            PlaceError: there is no such kind of place.
            OSError: it cannot be made.
        """
        self.place = place
        self._remote = is_remote(place)
        if self._remote:
            store, path = store_of(place)
            store.makedirs(path, exist_ok=True)
        else:
            Path(place).mkdir(parents=True, exist_ok=True)

    def names(self) -> set[str]:
        """Of the files that are there; unfinished ones are not."""
        if not self._remote:
            return {name for name in os.listdir(self.place) if not name.endswith(_UNFINISHED)}  # noqa: PTH208
        store, path = store_of(self.place)
        store.invalidate_cache()
        return {str(name).rstrip("/").rpartition("/")[2] for name in store.ls(path, detail=False)}

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        if not self._remote:
            return Path(self.place, name).exists()
        store, path = store_of(f"{self.place}/{name}")
        store.invalidate_cache()
        return bool(store.exists(path))

    def open(self, name: str) -> IO[bytes]:
        """A file's content.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        return opened(f"{self.place}/{name}")

    @contextmanager
    def publish(self, name: str) -> Iterator[Path]:
        """Let the block write a file of this machine, which gets its name at the end, or goes away on an error.

        One that has the name already is replaced.

        Raises:
            OSError: it cannot be written.
        """
        handle, unfinished = tempfile.mkstemp(
            prefix=f".{name}.", suffix=_UNFINISHED, dir=None if self._remote else self.place
        )
        os.close(handle)
        try:
            yield Path(unfinished)
            if self._remote:
                # Stores of objects show an object once it is there whole.
                store, path = store_of(f"{self.place}/{name}")
                store.put_file(unfinished, path)
            else:
                _make_last(unfinished)
                os.replace(unfinished, Path(self.place, name))
        finally:
            Path(unfinished).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what killed processes have left unfinished; nobody may be writing."""
        if not self._remote:
            for left in Path(self.place).glob(f".*{_UNFINISHED}"):
                left.unlink(missing_ok=True)


def _make_last(path: str) -> None:
    """Let a file survive a power failure, with the modes of an ordinary one: temporary ones are their owner's alone."""
    umask = os.umask(0)
    os.umask(umask)
    with open(path, "rb+") as file:  # noqa: PTH123
        os.fchmod(file.fileno(), 0o666 & ~umask)
        os.fsync(file.fileno())
