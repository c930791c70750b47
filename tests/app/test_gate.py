"""What is taken on is bounded by count and by bytes, in the order in which it came, and only while somebody waits."""

import math
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from app import gate as module
from app.admission import Pool
from app.errors import DeadlineExceededError, OverloadedError
from app.gate import CALLER, NEWCOMERS, ROUND, STANDING_SHARE, Caller, Gate
from tests.app.test_metrics import current, told

PATIENCE = 30.0
"""Seconds after which a thread that is not released gives up, so that a failing test ends."""

QUEUE = 16
STANDING = QUEUE // STANDING_SHARE


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    anyio.run(scenario)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the gate takes for the time."""
    stopped = Clock()
    monkeypatch.setattr(module, "time", stopped)
    return stopped


def refuses(gate: Gate) -> bool:
    """Whether one more request is refused."""
    try:
        gate.check()
    except OverloadedError:
        return True
    return False


class TestCount:
    def test_burst(self, clock: Clock) -> None:
        """As many requests as the queue is long may wait; the next is refused."""
        gate = Gate(queue=QUEUE)
        gate.waiting = QUEUE - 1
        assert not refuses(gate)
        gate.waiting = QUEUE
        assert refuses(gate)
        assert clock.now == 1000.0

    def test_standing_queue_is_short(self, clock: Clock) -> None:
        """After a refusal the queue is kept short until for a second none was refused."""
        gate = Gate(queue=QUEUE)
        gate.waiting = QUEUE
        assert refuses(gate)
        gate.waiting = STANDING
        for _ in range(5):
            clock.now += 0.9
            assert refuses(gate)
        gate.waiting = STANDING - 1
        assert not refuses(gate)
        gate.waiting = STANDING
        clock.now += 1.0
        assert not refuses(gate)

    def test_caller_waits_once(self) -> None:
        """A request counts from when it is whole until it steps aside or is over, and never twice."""
        gate = Gate()
        caller = Caller(gate, 1.0)
        assert gate.waiting == 0
        caller.arrived()
        caller.arrived()
        assert gate.waiting == 1
        caller.step_aside()
        caller.step_aside()
        caller.release()
        assert gate.waiting == 0

    def test_place_in_the_pool_is_no_wait_for_the_loop(self) -> None:
        """A request that has its place in the pool leaves the queue: photographs do not keep small pictures out."""

        async def scenario() -> None:
            gate, pool = Gate(), Pool(threads=1, capacity=1)
            caller = Caller(gate, anyio.current_time() + PATIENCE)
            caller.arrived()
            CALLER.set(caller)
            with pool.place():
                assert gate.waiting == 0

        run(scenario)


class TestBytes:
    def test_announced(self) -> None:
        """A body that is announced comes in if there is room for it, to the byte."""
        gate = Gate(held_bytes=1000)
        first = Caller(gate, 1.0)
        first.hold(600)
        gate.check(400)
        with pytest.raises(OverloadedError, match="bytes"):
            gate.check(401)
        first.release()
        gate.check(1000)

    def test_what_never_fits_is_refused_by_the_application(self) -> None:
        """Who announces more than there will ever be room for is told how large a picture may be, not to try again."""
        gate = Gate(held_bytes=1000)
        gate.check(1001)
        Caller(gate, 1.0).hold(600)
        gate.check(2**40)

    def test_unannounced(self) -> None:
        """A body that is not is refused with the first piece too many, and gives all back."""
        gate = Gate(held_bytes=1000)
        first, second = Caller(gate, 1.0), Caller(gate, 1.0)
        first.hold(600)
        second.hold(400)
        with pytest.raises(OverloadedError, match="bytes"):
            second.hold(1)
        second.release()
        second.release()
        assert gate.held == 600


class TestConnections:
    @pytest.mark.parametrize(("busy", "refused"), [(56, False), (57, True), (64, True)])
    def test_last_are_for_probes(self, busy: int, refused: bool) -> None:
        """One in eight is left to probes."""
        gate = Gate(connections=64)
        if refused:
            with pytest.raises(OverloadedError, match="connections"):
                gate.check_connections(busy)
        else:
            gate.check_connections(busy)


class TestTurns:
    def test_a_few_each_round_in_order(self) -> None:
        """Requests are begun in the order in which they came, a few in each round of the event loop."""

        async def scenario() -> None:
            gate, begun = Gate(), list[int]()

            async def request(number: int) -> None:
                await gate.turn()
                begun.append(number)

            async with anyio.create_task_group() as tasks:
                for number in range(5 * ROUND):
                    tasks.start_soon(request, number)
                seen = []
                while len(begun) < 5 * ROUND:
                    await anyio.lowlevel.checkpoint()
                    seen.append(len(begun))
            assert begun == list(range(5 * ROUND))
            assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= ROUND

        run(scenario)

    def test_who_left_takes_no_turn(self) -> None:
        """A request that is cancelled while it waits holds up nobody."""

        async def scenario() -> None:
            gate, begun = Gate(), list[int]()

            async def request(number: int) -> None:
                await gate.turn()
                begun.append(number)

            async with anyio.create_task_group() as staying:
                async with anyio.create_task_group() as leaving:
                    for number in range(ROUND):
                        staying.start_soon(request, number)
                    for number in range(100, 150):
                        leaving.start_soon(request, number)
                    for number in range(ROUND, 2 * ROUND):
                        staying.start_soon(request, number)
                    await anyio.lowlevel.checkpoint()
                    leaving.cancel_scope.cancel()
                for _ in range(3):
                    await anyio.lowlevel.checkpoint()
                assert sorted(number for number in begun if number < 100) == list(range(2 * ROUND))

        run(scenario)

    def test_new_connections_come_first(self) -> None:
        """While each look at the network finds a new connection, work waits, for a bounded number of looks."""

        async def scenario() -> None:
            gate, begun = Gate(), list[int]()

            async def request(number: int) -> None:
                await gate.turn()
                begun.append(number)

            async with anyio.create_task_group() as tasks:
                for number in range(2 * ROUND):
                    tasks.start_soon(request, number)
                looks = 0
                while len(begun) < 2 * ROUND:
                    gate.opened += 1
                    looks += 1
                    await anyio.lowlevel.checkpoint()
            assert NEWCOMERS <= looks <= NEWCOMERS + 10

        run(scenario)


class Task:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.begun = 0

    def work(self) -> None:
        self.begun += 1
        self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()


class TestPatience:
    def test_check(self) -> None:
        """Work begins before the deadline, and while the caller is there."""
        caller = Caller(Gate(), deadline=10.0)
        caller.check(9.9)
        with pytest.raises(DeadlineExceededError):
            caller.check(10.0)
        caller.leave()
        with pytest.raises(DeadlineExceededError):
            caller.check(9.0)

    @pytest.mark.parametrize("pieces", [1, 3])
    @pytest.mark.parametrize("how", ["leaves", "deadline"])
    def test_what_waits_is_not_begun(self, pieces: int, how: str) -> None:
        """What waits for a thread when its caller leaves or its deadline passes never runs; its neighbours do."""

        async def scenario() -> None:
            gate, pool = Gate(), Pool(threads=1, capacity=3)
            blocked, unwanted = Task(), Task()
            answers, given_up = list[str](), anyio.Event()

            async def neighbour(name: str) -> None:
                CALLER.set(Caller(gate, anyio.current_time() + PATIENCE))
                await pool.run(blocked.work)
                answers.append(name)

            async def impatient(caller: Caller) -> None:
                CALLER.set(caller)
                with pytest.raises(DeadlineExceededError), pool.place():
                    await pool.turns([unwanted.work] * pieces)
                answers.append("impatient")
                given_up.set()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(neighbour, "first")
                await anyio.wait_all_tasks_blocked()
                now = anyio.current_time()
                caller = Caller(gate, now + (PATIENCE if how == "leaves" else 0.01))
                tasks.start_soon(impatient, caller)
                tasks.start_soon(neighbour, "last")
                await anyio.wait_all_tasks_blocked()
                if how == "leaves":
                    caller.leave()
                await given_up.wait()
                # The place is free: the pool takes a third.
                tasks.start_soon(neighbour, "third")
                await anyio.wait_all_tasks_blocked()
                blocked.open()
            assert unwanted.begun == 0
            assert answers[0] == "impatient"
            assert set(answers) == {"impatient", "first", "last", "third"}

        run(scenario)

    def test_what_runs_is_finished(self) -> None:
        """What a thread has begun when the caller leaves is finished before the thread takes other work."""

        async def scenario() -> None:
            gate, pool, running = Gate(), Pool(threads=1, capacity=2), Task()
            caller = Caller(gate, anyio.current_time() + PATIENCE)
            order = list[str]()

            async def first() -> None:
                CALLER.set(caller)
                await pool.run(running.work)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(first)
                await anyio.wait_all_tasks_blocked()
                caller.leave()
                tasks.start_soon(pool.run, partial(order.append, "second"))
                await anyio.wait_all_tasks_blocked()
                assert (running.begun, order) == (1, [])
                running.open()
            assert order == ["second"]

        run(scenario)

    def test_gone_before_the_next_piece(self) -> None:
        """A request whose caller left between two of its pieces begins no other."""

        async def scenario() -> None:
            caller = Caller(Gate(), anyio.current_time() + PATIENCE)
            CALLER.set(caller)
            caller.leave()
            done = list[int]()
            with pytest.raises(DeadlineExceededError):
                await Pool(threads=1, capacity=1).run(partial(done.append, 1))
            assert done == []

        run(scenario)


def test_queue_depth() -> None:
    """What arrived counts until it is answered, in the pool too and once only; probes do not."""

    def depth() -> float:
        return told(current(), "digits_queue_depth")

    gate, before = Gate(), depth()
    callers = [Caller(gate, math.inf, probe=probe) for probe in (False, False, True)]
    for caller in callers:
        caller.arrived()
    assert depth() == before + 2
    token = CALLER.set(callers[0])
    with Pool(1, 1).place():
        assert depth() == before + 2
    CALLER.reset(token)
    assert depth() == before + 1
    for caller in callers:
        caller.release()
    assert depth() == before


def test_emptied() -> None:
    """The end waits for the last request, and for no more than its time."""

    async def scenario() -> None:
        gate = Gate()
        gate.serving = 1
        with anyio.fail_after(PATIENCE):
            await gate.emptied(0.02)
            assert gate.serving == 1
            async with anyio.create_task_group() as group:
                group.start_soon(gate.emptied, math.inf)
                await anyio.lowlevel.checkpoint()
                gate.serving = 0

    run(scenario)


def test_later() -> None:
    """What can wait is done in its order, a few a turn of the loop, between what cannot."""
    done: list[int] = []

    async def scenario() -> None:
        gate = Gate()
        for number in range(3 * ROUND + 1):
            gate.later(partial(done.append, number))
        for _ in range(4 * 2):
            before = len(done)
            await anyio.lowlevel.checkpoint()
            assert len(done) <= before + ROUND
        assert done == list(range(3 * ROUND + 1))

    run(scenario)
