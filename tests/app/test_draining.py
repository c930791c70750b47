"""SIGTERM: the process says it is not ready first, and tells the server later."""

import faulthandler
import os
import signal
import threading
from types import FrameType

import anyio
import pytest

from app.draining import draining
from app.gate import Gate


class Server:
    """A server's own handler of SIGTERM."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.told = 0
        self.called = anyio.Event()

    def handle(self, _: int, __: FrameType | None) -> None:
        assert self._gate.draining
        self.told += 1
        self.called.set()


@pytest.fixture
def last_resorts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the process would be ended by force; nothing is armed."""
    armed: list[float] = []

    def arm(timeout: float, *, exit: bool) -> None:  # noqa: A002  # its name there
        assert exit
        armed.append(timeout)

    monkeypatch.setattr(faulthandler, "dump_traceback_later", arm)
    return armed


def test_server_is_told_later_and_once(last_resorts: list[float]) -> None:
    """Between the signal and the server's own end lies the time that balancers need; more signals change nothing."""

    async def scenario() -> None:
        gate = Gate()
        server = Server(gate)
        before = signal.signal(signal.SIGTERM, server.handle)
        try:
            with draining(gate, 0.2):
                assert not gate.draining
                for _ in range(3):
                    signal.raise_signal(signal.SIGTERM)
                assert gate.draining
                assert server.told == 0
                await server.called.wait()
                await anyio.sleep(0.05)
                assert server.told == 1
            assert signal.getsignal(signal.SIGTERM) == server.handle
        finally:
            signal.signal(signal.SIGTERM, before)

    anyio.run(scenario)
    [seconds] = last_resorts
    assert 5 < seconds < 15


def test_elsewhere_signals_are_let_alone() -> None:
    """An application that runs in another thread than the main one leaves signals to others."""
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def run() -> None:
        with draining(Gate(), 1.0):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


class Parent:
    """A process that has started this one, as multiprocessing tells of it."""

    def __init__(self, sentinel: int) -> None:
        self.sentinel = sentinel


def test_process_without_its_parent(last_resorts: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where whoever started the process has ended, nobody sends a signal: it drains and ends all the same."""
    reader, writer = os.pipe()
    monkeypatch.setattr("multiprocessing.parent_process", lambda: Parent(reader))

    async def scenario() -> None:
        gate = Gate()
        server = Server(gate)
        before = signal.signal(signal.SIGTERM, server.handle)
        try:
            with draining(gate, 0.05):
                await anyio.sleep(0.05)
                assert not gate.draining
                os.close(writer)
                await server.called.wait()
        finally:
            signal.signal(signal.SIGTERM, before)

    anyio.run(scenario)
    os.close(reader)
    assert len(last_resorts) == 1
