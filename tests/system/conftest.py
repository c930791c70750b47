"""Real server processes and a real training, as their users start them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from filelock import FileLock

from app.settings import PROJECT_FOLDER

PATIENCE = 300.0
"""Seconds that something may take before it counts as hung, also on a machine with much else to do."""

PYTHON: Final = os.environ.get("SERVICE_PYTHON", sys.executable)
"""What the service is started with; that of another environment may be named, of an image's for example."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running service."""

    url: str
    process: subprocess.Popen[str]


def environment(**settings: object) -> dict[str, str]:
    """This process's environment without settings of the service, with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGITS_")}
    return kept | {name: str(value) for name, value in settings.items()}


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Wait for something that a process brings about; fail when it ends or hangs before."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, f"the process ended early with {process.returncode}"
        assert time.monotonic() < deadline, "nothing happened for two minutes"
        time.sleep(0.02)


def workers_of(server: Server) -> list[int]:
    """The processes that answer, by their ids; the service's own where it is the only one."""
    if not _children(server.process.pid).exists():
        pytest.skip("this system does not list a process's children")
    return answering(server.process.pid)


def answering(pid: int) -> list[int]:
    """The processes that answer, of a service that was started as `pid`; none of one that has ended."""
    try:
        children = _children(pid).read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # multiprocessing keeps a process of its own beside those it was asked for.
    found = [child for child in map(int, children) if b"spawn_main" in _command_line(child)]
    return found or [pid]


def _children(pid: int) -> Path:
    return Path(f"/proc/{pid}/task/{pid}/children")


def _command_line(pid: int) -> bytes:
    """How a process was started; nothing of one that has ended since it was listed, and is no zombie any more."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextmanager
def serve(*, python: str = PYTHON, **settings: object) -> Iterator[Server]:
    """Run the service with these settings until the block ends; it must then stop cleanly."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [python, "-m", "app.main"],
        cwd=PROJECT_FOLDER,
        env=environment(**{"DIGITS_PORT": port, "DIGITS_DRAIN": 0} | settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        wait_until(ready, process)
        yield Server(url, process)
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in output, output
    assert process.returncode in {0, -signal.SIGINT}, output


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The service as it comes: with the committed model and no setting but the port."""
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def smoke_artifacts(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A smoke training that was killed after its first epoch and started again, published; one for all processes."""
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "artifacts"
    with FileLock(root.with_suffix(".lock")):
        if not (root / "smoke").exists():
            root.mkdir()
            train_with_a_kill(root)
    return root


def train_with_a_kill(root: Path) -> None:
    """Publish a model in an empty folder."""
    command = [sys.executable, "-m", "model_training", "train", "--recipe", "smoke", "--artifacts", str(root)]
    state = root / ".training" / "smoke" / "state.json"
    with (root / "first.log").open("w") as log:
        first = subprocess.Popen(command, cwd=PROJECT_FOLDER, env=environment(), stdout=log, stderr=log, text=True)
        wait_until(state.is_file, first)
        first.kill()
        first.wait()
    assert not (root / "smoke").exists()
    assert len(json.loads(state.read_text())["history"]["loss"]) in {1, 2}
    second = subprocess.run(
        command, cwd=PROJECT_FOLDER, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert second.returncode == 0, second.stderr
    assert "Published" in second.stdout
