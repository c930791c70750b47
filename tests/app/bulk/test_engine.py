"""What a worker of Ray does, in this process; tests/system/test_ray.py has real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import pytest

from app import local
from app.bulk.listing import Columns, Item
from app.bulk.output import Output
from app.bulk.plan import PLAN_FILE, part, write_plan
from app.bulk.work import Job
from app.local import LocalReader
from app.schemas import ModelName
from app.settings import Settings
from tests.app.bulk.archives import SEVEN, tar

ray = pytest.importorskip("ray", reason="needs the extra `ray`")
from app.bulk.engine import Attempts, Worker  # noqa: E402  # it imports Ray

SHARDS: Final = 3


class Remote:
    """A method of an actor, called in this process."""

    def __init__(self, method: Callable[[int], int]) -> None:
        self.remote = method


class Counted:
    """The handle of Attempts."""

    def __init__(self) -> None:
        self.begin = Remote(Attempts().begin)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[LocalReader]:
    """The readers that were made."""
    made: list[LocalReader] = []

    class Noted(LocalReader):
        def __init__(self, settings: Settings) -> None:
            super().__init__(settings)
            made.append(self)

    monkeypatch.setattr(local, "LocalReader", Noted)
    monkeypatch.setattr(ray, "get", lambda value: value)
    return made


@pytest.fixture
def job(tmp_path: Path, tiny_artifact: Path) -> Job:
    """Three shards of two pictures, of which one is none."""
    shards = [
        [Item(str(tar(tmp_path / f"{number}.tar", {"a.png": SEVEN, "b.png": b"none"})))] for number in range(SHARDS)
    ]
    output = tmp_path / "out"
    with Output(str(output)).publish(PLAN_FILE) as path:
        write_plan(shards, path)
    model = LocalReader(Settings(model=tiny_artifact)).model
    return Job(str(output), tiny_artifact, model, Columns(), 2**20, 10**6)


def outcome(worker: Worker, shard: int) -> dict[str, Any]:
    """What a worker answers to a batch of one."""
    return {name: value for name, [value] in worker({"shard": [shard]}).items()}


def test_model_is_loaded_once(job: Job, loaded: list[LocalReader]) -> None:
    """Whoever reads many shards loads the model for the first of them, and not before."""
    worker = Worker(job, Counted())
    assert loaded == []
    for shard in range(SHARDS):
        found = outcome(worker, shard)
        assert (found["shard"], found["pictures"], found["failed"], found["problem"]) == (shard, 2, 1, "")
        assert pq.read_table(Path(job.output) / part(shard)).num_rows == 2
    assert len(loaded) == 1


@pytest.mark.usefixtures("loaded")
def test_another_model(job: Job) -> None:
    """Where another model is installed than where the job began nothing is read, and it is said why."""
    other = Job(job.output, job.model_path, ModelName(name="other", version="1"), Columns(), 2**20, 10**6)
    found = outcome(Worker(other, Counted()), 0)
    assert found["shard"] == -1
    assert "The model is" in found["problem"]
    assert "and other 1 where the job was begun." in found["problem"]
    assert not (Path(job.output) / part(0)).exists()


@pytest.mark.usefixtures("loaded")
def test_shard_that_kills_workers(job: Job) -> None:
    """What was begun five times without an end is left out."""
    attempts = Counted()
    for _ in range(5):
        attempts.begin.remote(1)
    worker = Worker(job, attempts)
    assert outcome(worker, 0)["problem"] == ""
    assert outcome(worker, 1)["problem"] == "Its worker died each of the 5 times it was begun."
