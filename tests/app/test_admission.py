"""Quick pictures at once, slow ones in a bounded pool that refuses what does not fit and recovers."""

import sys
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from types import FrameType

import anyio
import anyio.lowlevel
import pytest
from PIL import Image

from app.admission import QUICK_BYTES, QUICK_FORMATS, QUICK_PIXELS, Pool, is_quick
from app.decoding import FORMATS, decode, open_upload
from app.errors import DamagedPictureError, OverloadedError
from tests import hostile, pictures

MOST_STEPS = 12_000
"""Calls of functions that reading a small file may take before anything is classified; a usual one takes about 250."""

PATIENCE = 30.0
"""Seconds after which a thread that is not released gives up, so that a failing test ends."""


class TestQuickPictures:
    @pytest.mark.parametrize("image_format", FORMATS)
    def test_small_pictures_of_simple_formats(self, image_format: str) -> None:
        """Small pictures are quick in the formats whose decoders are."""
        upload = open_upload(pictures.encode(pictures.seven(28, 28), image_format), QUICK_PIXELS)
        assert is_quick(upload) == (image_format in QUICK_FORMATS)

    def test_limit_is_exact(self) -> None:
        """As many pixels as allowed are quick, one row more is not."""
        side = 64
        assert side * side == QUICK_PIXELS
        quick = open_upload(pictures.encode(Image.new("L", (side, side)), "PNG"), 10**6)
        slow = open_upload(pictures.encode(Image.new("L", (side, side + 1)), "PNG"), 10**6)
        assert is_quick(quick)
        assert not is_quick(slow)

    @pytest.mark.parametrize("name", hostile.QUICK)
    def test_costly_ones(self, name: str) -> None:
        """However a small file is filled up, what is read at once takes a bounded number of steps."""
        body = hostile.QUICK[name]()
        assert len(body) <= QUICK_BYTES
        steps = 0

        def count(_: FrameType, event: str, __: object) -> None:
            nonlocal steps
            steps += event in {"call", "c_call"}

        sys.setprofile(count)
        try:
            upload = open_upload(body, QUICK_PIXELS)
            if is_quick(upload):
                decode(upload)
        except DamagedPictureError:
            pass
        finally:
            sys.setprofile(None)
        assert steps <= MOST_STEPS


class Gate:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.running = 0
        self.most_running = 0
        self.done = 0
        self._lock = threading.Lock()

    def work(self) -> None:
        """Wait for the gate to open."""
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self._open.wait(PATIENCE)
        with self._lock:
            self.running -= 1
            self.done += 1

    def open(self) -> None:
        """Let all work end."""
        self._open.set()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    anyio.run(scenario)


async def refused(pool: Pool) -> bool:
    """Whether the pool refuses one more piece of work."""
    try:
        await pool.run(lambda: None)
    except OverloadedError:
        return True
    return False


class TestPool:
    def test_returns_what_the_work_returns(self) -> None:
        """The result of the work is the pool's answer."""

        async def scenario() -> None:
            assert await Pool(threads=1, capacity=1).run(lambda: 7) == 7

        run(scenario)

    def test_runs_in_another_thread(self) -> None:
        """Work does not hold up the event loop's thread."""

        async def scenario() -> None:
            assert await Pool(threads=1, capacity=1).run(threading.get_ident) != threading.get_ident()

        run(scenario)

    @pytest.mark.parametrize("capacity", [1, 3])
    def test_refuses_exactly_beyond_its_capacity_and_recovers(self, capacity: int) -> None:
        """As much work as fits is taken on, running or waiting; the next is refused, until a place is free again."""

        async def scenario() -> None:
            pool, gate = Pool(threads=1, capacity=capacity), Gate()
            async with anyio.create_task_group() as tasks:
                for _ in range(capacity):
                    tasks.start_soon(pool.run, gate.work)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(OverloadedError, match="Try again"):
                    await pool.run(lambda: None)
                gate.open()
            assert gate.done == capacity
            assert not await refused(pool)

        run(scenario)

    def test_runs_no_more_than_its_threads(self) -> None:
        """No more work runs at once than there are threads; the rest waits its turn."""

        async def scenario() -> None:
            pool, gate = Pool(threads=2, capacity=6), Gate()
            async with anyio.create_task_group() as tasks:
                for _ in range(6):
                    tasks.start_soon(pool.run, gate.work)
                await anyio.wait_all_tasks_blocked()
                gate.open()
            assert gate.most_running <= 2
            assert gate.done == 6

        run(scenario)

    def test_failed_work_frees_its_place(self) -> None:
        """An error of the work reaches the caller and leaves the place free."""

        def fail() -> None:
            raise ValueError("broken")

        async def scenario() -> None:
            pool = Pool(threads=1, capacity=1)
            with pytest.raises(ValueError, match="broken"):
                await pool.run(fail)
            assert not await refused(pool)

        run(scenario)

    def test_refusal_takes_no_place(self) -> None:
        """Being refused again and again does not use the places up."""

        async def scenario() -> None:
            pool, gate = Pool(threads=1, capacity=1), Gate()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pool.run, gate.work)
                await anyio.wait_all_tasks_blocked()
                assert all([await refused(pool) for _ in range(3)])
                gate.open()
            assert not await refused(pool)

        run(scenario)

    def test_cancelled_caller_that_waits_frees_its_place(self) -> None:
        """A client that leaves while its picture waits makes room at once."""

        async def scenario() -> None:
            pool, gate = Pool(threads=1, capacity=2), Gate()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pool.run, gate.work)
                await anyio.wait_all_tasks_blocked()
                async with anyio.create_task_group() as leaving:
                    leaving.start_soon(pool.run, gate.work)
                    await anyio.wait_all_tasks_blocked()
                    assert await refused(pool)
                    leaving.cancel_scope.cancel()
                tasks.start_soon(pool.run, gate.work)
                await anyio.wait_all_tasks_blocked()
                assert await refused(pool)
                gate.open()
            assert gate.done == 2

        run(scenario)

    def test_cancelled_caller_whose_work_runs_frees_its_place_when_it_is_done(self) -> None:
        """A thread cannot be stopped: its place stays taken while it runs, and is free afterwards."""

        async def scenario() -> None:
            pool, gate = Pool(threads=1, capacity=1), Gate()
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(pool.run, gate.work)
                await anyio.wait_all_tasks_blocked()
                leaving.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                    assert await refused(pool)
                    gate.open()
            assert gate.done == 1
            assert not await refused(pool)

        run(scenario)

    def test_work_may_take_arguments_by_partial(self) -> None:
        """What the routes hand over, a partial of a function, runs as it is."""

        async def scenario() -> None:
            assert await Pool(threads=1, capacity=1).run(partial(max, 3, 5)) == 5

        run(scenario)


class TestTurns:
    def test_results_come_in_order(self) -> None:
        """What the pieces return stands in their order, whichever ends first."""

        async def scenario() -> None:
            pool = Pool(threads=3, capacity=1)
            with pool.place():
                assert await pool.turns([partial(int, number) for number in range(20)]) == list(range(20))
                assert await pool.turns([]) == []

        run(scenario)

    def test_one_place_for_all(self) -> None:
        """A request with many pieces takes one place, until the last is done."""

        async def scenario() -> None:
            pool, gate = Pool(threads=2, capacity=1), Gate()

            async def many() -> None:
                with pool.place():
                    await pool.turns([gate.work] * 5)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(many)
                await anyio.wait_all_tasks_blocked()
                assert await refused(pool)
                gate.open()
            assert gate.done == 5
            assert not await refused(pool)

        run(scenario)

    def test_others_get_their_turn_between(self) -> None:
        """One picture waits for one piece of a request with many, not for all of them."""

        async def scenario() -> None:
            pool, order = Pool(threads=1, capacity=2), list[str]()
            first = Gate()

            async def many() -> None:
                with pool.place():
                    rest: list[Callable[[], None]] = [partial(order.append, "many")] * 5
                    await pool.turns([first.work, *rest])

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(many)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(pool.run, partial(order.append, "one"))
                await anyio.wait_all_tasks_blocked()
                first.open()
            assert order.index("one") <= 1

        run(scenario)

    def test_failed_piece_frees_the_place(self) -> None:
        """An error of one piece ends the request and leaves the place free."""

        def fail() -> None:
            raise ValueError("broken")

        async def scenario() -> None:
            pool = Pool(threads=2, capacity=1)
            with pytest.raises(ExceptionGroup) as caught, pool.place():
                await pool.turns([fail, fail])
            assert caught.group_contains(ValueError, match="broken")
            assert not await refused(pool)

        run(scenario)
