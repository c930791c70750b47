"""The service on Ray Serve, as deploy/ray runs it: a replica is killed and all are replaced, and no request is lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

import httpx
import pytest
import yaml

from app.settings import PROJECT_FOLDER
from tests.benchmarks.processes import free_ports
from tests.pictures import encode, seven
from tests.system.conftest import PATIENCE, environment
from tests.system.ray_cluster import ENVIRONMENT, Nodes, nodes

pytest.importorskip("ray.serve", reason="needs the extra `ray`")

REPLICA: Final = b"ray::ServeReplica:digits"
CLIENTS: Final = 8
PICTURE: Final = encode(seven(600, 600), "PNG")

SERVE: Final = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "app.ray_retry:middlewares",
    # Elsewhere the package is installed.
    "PYTHONPATH": str(PROJECT_FOLDER),
}


class Load:
    """Clients that ask one after the other, without ever asking again, until the block ends."""

    def __init__(self, url: str) -> None:
        self.answers: Counter[str] = Counter()
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CLIENTS)]

    def _ask(self) -> None:
        with httpx.Client(timeout=PATIENCE) as client:
            while not self._ended.is_set():
                try:
                    answer = client.post(f"{self._url}/predict", content=PICTURE, headers={"content-type": "image/png"})
                    told = f"{answer.status_code} {answer.json()['digit']}" if answer.is_success else answer.text
                except httpx.TransportError as error:
                    told = repr(error)
                self.answers[told] += 1

    def more(self, count: int) -> None:
        """Wait for so many more answers."""
        until, deadline = self.answers.total() + count, time.monotonic() + PATIENCE
        while self.answers.total() < until:
            assert time.monotonic() < deadline, f"no answers any more: {self.answers}"
            time.sleep(0.02)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def config(port: int, **variables: str) -> dict[str, Any]:
    """deploy/ray/serve.yaml, smaller and elsewhere, with these settings."""
    found: dict[str, Any] = yaml.safe_load((PROJECT_FOLDER / "deploy" / "ray" / "serve.yaml").read_text())
    found["http_options"]["port"] = port
    found["proxy_location"] = "HeadOnly"
    [application] = found["applications"]
    application["runtime_env"]["env_vars"] |= variables
    [deployment] = application["deployments"]
    deployment["ray_actor_options"]["num_cpus"] = 0.5
    deployment["autoscaling_config"]["max_replicas"] = 2
    return found


def deploy(address: str, description: dict[str, Any], folder: Path) -> None:
    """Let a cluster serve as described; it begins to."""
    path = folder / "serve.yaml"
    path.write_text(yaml.safe_dump(description))
    subprocess.run(
        [Path(sys.executable).with_name("serve"), "run", "--non-blocking", "--address", address, str(path)],
        cwd=folder,
        env=environment() | ENVIRONMENT | SERVE,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )


def await_ready(url: str) -> None:
    """Wait until the service says that it is ready."""
    deadline = time.monotonic() + PATIENCE
    while httpx.get(f"{url}/health/ready", timeout=PATIENCE).text != '{"status":"ok"}':
        assert time.monotonic() < deadline, "it does not become ready"
        time.sleep(0.1)


def replaced(running: Nodes, before: set[int], load: Load) -> None:
    """Wait until two replicas serve that are none of these, under load."""
    deadline = time.monotonic() + PATIENCE
    while len(set(running.workers(0, REPLICA)) - before) < 2 or before & set(running.workers(0, REPLICA)):
        assert time.monotonic() < deadline, f"the replicas are the same: {load.answers}"
        time.sleep(0.1)


def test_kill_and_rolling_update_lose_no_request(tmp_path: Path) -> None:
    """Under load a replica is killed, and then a new configuration replaces all: every request gets its reading."""
    port, _, _ = free_ports()
    url = f"http://127.0.0.1:{port}"
    with nodes(tmp_path, 2, **SERVE) as running:
        deploy(running.address, config(port), tmp_path)
        await_ready(url)
        with Load(url) as load:
            load.more(50)
            killed = running.workers(0, REPLICA)[0]
            os.kill(killed, signal.SIGKILL)
            load.more(50)
            old = set(running.workers(0, REPLICA))
            deploy(running.address, config(port, DIGITS_MAX_BATCH="7"), tmp_path)
            replaced(running, old | {killed}, load)
            load.more(50)
        assert set(load.answers) == {"200 7"}, load.answers
        pictures = [("file", PICTURE)] * 8
        assert httpx.post(f"{url}/predict/batch", files=pictures, timeout=PATIENCE).status_code == 413
