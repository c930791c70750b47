"""Real Ray nodes, some of which do not live to the end: `digits bulk`, and the service on Ray Serve."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import httpx
import pytest
import yaml

from app.local import LocalReader
from app.settings import PROJECT_FOLDER, Settings
from tests.benchmarks.processes import free_ports
from tests.pictures import encode, seven
from tests.system.conftest import PATIENCE, environment, wait_until
from tests.system.ray_cluster import ENVIRONMENT, Nodes, nodes

for library in ("ray", "pyarrow"):
    pytest.importorskip(library, reason="needs the extra `ray`")

SHARDS: Final = 100
PICTURES: Final = 12
"""In each shard, the last of them blank: a tenth of a second's work."""

WORKER: Final = b"MapWorker"
"""In the name of Ray Data's actors."""


REPLICA: Final = b"ray::ServeReplica:digits"
CLIENTS: Final = 8
PICTURE: Final = encode(seven(600, 600), "PNG")

SERVE: Final = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "app.ray_retry:middlewares",
    # Elsewhere the package is installed.
    "PYTHONPATH": str(PROJECT_FOLDER),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes of a core each; a test leaves one."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list a process's children")
    with nodes(tmp_path_factory.mktemp("cluster"), 1, 1, **SERVE) as running:
        yield running


@pytest.fixture(scope="module")
def port() -> int:
    """Of Ray Serve's proxy, which keeps to the first that it is told."""
    return free_ports()[0]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of a thousand pixels a side."""
    from tests.app.bulk.archives import tar

    folder = tmp_path_factory.mktemp("source")
    picture, blank = encode(seven(1000, 1000), "PNG"), encode(seven(40, 40, ink=255), "PNG")
    members = {f"{number:03}.png": picture for number in range(PICTURES - 1)} | {"blank.png": blank}
    for number in range(SHARDS):
        tar(folder / f"{number:03}.tar", members)
    return folder


def bulk(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "bulk", *map(str, arguments)],
        cwd=PROJECT_FOLDER,
        env=environment() | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def parts(output: Path) -> dict[str, int]:
    """The results that are there, and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in output.glob("part-*")}


def check_rows(output: Path, source: Path) -> None:
    """Each picture of each shard is there once, with what the loop in this process says of it."""
    import pyarrow.dataset as ds

    picture = encode(seven(1000, 1000), "PNG")
    expected = LocalReader(Settings()).read(picture)
    rows = ds.dataset(output).to_table().to_pylist()
    names = [f"{number:03}.png" for number in range(PICTURES - 1)] + ["blank.png"]
    assert [(row["path"], row["key"]) for row in rows] == [
        (str(source / f"{number:03}.tar"), name) for number in range(SHARDS) for name in names
    ]
    for row in rows:
        blank = row["key"] == "blank.png"
        assert (row["digit"], row["error"]) == ((None, "no_ink") if blank else (expected.digit, None))
        assert blank or row["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    # Nothing unfinished is left.
    assert len(list(output.iterdir())) == SHARDS + 2


def test_killed_worker_and_killed_node(cluster: Nodes, source: Path, tmp_path: Path) -> None:
    """A worker, then a node for which there is no other, are killed in the middle: every picture is there once."""
    output = tmp_path / "out"
    with bulk(source, "--output", output, "--address", cluster.address) as job:
        wait_until(lambda: len(parts(output)) > 2 and all(cluster.workers(node, WORKER) for node in (0, 1)), job)
        os.kill(cluster.workers(0, WORKER)[0], signal.SIGKILL)
        seen = len(parts(output))
        wait_until(lambda: len(parts(output)) > seen + 5, job)
        os.kill(cluster.raylets[1], signal.SIGKILL)
        assert len(parts(output)) < SHARDS - 5, "the job was too far: nothing was proved"
        stdout, stderr = job.communicate(timeout=PATIENCE)
    assert (job.returncode, stdout) == (1, ""), stderr
    told, failed = stderr.splitlines()
    assert told.startswith(f"digits: {SHARDS * PICTURES:,} pictures in ")
    assert failed == f"digits: {SHARDS} of them could not be read; {output} says why."
    check_rows(output, source)


def test_killed_command(cluster: Nodes, source: Path, tmp_path: Path) -> None:
    """The command itself is killed on a cluster, and goes on without one: what was written stays as it is."""
    output = tmp_path / "out"
    with bulk(source, "--output", output, "--address", cluster.address) as job:
        wait_until(lambda: len(parts(output)) > 5, job)
        job.kill()
    before = parts(output)
    assert len(before) < SHARDS, "the job was done: nothing was proved"
    with bulk(source, "--output", output, "--resume", "--workers", "2") as job:
        stdout, stderr = job.communicate(timeout=PATIENCE)
    assert (job.returncode, stdout) == (1, ""), stderr
    assert stderr.startswith(f"digits: {SHARDS * PICTURES:,} pictures in ")
    check_rows(output, source)
    assert before.items() <= parts(output).items()


class Load:
    """Clients that ask one after the other, without ever asking again, until the block ends."""

    def __init__(self, url: str, clients: int = CLIENTS) -> None:
        self.answers: Counter[str] = Counter()
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(clients)]

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
    deployment["ray_actor_options"]["num_cpus"] = 0.2
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


def replicas(running: Nodes) -> list[int]:
    """The processes of the service's replicas."""
    return [pid for node in range(len(running.raylets)) for pid in running.workers(node, REPLICA)]


def await_replicas(running: Nodes, are: Callable[[set[int]], bool], load: Load | None = None) -> None:
    """Wait until the replicas are as they should be."""
    deadline = time.monotonic() + PATIENCE
    while not are(found := set(replicas(running))):
        assert time.monotonic() < deadline, f"the replicas are {found}; {load and load.answers}"
        time.sleep(0.1)


def await_others(running: Nodes, before: set[int], load: Load) -> None:
    """Wait until two replicas serve, and none of these."""
    await_replicas(running, lambda found: len(found) >= 2 and not found & before, load)


def await_count(running: Nodes, count: int) -> None:
    """Wait until there are so many replicas."""
    await_replicas(running, lambda found: len(found) == count)


def test_killed_replica_and_rolling_update_lose_no_request(cluster: Nodes, port: int, tmp_path: Path) -> None:
    """Under load a replica is killed, and then a new configuration replaces all: every request gets its reading."""
    url = f"http://127.0.0.1:{port}"
    deploy(cluster.address, config(port), tmp_path)
    await_ready(url)
    with Load(url) as load:
        load.more(50)
        killed = replicas(cluster)[0]
        os.kill(killed, signal.SIGKILL)
        # Only once its successor is there: started later, it would be neither one of the old nor of the new.
        await_others(cluster, {killed}, load)
        load.more(50)
        old = set(replicas(cluster)) | {killed}
        deploy(cluster.address, config(port, DIGITS_MAX_BATCH="7"), tmp_path)
        await_others(cluster, old, load)
        load.more(50)
    assert set(load.answers) == {"200 7"}, load.answers
    pictures = [("file", PICTURE)] * 8
    assert httpx.post(f"{url}/predict/batch", files=pictures, timeout=PATIENCE).status_code == 413


def test_replicas_come_and_go_with_the_load(cluster: Nodes, port: int, tmp_path: Path) -> None:
    """One replica has nothing to do; under load there are two, and later one again: nobody notices."""
    url = f"http://127.0.0.1:{port}"
    description = config(port)
    [deployment] = description["applications"][0]["deployments"]
    # As in deploy/, but for how soon: there it takes half a minute to grow and ten to shrink.
    deployment["autoscaling_config"] |= {
        "min_replicas": 1,
        "upscale_delay_s": 1,
        "downscale_delay_s": 2,
        "metrics_interval_s": 0.5,
        "look_back_period_s": 2,
    }
    deploy(cluster.address, description, tmp_path)
    await_ready(url)
    await_count(cluster, 1)
    with Load(url) as load:
        load.more(1)
        await_count(cluster, 2)
        load.more(50)
    with Load(url, clients=1) as alone:
        await_count(cluster, 1)
        alone.more(10)
    assert set(load.answers + alone.answers) == {"200 7"}, (load.answers, alone.answers)
