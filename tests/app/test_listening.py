"""Processes that share a port get sockets of their own, and connections are dealt out to them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.reduction import ForkingPickler

import pytest

from app import listening
from app.listening import DEALT_OUT, shared

needs_linux = pytest.mark.skipif(not DEALT_OUT, reason="only Linux deals connections out to the sockets of a port")


def bound(port: int = 0) -> socket.socket:
    """A socket as the server binds it."""
    with ExitStack() as stack:
        found = stack.enter_context(socket.socket())
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(("127.0.0.1", port))
        stack.pop_all()
    return found


def handed_on(port: socket.socket) -> socket.socket:
    """What a process gets that is started with this socket."""
    received = ForkingPickler.loads(ForkingPickler.dumps(port))
    assert isinstance(received, socket.socket)
    return received


@pytest.fixture
def port() -> Iterator[socket.socket]:
    """A shared port."""
    with shared(bound()) as found:
        yield found


def accepted(listener: socket.socket) -> int:
    """How many connections wait on a socket."""
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@needs_linux
class TestShares:
    def test_each_process_takes_its_share(self, port: socket.socket) -> None:
        """Of many connections that come at once, before anybody wakes up, both of two sockets get many."""
        with handed_on(port) as first, handed_on(port) as second, ExitStack() as clients:
            assert len({port.fileno(), first.fileno(), second.fileno()}) == 3
            for own in (first, second):
                assert own.getsockname() == port.getsockname()
                own.listen()
            for _ in range(100):
                clients.enter_context(socket.create_connection(port.getsockname()))
            # Fair coins leave fewer than 20 of 100 to one side once in a billion times.
            assert min(accepted(first), accepted(second)) >= 20

    def test_others_take_over(self, port: socket.socket) -> None:
        """When one socket is closed, all new connections go to the other."""
        with handed_on(port) as first, ExitStack() as clients:
            first.listen()
            with handed_on(port) as second:
                second.listen()
            for _ in range(20):
                clients.enter_context(socket.create_connection(port.getsockname()))
            assert accepted(first) == 20

    def test_nobody_listens_yet(self, port: socket.socket) -> None:
        """Until a process is ready, the port refuses connections."""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(port.getsockname())

    def test_port_in_use_is_not_shared(self, port: socket.socket) -> None:
        """A second service on the same port does not get half of the first one's connections: it cannot bind it."""
        with handed_on(port) as first:
            first.listen()
            with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
                bound(port.getsockname()[1])


def test_elsewhere_the_socket_itself_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that would give all connections to one socket, processes get the one that was bound."""
    monkeypatch.setattr(listening, "DEALT_OUT", False)
    with bound() as found:
        assert shared(found) is found
