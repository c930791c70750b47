"""What goes on beside everything else, in a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_background(name: str, run: Callable[[threading.Event], None], patience: float) -> Iterator[None]:
    """Let a thread run while the block does.

    Args:
        name: the thread's.
        run: what it does, until the event is set that it is given.
        patience: seconds that the end of the block waits for it; the process ends without it.
    """
    ended = threading.Event()
    thread = threading.Thread(target=run, args=(ended,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(patience)
