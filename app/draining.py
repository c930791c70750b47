"""SIGTERM, or no parent any more -> a process that says it is not ready, answers for a while, and then ends."""

import asyncio
import faulthandler
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # The process that only watches over the others does without what the gate counts with.
    from app.gate import Gate

SHUTDOWN_SECONDS: Final = 5
"""How long requests under way may take once no more are accepted."""

FAREWELL_SECONDS: Final = 3
"""How long requests that were given up may then take to be told so: one may wait for a picture in a thread."""

_LAST_RESORT_SECONDS: Final = 5
"""How long after that the process ends whatever its threads do: a decoder that hangs cannot be stopped otherwise."""


@contextmanager
def draining(gate: "Gate", seconds: float) -> Iterator[None]:
    """While the block runs, let SIGTERM reach the server only after the gate has been draining for some time.

    Load balancers need that time to find the process not ready. Further SIGTERMs change nothing: a process may get one
    from its supervisor and one from whoever stops them all. Ctrl-C is the server's as ever and ends the wait.

    Args:
        gate: told that the end is near.
        seconds: that pass before the server is told.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are handled in the main thread only; a server that runs elsewhere is stopped in another way.
        yield
        return
    loop = asyncio.get_running_loop()
    servers = signal.getsignal(signal.SIGTERM)

    def end() -> None:
        signal.signal(signal.SIGTERM, servers)
        signal.raise_signal(signal.SIGTERM)

    def begin(_: int, __: FrameType | None) -> None:
        gate.draining = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        faulthandler.dump_traceback_later(seconds + SHUTDOWN_SECONDS + _LAST_RESORT_SECONDS, exit=True)
        loop.call_soon_threadsafe(loop.call_later, seconds, end)

    signal.signal(signal.SIGTERM, begin)
    _end_with(multiprocessing.parent_process())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, servers)


def _end_with(parent: multiprocessing.process.BaseProcess | None) -> None:
    """Send this process SIGTERM when the one that started it has ended; a process that a person started has none."""
    if parent is None:
        return

    def run() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=run, name="parent", daemon=True).start()
