"""The end of the service: announced, bounded, and without a lost request."""

import contextlib
import http.client
import os
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
from tests.benchmarks.servers import ask_by_form, http_request
from tests.system.conftest import PATIENCE, PYTHON, Server, environment, serve, wait_until, workers_of
from tests.system.instances import HAPROXY, proxied, status_of

SMALL: Final = pictures.encode(pictures.seven(28, 28), "PNG")
REQUEST: Final = ask_by_form("/predict", "file")(SMALL, "image/png")

LONG: Final = os.environ.get("STRESS") == "1"
"""Whether there is time for thousands of requests."""


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


@pytest.mark.parametrize("workers", [1, 2])
def test_work_that_waits_is_told(workers: int) -> None:
    """Batches that would take longer than the service waits at its end are told to come again."""
    photograph = pictures.encode(pictures.seven(4032, 3024), "PNG")
    requests = [*[upload_of(photograph, 64)] * 8, *[upload_of(SMALL, 8)] * 12]
    with serve(DIGITS_WORKERS=workers, DIGITS_POOL_THREADS=1) as server, contextlib.ExitStack() as stack:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        peers = [stack.enter_context(socket.create_connection((host, int(port)), PATIENCE)) for _ in requests]
        for peer, request in zip(peers, requests, strict=True):
            peer.sendall(request)
        # The last is accepted once another that came later is answered.
        assert status_of(f"{server.url}/health/live") == httpx.codes.OK
        server.process.send_signal(signal.SIGTERM)
        for peer in peers:
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            content = answer.read()
            assert answer.status == 200 or (answer.status == 503 and b'"code":"shutting_down"' in content)
        assert server.process.wait(PATIENCE) == 0


def upload_of(picture: bytes, count: int) -> bytes:
    """A whole request with a picture many times."""
    request = httpx.Request("POST", "http://soak/predict/batch", files=[("file", ("digit", picture))] * count)
    return http_request("POST", "/predict/batch", request.headers["content-type"], request.read())


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


@pytest.mark.skipif(HAPROXY is None, reason="needs haproxy: apt-get install haproxy")
def test_rolling_restart_loses_no_request(tmp_path: Path) -> None:
    """Under load, one instance is restarted and the other killed: every request gets its reading."""
    rate, seconds = (200.0, 40.0) if LONG else (50.0, 14.0)
    settings = {"DIGITS_WORKERS": 1, "DIGITS_DRAIN": 2}
    with proxied(tmp_path, settings, settings) as (port, one, two):
        load = spawn(Demand(port, REQUEST, '"digit":7', rate, seconds, connections=64, patience=60.0))
        began = time.monotonic()
        time.sleep(1)
        assert one.stop() == 0
        one.start()
        # The proxy looks twice a second.
        time.sleep(1.5)
        two.end()
        assert time.monotonic() - began < seconds, "the load ended too early: nothing was proved"
        two.start()
        outcome = collect(load)
    assert outcome.counts.pop("lost") == 0
    assert set(outcome.counts) == {"200"}
    assert outcome.counts["200"] > 0.8 * rate * seconds
    assert "Traceback" not in (tmp_path / "one.log").read_text() + (tmp_path / "two.log").read_text()


@pytest.mark.skipif(HAPROXY is None, reason="needs haproxy: apt-get install haproxy")
def test_slow_instance_is_not_gone(tmp_path: Path) -> None:
    """Where no instance passes its check, the proxy asks all the same: one that is only slow answers in the end."""
    settings = {"DIGITS_WORKERS": 1, "DIGITS_DRAIN": 2}
    with proxied(tmp_path, settings, settings) as (port, one, two):
        two.end()
        one.process.send_signal(signal.SIGSTOP)
        # By then the proxy has given up the check it was at.
        time.sleep(6)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
            peer.sendall(REQUEST)
            time.sleep(0.2)
            one.process.send_signal(signal.SIGCONT)
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            assert (answer.status, b'"digit":7' in answer.read()) == (200, True)
