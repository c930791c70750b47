"""glibc's allocator: keeps little of the memory that requests no longer need, and not for long."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

TRIM_SECONDS: Final = 30.0
"""How long a process keeps at most what it no longer needs. Giving it back takes 8 ms where much has gathered."""

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of malloc.h."""

_LIBC: Final = ctypes.CDLL(None)


@contextmanager
def trimmed_memory(seconds: float = TRIM_SECONDS) -> Iterator[None]:
    """While the block runs, return unused memory to the system; where there is no glibc, nothing is done.

    glibc gives each new thread an arena of its own, eight for each core, and returns only the end of each: one small
    object behind a large picture keeps the room of the picture. Threads for pictures come and go, so that a process
    takes 20 MB more now and then for hours. One arena for all is enough, as threads that decode allocate rarely.
    See mallopt(3) and malloc_trim(3).
    """
    if not hasattr(_LIBC, "malloc_trim"):
        yield
        return
    _LIBC.mallopt(_ARENA_MAX, 1)
    over = threading.Event()

    def trim() -> None:
        while not over.wait(seconds):
            _LIBC.malloc_trim(0)

    thread = threading.Thread(target=trim, name="allocator", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
