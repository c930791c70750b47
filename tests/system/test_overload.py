"""More requests than the service can answer: it answers as many as it can, refuses the rest at once, and stays well."""

import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest
from PIL import Image

from tests import pictures
from tests.benchmarks.open_loop import Demand, Outcome, collect, spawn
from tests.benchmarks.servers import ask_by_form, http_request
from tests.system.conftest import PATIENCE, Server, serve, wait_until, workers_of

SMALL = ask_by_form("/predict", "file")(pictures.encode(pictures.seven(28, 28), "PNG"), "image/png")
PHOTOGRAPH = pictures.encode(pictures.seven(4032, 3024), "PNG")

FLOOD = 20_000.0
"""Requests a second, more than any machine answers in one process."""

ALLOWED = {"200", "503", "lost"}


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def flood(server: Server, seconds: float) -> Outcome:
    """What becomes of far more requests than can be answered, with a probe asked for all the while."""
    probes: list[int] = []
    process = spawn(Demand(port_of(server), SMALL, '"digit":7', FLOOD, seconds, connections=200, patience=60.0))
    with httpx.Client(timeout=PATIENCE) as kept:
        while process.poll() is None:
            probes += [
                httpx.get(f"{server.url}/health/ready", timeout=PATIENCE).status_code,
                kept.get(f"{server.url}/health/live").status_code,
            ]
    assert len(probes) >= 4
    assert set(probes) == {200}
    return collect(process)


def resident(pid: int) -> int:
    """Bytes of memory that a process occupies."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123  # read at once
        return int(file.read().split()[1]) * 4096


def test_flood_of_small_pictures() -> None:
    """Each request of a flood is answered or refused, none is lost; probes pass; the memory does not grow."""
    with serve(DIGITS_WORKERS=1) as server:
        [pid] = workers_of(server)
        flood(server, 1.0)
        before = resident(pid)
        outcome = flood(server, 2.0)
        assert set(outcome.counts) <= ALLOWED
        assert outcome.counts["lost"] == 0
        assert outcome.counts["200"] >= 20
        assert outcome.counts["503"] > outcome.counts["200"]
        assert resident(pid) < before + 16 * 2**20
        # And it is as before.
        assert is_read(server, PHOTOGRAPH)


@contextmanager
def clients(server: Server, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Connections over which as much of a request was sent as the service took."""
    with ExitStack() as stack:
        peers = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(server)), PATIENCE))
            for _ in range(count)
        ]
        for peer in peers:
            send(peer, sent)
        yield peers


def send(peer: socket.socket, sent: bytes) -> None:
    """Send over a connection that the service may have closed."""
    with suppress(BrokenPipeError, ConnectionResetError):
        peer.sendall(sent)


def is_read(server: Server, body: bytes) -> bool:
    """Whether a picture gets its reading."""
    answer = httpx.post(f"{server.url}/predict", files={"file": body}, timeout=PATIENCE)
    assert answer.status_code in {httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE}
    return answer.status_code == httpx.codes.OK


def upload(body: bytes, query: str = "") -> bytes:
    """A whole request with a picture as its body."""
    return http_request("POST", f"/predict{query}", "image/png", body)


def test_bytes_of_many_uploads_are_bounded() -> None:
    """A hundred uploads at once, each within its limit, fill the memory only up to the setting."""
    body = pictures.encode(Image.effect_noise((2000, 2000), 200), "PNG")
    held = 8 * len(body)
    with serve(DIGITS_WORKERS=1, DIGITS_MAX_HELD_BYTES=held) as server:
        [pid] = workers_of(server)
        before = resident(pid)
        # All but the end: they stay under way.
        with clients(server, 100, upload(body)[:-1]) as peers:
            # Refused, or cut off: the kernel holds what the service does not read.
            wait_until(lambda: len(select.select(peers, [], [], 0)[0]) >= 80, server.process)
            assert resident(pid) < before + 3 * held
        wait_until(lambda: is_read(server, PHOTOGRAPH), server.process)


def test_pictures_of_clients_that_left_are_not_read() -> None:
    """Clients that leave give their places back: there are fewer than the clients here."""
    with serve(DIGITS_WORKERS=1, DIGITS_POOL_THREADS=1, DIGITS_POOL_CAPACITY=8) as server:
        for _ in range(4):
            with clients(server, 7, upload(PHOTOGRAPH, "?explain=true")):
                pass
        wait_until(lambda: is_read(server, PHOTOGRAPH), server.process)


@pytest.mark.parametrize(
    "stalled",
    [b"", b"POST /predict HTTP/1.1\r\nX: ", b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"],
    ids=["nothing", "headers", "body"],
)
def test_slow_clients_keep_nobody_out(stalled: bytes) -> None:
    """More connections than are allowed, none of which finishes a request, keep neither probes nor pictures out."""
    with (
        serve(DIGITS_WORKERS=1, DIGITS_MAX_CONNECTIONS=64, DIGITS_UPLOAD_TIMEOUT=2) as server,
        clients(server, 100, stalled),
    ):
        assert httpx.get(f"{server.url}/health/ready").status_code == httpx.codes.OK
        wait_until(lambda: is_read(server, pictures.encode(pictures.seven(28, 28), "PNG")), server.process)


@pytest.mark.parametrize("target", ["/nothing", "/health/ready", "/metrics"])
def test_requests_sent_ahead(target: str) -> None:
    """A hundred thousand requests that arrive at once, on few connections, hold up no probe and fill no memory."""
    ahead = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 2000
    with serve(DIGITS_WORKERS=1) as server:
        [pid] = workers_of(server)
        before = resident(pid)
        with clients(server, 50, ahead):
            for _ in range(10):
                assert httpx.get(f"{server.url}/health/live", timeout=PATIENCE).status_code == httpx.codes.OK
                # As they were sent, and not what the service makes of each.
                assert resident(pid) < before + 50 * len(ahead) + 32 * 2**20
        wait_until(lambda: is_read(server, PHOTOGRAPH), server.process)


def test_process_that_is_held_up_is_not_replaced() -> None:
    """A process that gets no processor for some seconds goes on, as one does that takes long to start."""
    with serve(DIGITS_WORKERS=2) as server:
        wait_until(lambda: len(workers_of(server)) == 2, server.process)
        before = workers_of(server)
        os.kill(before[0], signal.SIGSTOP)
        # uvicorn's own patience is five seconds.
        time.sleep(7)
        os.kill(before[0], signal.SIGCONT)
        assert workers_of(server) == before
        wait_until(lambda: is_read(server, PHOTOGRAPH), server.process)
