"""Doors of real servers: keys, one rate limit for all processes, and proxies that are believed or not."""

import os
import signal
import socket
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from app.keys import digest_of, new_key
from app.settings import PROJECT_FOLDER
from tests.system.conftest import PATIENCE, PYTHON, Server, environment, serve, wait_until, workers_of

SEVEN = PROJECT_FOLDER / "tests" / "seven.jpg"


def statuses(server: Server, count: int, **headers: str) -> list[int]:
    """The statuses of requests one after the other, each on a connection of its own: any process may answer."""
    return [httpx.get(f"{server.url}/model", headers=headers).status_code for _ in range(count)]


def answering(server: Server) -> bool:
    """Whether a new connection gets its answer; it may have been handed to a process that was killed."""
    try:
        return httpx.get(f"{server.url}/health/ready").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def test_keys_of_a_file_and_the_command_line(tmp_path: Path) -> None:
    """A key that `digits key` made opens the service to `digits read` and `curl`'s likes; nothing else does."""
    made = subprocess.run(
        [PYTHON, "-m", "app.cli", "key"], cwd=PROJECT_FOLDER, capture_output=True, text=True, check=True
    ).stdout.split()
    key, written = made[1], made[3]
    path = tmp_path / "keys"
    path.write_text(f"{written} made by the test\n")
    with serve(DIGITS_API_KEYS_FILE=path, DIGITS_API_KEYS=digest_of(b"another").hex(), DIGITS_WORKERS=1) as server:

        def read(**variables: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "app.cli", "read", str(SEVEN), "--url", server.url],
                cwd=PROJECT_FOLDER,
                env=environment(**variables),
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
            )

        refused, done = read(DIGITS_KEY=new_key()), read(DIGITS_KEY=key)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "The service wants an API key" in refused.stderr
        assert (done.returncode, done.stdout) == (0, f"{SEVEN}: 7 (100.0%)\n")
        assert statuses(server, 1, **{"x-api-key": "another"}) == [HTTPStatus.OK]
        assert statuses(server, 1) == [HTTPStatus.UNAUTHORIZED]


def test_processes_keep_one_rate_limit() -> None:
    """Two processes let through as many requests of an address as one would; one that is replaced forgets nothing."""
    with serve(DIGITS_RATE_LIMIT="20/hour", DIGITS_WORKERS=2) as server:
        wait_until(lambda: len(workers_of(server)) == 2, server.process)
        # One after the other, so that none is counted with another.
        assert statuses(server, 22) == [HTTPStatus.OK] * 20 + [HTTPStatus.TOO_MANY_REQUESTS] * 2
        assert httpx.get(f"{server.url}/health/ready").status_code == HTTPStatus.OK
        before = workers_of(server)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(workers_of(server)) - set(before)) == 2, server.process)
        wait_until(lambda: answering(server), server.process)
        assert statuses(server, 1) == [HTTPStatus.TOO_MANY_REQUESTS]


@pytest.mark.parametrize(("proxies", "believed"), [({}, False), ({"DIGITS_TRUSTED_PROXIES": "127.0.0.1"}, True)])
def test_proxies(proxies: dict[str, str], *, believed: bool) -> None:
    """Clients that a trusted proxy names are counted one by one; named by anybody else they count as who names them."""
    with serve(DIGITS_RATE_LIMIT="1/hour", DIGITS_WORKERS=1, **proxies) as server:
        found = [statuses(server, 1, **{"x-forwarded-for": f"192.0.2.{last}"})[0] for last in range(3)]
    assert found == [HTTPStatus.OK] * 3 if believed else [HTTPStatus.OK] + [HTTPStatus.TOO_MANY_REQUESTS] * 2


def test_what_is_no_http_is_guarded_too() -> None:
    """The protocol's own answers have the headers that all others have."""
    with (
        serve(DIGITS_WORKERS=1) as server,
        socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection,
    ):
        connection.settimeout(PATIENCE)
        connection.sendall(b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"x-content-type-options: nosniff\r\n" in answer
    assert b"x-frame-options: DENY\r\n" in answer
