"""The rate limit: exact for each client, whole again with time, one for all processes, of bounded size."""

import os
import sys
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory

import pytest

from app import rate as module
from app.rate import Limiter, Rate, shared_between_processes


def count_ten() -> None:
    """Ask ten times; the exit code tells how often that was allowed."""
    limiter = Limiter(Rate.parse("15/hour"))
    sys.exit([limiter.wait(b"client") == 0 for _ in range(10)].count(True))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [("1/second", 1, 1), ("600/minute", 600, 60), ("999999999/hour", 999_999_999, 3600)],
)
def test_rates_as_they_are_written(text: str, requests: int, seconds: int) -> None:
    """A number and a unit of time."""
    assert Rate.parse(text) == Rate(requests, seconds)


@pytest.mark.parametrize(
    "text", ["", "600", "0/minute", "-1/minute", "1.5/minute", "600/day", "600 / minute", "1000000000/hour", "²/hour"]
)
def test_what_is_no_rate(text: str) -> None:
    """Anything else is told how to be written."""
    with pytest.raises(ValueError, match="600/minute"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["1/second", "7/second", "600/minute", "3/hour", "999999/hour"])
def test_allowance_is_exact(clock: Clock, text: str) -> None:
    """As many requests as the limit says pass at once, and not one more."""
    rate = Rate.parse(text)
    limiter = Limiter(rate, clock)
    passed = 0
    while limiter.wait(b"client") == 0:
        passed += 1
    assert passed == rate.requests


def test_allowance_comes_back_evenly(clock: Clock) -> None:
    """One request each sixth of a minute; after a whole minute the whole allowance, never more."""
    limiter = Limiter(Rate.parse("6/minute"), clock)
    assert [limiter.wait(b"client") for _ in range(6)] == [0] * 6
    for _ in range(3):
        assert limiter.wait(b"client") > 0
        clock.now += 10
        assert limiter.wait(b"client") == 0
    clock.now += 3600
    assert [limiter.wait(b"client") == 0 for _ in range(7)] == [True] * 6 + [False]


def test_who_waits_as_told_gets_through(clock: Clock) -> None:
    """After the seconds that are named, and not before, the next request passes; asking in vain costs nothing."""
    limiter = Limiter(Rate.parse("2/hour"), clock)
    assert [limiter.wait(b"client"), limiter.wait(b"client")] == [0, 0]
    seconds = [limiter.wait(b"client") for _ in range(100)]
    assert set(seconds) == {seconds[0]}
    clock.now += 0.75 * seconds[0]
    assert limiter.wait(b"client") > 0
    clock.now += 0.25 * seconds[0]
    assert limiter.wait(b"client") == 0


def test_clients_do_not_disturb_each_other(clock: Clock) -> None:
    """Each client has an allowance of its own."""
    limiter = Limiter(Rate.parse("1/hour"), clock)
    clients = [bytes([number]) for number in range(50)]
    assert [limiter.wait(client) for client in clients] == [0] * 50
    assert all(limiter.wait(client) > 0 for client in clients)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """More clients than there are cells share some; the memory does not grow."""
    monkeypatch.setattr(module, "_CELLS", 4)
    limiter = Limiter(Rate.parse("1/hour"), clock)
    size = limiter._memory.nbytes
    assert sum(limiter.wait(bytes([number])) == 0 for number in range(200)) == 4
    assert limiter._memory.nbytes == size < 100


def test_cells_cannot_be_foretold(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Which clients share a cell differs from start to start, so nobody can choose to share another's."""
    monkeypatch.setattr(module, "_CELLS", 64)

    def sharing() -> tuple[bool, ...]:
        limiter = Limiter(Rate.parse("1/hour"), clock)
        return tuple(limiter.wait(bytes([number])) == 0 for number in range(64))

    assert len({sharing() for _ in range(5)}) == 5


def test_processes_count_together() -> None:
    """Two processes let through together what one would.

    One after the other: they write without a lock, so requests of the same microsecond may be counted once for both.
    """
    # As the server starts its processes.
    start = get_context("spawn").Process
    with shared_between_processes():
        processes = [start(target=count_ten) for _ in range(2)]
        for process in processes:
            process.start()
            process.join(120)
    assert [process.exitcode for process in processes] == [10, 5]


def test_shared_memory_goes_when_it_is_over() -> None:
    """Nothing is left behind, and later limiters count by themselves."""
    with shared_between_processes():
        name = os.environ[module._VARIABLE]
        shared = Limiter(Rate.parse("1/hour"))
        assert shared.wait(b"client") == 0
        assert Limiter(Rate.parse("1/hour")).wait(b"client") > 0
        assert shared._shared is not None
    assert module._VARIABLE not in os.environ
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)
    assert Limiter(Rate.parse("1/hour")).wait(b"client") == 0
