"""Where several processes count together: made before they start, removed when they have ended."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder; the Prometheus client reads it when it is imported."""

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # only a folder with a random name is made there
"""Where files cost no disk; on Linux also in containers whose own files are read-only."""

_PREFIX: Final = "digits-metrics-"
_LOCK: Final = "lock"
"""Held by the process that made the folder, however it ends."""

_YOUNG_SECONDS: Final = 60.0
"""A folder may be there for so long before its lock is held."""


@contextmanager
def shared_folder(memory: Path = MEMORY) -> Iterator[None]:
    """Give the processes that are started in this block a folder for their metrics.

    Folders that processes left behind which were killed are removed.

    Raises:
        OSError: there is no place for it.
    """
    place = memory if os.access(memory, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place, ignore_cleanup_errors=True) as folder,
        FileLock(Path(folder) / _LOCK),
    ):
        _remove_abandoned(Path(folder))
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def _remove_abandoned(own: Path) -> None:
    user = own.stat().st_uid
    for folder in own.parent.glob(f"{_PREFIX}*"):
        # Somebody else's folder, or one that another process is just removing, is none of ours.
        with contextlib.suppress(OSError, Timeout):
            found = folder.lstat()
            is_ours = folder.is_dir() and not folder.is_symlink() and found.st_uid == user
            if is_ours and time.time() - found.st_mtime > _YOUNG_SECONDS:
                with FileLock(folder / _LOCK, blocking=False):
                    shutil.rmtree(folder, ignore_errors=True)
