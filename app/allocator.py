"""glibc's allocator: keeps little of the memory that requests no longer need, and not for long."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from app.background import in_background

TRIM_SECONDS: Final = 5.0
"""How long a process keeps at most what it no longer needs. To give back 100 MB takes some 8 ms, nothing 0.1 ms."""

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of malloc.h."""

_PATIENCE: Final = 1.0
"""Seconds that the end waits for a trim under way."""

_LIBC: Final[Any] = ctypes.CDLL(None) if os.name == "posix" else None


def share_arena() -> None:
    """Let all threads that are yet to come allocate from one arena, for good; without glibc, nothing is done.

    glibc gives each new thread an arena of its own, eight for each core, and what one has left the others do not use.
    Threads for pictures come and go, so that a process takes 20 MB more now and then for hours. One arena for all is
    enough, as threads that decode allocate rarely. See mallopt(3).
    """
    if hasattr(_LIBC, "mallopt"):
        _LIBC.mallopt(_ARENA_MAX, 1)


@contextmanager
def trimmed_memory(seconds: float = TRIM_SECONDS) -> Iterator[None]:
    """While the block runs, return unused memory to the system now and then; without glibc, nothing is done.

    By itself glibc returns only the end of an arena: one small object behind a large picture keeps the room of the
    picture. See malloc_trim(3).
    """
    if not hasattr(_LIBC, "malloc_trim"):
        yield
        return

    def trim(ended: threading.Event) -> None:
        while not ended.wait(seconds):
            _LIBC.malloc_trim(0)

    with in_background("allocator", trim, _PATIENCE):
        yield
