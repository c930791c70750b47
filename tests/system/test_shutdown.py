"""The end of the service: announced, bounded, and without a lost request."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from app.draining import SHUTDOWN_SECONDS
from app.settings import PROJECT_FOLDER
from tests import pictures
from tests.benchmarks.open_loop import Demand, collect, spawn
from tests.benchmarks.processes import free_ports
from tests.benchmarks.servers import ask_by_form
from tests.system.conftest import PATIENCE, PYTHON, Server, environment, serve, wait_until, workers_of

SMALL: Final = pictures.encode(pictures.seven(28, 28), "PNG")
REQUEST: Final = ask_by_form("/predict", "file")(SMALL, "image/png")

LONG: Final = os.environ.get("STRESS") == "1"
"""Whether there is time for thousands of requests."""


def status_of(url: str) -> int | None:
    """What a new connection is answered; None where nobody listens."""
    try:
        return httpx.get(url, timeout=PATIENCE).status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("workers", [1, 2])
def test_readiness_goes_first(workers: int) -> None:
    """After SIGTERM the service says it is not ready, in both protocols, still answers, and then ends with code 0."""
    with serve(DIGITS_WORKERS=workers, DIGITS_DRAIN=4) as server:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: status_of(f"{server.url}/health/ready") == httpx.codes.SERVICE_UNAVAILABLE, server.process)
        assert status_of(f"{server.url}/v2/health/ready") == httpx.codes.SERVICE_UNAVAILABLE
        assert status_of(f"{server.url}/health/live") == httpx.codes.OK
        assert httpx.post(f"{server.url}/predict", files={"file": SMALL}).json()["digit"] == 7
        assert server.process.wait(PATIENCE) == 0


def test_supervisor_that_is_killed() -> None:
    """Processes that nobody watches over any more finish what is under way, end, and give the port back."""
    with kept_alone(serve(DIGITS_WORKERS=2, DIGITS_DRAIN=1)) as server:
        workers = workers_of(server)
        assert len(workers) == 2
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as peer:
            peer.sendall(REQUEST[:-10])
            server.process.kill()
            server.process.wait(PATIENCE)
            peer.sendall(REQUEST[-10:])
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            assert (answer.status, b'"digit":7' in answer.read()) == (200, True)
        deadline = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline, "they serve on"
            time.sleep(0.02)
        assert status_of(server.url) is None


@contextmanager
def kept_alone(serving: contextlib.AbstractContextManager[Server]) -> Iterator[Server]:
    """A service that is not expected to end as it should."""
    with pytest.raises(AssertionError, match="returncode"), serving as server:
        yield server


@pytest.mark.parametrize("workers", [1, 2])
def test_upload_that_does_not_end(workers: int) -> None:
    """An upload that stalls keeps the service from ending for a bounded time, and is told why in the usual words."""
    with serve(DIGITS_WORKERS=workers) as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as peer:
            peer.sendall(REQUEST[:-10])
            server.process.send_signal(signal.SIGTERM)
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            assert answer.status == http.client.SERVICE_UNAVAILABLE
            assert b'"code":"shutting_down"' in answer.read()
        assert server.process.wait(SHUTDOWN_SECONDS + PATIENCE) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_work_under_way_is_finished(workers: int) -> None:
    """Photographs that were taken on are read before the service ends."""
    photograph = pictures.encode(pictures.seven(4032, 3024), "JPEG")
    with serve(DIGITS_WORKERS=workers) as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(socket.create_connection((host, int(port)), PATIENCE)) for _ in range(4)]
            for peer in peers:
                peer.sendall(ask_by_form("/predict", "file")(photograph, "image/jpeg"))
            # The last is accepted once another that came later is answered.
            assert status_of(f"{server.url}/health/live") == httpx.codes.OK
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            for peer in peers:
                answer = http.client.HTTPResponse(peer)
                answer.begin()
                assert (answer.status, b'"digit":7' in answer.read()) == (200, True)
        assert server.process.wait(PATIENCE) == 0


def test_signal_during_the_start() -> None:
    """SIGTERM in its first moments is a clean end too.

    A container's first process gets no signal that it does not handle, so the handler comes before all else.
    """
    with subprocess.Popen(
        [PYTHON, "-X", "importtime", "-m", "app.main"],
        cwd=PROJECT_FOLDER,
        env=environment(DIGITS_PORT=0, DIGITS_WORKERS=1, DIGITS_DRAIN=0),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            # The first of the imports that take their time.
            if "pydantic" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(PATIENCE) == 0


class Instance:
    """One of the service's two instances, which may be stopped, killed and started again."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "app.main"],
                cwd=PROJECT_FOLDER,
                env=environment(DIGITS_PORT=self._port, DIGITS_WORKERS=1, DIGITS_DRAIN=2),
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: status_of(f"{self.url}/health/ready") == httpx.codes.OK, self.process)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def proxied(folder: Path) -> Iterator[tuple[int, Instance, Instance]]:
    """Two instances behind HAProxy with the configuration that operators are shown; and the proxy's port."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("needs haproxy: apt-get install haproxy")
    front, one, two = free_ports()
    instances = Instance(one, folder / "one.log"), Instance(two, folder / "two.log")
    proxy = subprocess.Popen(
        [program, "-db", "-f", str(PROJECT_FOLDER / "deploy" / "haproxy.cfg")],
        env=os.environ
        | {
            "DIGITS_PROXY": f"127.0.0.1:{front}",
            "DIGITS_ONE": f"127.0.0.1:{one}",
            "DIGITS_TWO": f"127.0.0.1:{two}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: status_of(f"http://127.0.0.1:{front}/health/ready") == httpx.codes.OK, proxy)
        yield front, *instances
    finally:
        proxy.kill()
        proxy.wait()
        for instance in instances:
            instance.end()


def test_rolling_restart_loses_no_request(tmp_path: Path) -> None:
    """Under load, one instance is restarted and the other killed: every request gets its reading."""
    rate, seconds = (200.0, 40.0) if LONG else (50.0, 14.0)
    with proxied(tmp_path) as (port, one, two):
        load = spawn(Demand(port, REQUEST, '"digit":7', rate, seconds, connections=64, patience=60.0))
        began = time.monotonic()
        time.sleep(1)
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(PATIENCE) == 0
        one.start()
        # The proxy looks twice a second.
        time.sleep(1.5)
        two.process.send_signal(signal.SIGKILL)
        two.process.wait()
        assert time.monotonic() - began < seconds, "the load ended too early: nothing was proved"
        two.start()
        outcome = collect(load)
    assert outcome.counts.pop("lost") == 0
    assert set(outcome.counts) == {"200"}
    assert outcome.counts["200"] > 0.8 * rate * seconds
    assert "Traceback" not in (tmp_path / "one.log").read_text() + (tmp_path / "two.log").read_text()
