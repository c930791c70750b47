"""How much work is accepted and where it runs: quick pictures at once, slow ones in a bounded pool of threads."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from app.decoding import Upload
from app.errors import OverloadedError
from app.gate import CALLER
from app.metrics import QUEUE_DEPTH, waited

QUICK_BYTES: Final = 4 * 1024
"""Bodies up to this size may be opened on the event loop's thread; compressed metadata can make larger ones slow."""

QUICK_PIXELS: Final = 64 * 64
"""Pictures up to this size are read on the event loop's thread: it takes about a millisecond, a hand-off costs more."""

QUICK_FORMATS: Final = frozenset({"PNG", "JPEG", "BMP"})
"""Formats whose decoders take no longer than the pixels suggest."""

Result = TypeVar("Result")


def is_quick(upload: Upload) -> bool:
    """Whether reading this picture takes about a millisecond at most."""
    return upload.format in QUICK_FORMATS and upload.width * upload.height <= QUICK_PIXELS


class Pool:
    """Threads for slow pictures; what does not fit is refused at once, so that waiting stays bounded."""

    def __init__(self, threads: int, capacity: int) -> None:
        """Take on at most `capacity` requests at once; `threads` pieces of their work run and the others wait."""
        self._limiter = anyio.CapacityLimiter(threads)
        self._threads = threads
        self._capacity = capacity
        self._under_way = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread and return what it returns.

        Raises:
            OverloadedError: as much work as fits is under way.
            DeadlineExceededError: the deadline passed, or the caller left, before a thread was free.
        """
        with self.place():
            return await self.turn(work)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take one of the places, for a request whose work comes in several pieces: refused before the first or not.

        Raises:
            OverloadedError: all places are taken.
        """
        if self._under_way >= self._capacity:
            raise OverloadedError("The service is busy with other pictures. Try again in a second.")
        self._under_way += 1
        if (caller := CALLER.get()) is not None:
            caller.step_aside()
        QUEUE_DEPTH.inc()
        try:
            yield
        finally:
            self._under_way -= 1
            QUEUE_DEPTH.dec()

    async def turn(self, work: Callable[[], Result]) -> Result:
        """Run one piece of work of a request that has its place.

        Raises:
            DeadlineExceededError: the deadline passed, or the caller left, before a thread was free. What runs in a
                thread cannot be stopped and is waited for: its thread is not free before.
        """
        with _patience():
            return await self._run(work)

    async def turns(self, works: Sequence[Callable[[], Result]]) -> list[Result]:
        """Run the pieces of work of a request that has its place, and return what they return, in order.

        No more of them stand in the queue than there are threads, so that a request with a hundred pictures delays
        others by one picture a thread and not by a hundred.

        Raises:
            DeadlineExceededError: the deadline passed, or the caller left, before the last of them began.
        """
        waiting = iter(enumerate(works))
        results: dict[int, Result] = {}

        async def take_turns() -> None:
            for index, work in waiting:
                results[index] = await self._run(work)

        with _patience():
            async with anyio.create_task_group() as lanes:
                for _ in range(min(self._threads, len(works))):
                    lanes.start_soon(take_turns)
        return [results[index] for index in range(len(works))]

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await anyio.to_thread.run_sync(waited(work), limiter=self._limiter)


def _patience() -> AbstractContextManager[None]:
    """How long whoever asked waits for a thread."""
    caller = CALLER.get()
    return nullcontext() if caller is None else caller.patience()
