"""`digits bulk` on real Ray nodes, some of which do not live to the end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from app.local import LocalReader
from app.settings import PROJECT_FOLDER, Settings
from tests.pictures import encode, seven
from tests.system.conftest import PATIENCE, environment, wait_until
from tests.system.ray_cluster import ENVIRONMENT, Nodes, nodes

pytest.importorskip("ray", reason="needs the extra `ray`")
pytest.importorskip("pyarrow", reason="needs the extra `ray`")

SHARDS: Final = 60
PICTURES: Final = 12
"""In each shard, the last of them blank: a tenth of a second's work."""

WORKER: Final = b"MapWorker"
"""In the name of Ray Data's actors."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes of a core each."""
    if not Path("/proc/self/task").is_dir():
        pytest.skip("this system does not list a process's children")
    with nodes(tmp_path_factory.mktemp("cluster"), 1, 1) as running:
        yield running


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
    assert told.startswith(f"digits: {SHARDS * PICTURES} pictures in ")
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
    assert stderr.startswith(f"digits: {SHARDS * PICTURES} pictures in ")
    check_rows(output, source)
    assert before.items() <= parts(output).items()
