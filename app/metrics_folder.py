"""Where several processes count together: made before they start, removed when they have ended."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder; the Prometheus client reads it when it is imported."""

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # only a folder with a random name is made there
"""Where files cost no disk; on Linux also in containers whose own files are read-only."""


@contextmanager
def shared_folder(memory: Path = MEMORY) -> Iterator[None]:
    """Give the processes that are started in this block a folder for their metrics.

    Raises:
        OSError: there is no place for it.
    """
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="digits-metrics-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]
