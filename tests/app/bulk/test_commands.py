"""`digits bulk` as its users type it, with a stand-in for Ray that reads the shards in this process."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner, Result

from app import cli
from app.artifact import METADATA_FILE, Metadata, current_folder, publish, read_artifact
from app.bulk import commands, engine
from app.bulk.plan import MANIFEST_FILE, PLAN_FILE
from app.bulk.work import Job, Outcome, ShardReader
from app.errors import ArtifactError, EngineError
from app.local import LocalReader
from app.settings import Settings
from tests.app.bulk.archives import BLANK, SEVEN, table, tar


class FakeRay:
    """Reads shards one after the other; may fail, or be interrupted, after some."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.failing = ""
        self.after = 0
        self.asked: list[tuple[str | None, int]] = []
        self.seen: list[int] = []

    @contextmanager
    def cluster(self, address: str | None, workers: int) -> Iterator[int]:
        self.asked.append((address, workers))
        yield 3

    def read_shards(self, job: Job, shards: Sequence[int], workers: int) -> Iterator[Outcome]:
        self.asked.append(("workers", workers))
        reader = ShardReader(job, LocalReader(Settings(model=job.model_path)))
        for shard in shards:
            if self.failure is not None and shard >= self.after:
                raise self.failure
            outcome = reader.read(shard) if not self.failing else Outcome(shard, problem=self.failing)
            self.seen.append(shard)
            # As it is told whose results were there already.
            yield replace(outcome, seconds=0.0)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch, tiny_artifact: Path) -> FakeRay:
    """In place of the engine; the model is the tiny one."""
    for name in list(os.environ):
        if name.startswith("DIGITS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DIGITS_MODEL", str(tiny_artifact))
    fake = FakeRay()
    monkeypatch.setattr(engine, "cluster", fake.cluster)
    monkeypatch.setattr(engine, "read_shards", fake.read_shards)
    monkeypatch.setattr(commands, "find_spec", lambda name: find_spec(name) if name != "ray" else object())
    return fake


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two tar files, a table and three pictures; one of them is blank."""
    folder = tmp_path / "source"
    tar(folder / "a.tar", {f"{number}.png": SEVEN for number in range(3)})
    tar(folder / "b.tar", {"0.png": BLANK})
    table(folder / "c.parquet", [{"image": SEVEN}] * 3)
    for number in range(3):
        (folder / f"d{number}.png").write_bytes(SEVEN)
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.commands, ["bulk", *map(str, arguments)])


def rows(output: Path) -> list[tuple[str, str | None, str | None]]:
    found = ds.dataset(output).to_table(["path", "key", "error"]).to_pylist()
    return [(Path(row["path"]).name, row["key"], row["error"]) for row in found]


EXPECTED = [
    *[("a.tar", f"{number}.png", None) for number in range(3)],
    ("b.tar", "0.png", "no_ink"),
    *[("c.parquet", str(number), None) for number in range(3)],
    *[(f"d{number}.png", None, None) for number in range(3)],
]


def test_results(ray: FakeRay, source: Path, tmp_path: Path) -> None:
    """Every picture has one row, in the order in which they lie there; that one could not be read is told."""
    result = run(source, "--output", tmp_path / "out", "--shard-size", "2")
    assert result.exit_code == 1
    assert result.stdout == ""
    told, failed = result.stderr.splitlines()
    assert (told.startswith("digits: 10 pictures in "), told.endswith(" s.")) == (True, True)
    assert failed == f"digits: 1 of them could not be read; {tmp_path / 'out'} says why."
    assert rows(tmp_path / "out") == EXPECTED
    assert ray.asked[1] == ("workers", 3)
    assert len(ray.seen) == 6


def test_all_are_read(ray: FakeRay, source: Path, tmp_path: Path) -> None:
    """The exit code is 0 if all were; cluster and workers are those that were asked for."""
    result = run(source / "a.tar", "-o", tmp_path / "out", "--address", "there:1", "--workers", "7")
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)
    assert ray.asked == [("there:1", 7), ("workers", 7)]


def test_resumed(ray: FakeRay, source: Path, tmp_path: Path) -> None:
    """After an interrupt the same command with --resume writes what is missing, and tells of all."""
    order = (source, "-o", tmp_path / "out")
    ray.failure, ray.after = KeyboardInterrupt(), 3
    result = run(*order)
    assert (result.exit_code, result.stderr) == (130, "digits: Interrupted. The same command with --resume goes on.\n")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert len(before) == 3 + 2
    ray.failure = None
    result = run(*order)
    assert result.exit_code == 2
    assert "holds results already: go on with --resume, or choose another folder." in result.stderr
    result = run(*order, "--resume")
    assert result.exit_code == 1
    assert result.stderr.startswith("digits: 10 pictures in ")
    assert rows(tmp_path / "out") == EXPECTED
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}.items()


@pytest.mark.usefixtures("ray")
def test_resumed_before_it_began(source: Path, tmp_path: Path) -> None:
    """A plan without a manifest is no job yet; --resume begins where there is nothing."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / PLAN_FILE).write_bytes(b"half")
    assert run(source, "-o", tmp_path / "out", "--resume").exit_code == 1
    assert rows(tmp_path / "out") == EXPECTED


@pytest.mark.usefixtures("ray")
def test_other_pictures(source: Path, tmp_path: Path) -> None:
    """A job does not go on with other pictures, nor with another source."""
    assert run(source, "-o", tmp_path / "out").exit_code == 1
    (source / "d9.png").write_bytes(SEVEN)
    result = run(source, "-o", tmp_path / "out", "--resume")
    assert result.exit_code == 2
    assert "--resume cannot go on in" in result.stderr
    assert "some were added, removed or changed" in result.stderr
    (source / "d9.png").unlink()
    result = run(source / "a.tar", "-o", tmp_path / "out", "--resume")
    assert "it was begun with the sources" in result.stderr
    assert run(source, "-o", tmp_path / "out", "--resume").exit_code == 1


@pytest.mark.usefixtures("ray")
def test_another_model(source: Path, tmp_path: Path, tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor with another version of the model, so that all rows are one model's."""
    home = tmp_path / "artifacts" / "tiny"
    shutil.copytree(tiny_artifact, home)
    monkeypatch.setenv("DIGITS_MODEL", str(home))
    assert run(source, "-o", tmp_path / "out").exit_code == 1

    def write(folder: Path) -> Metadata:
        shutil.copytree(current_folder(tiny_artifact), folder, dirs_exist_ok=True)
        metadata = read_artifact(tiny_artifact).metadata.model_copy(update={"version": "20990101-00000000"})
        (folder / METADATA_FILE).write_text(metadata.model_dump_json())
        return metadata

    publish(tmp_path / "artifacts", "tiny", write)
    result = run(source, "-o", tmp_path / "out", "--resume")
    assert result.exit_code == 2
    assert "it was begun with the model tiny " in result.stderr
    assert "not tiny 20990101-00000000" in result.stderr


def test_shards_that_are_not_written(ray: FakeRay, source: Path, tmp_path: Path) -> None:
    """Each is named with the reason, and what to do."""
    ray.failing = "The network is away."
    result = run(source / "a.tar", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        "digits: part-000000.parquet is not written. The network is away.",
        "digits: 1 of 1 shards are not written. The same command with --resume goes on.",
    ]


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (EngineError("There is no Ray cluster at x."), "There is no Ray cluster at x."),
        (ArtifactError("The model is another."), "The model is another."),
        (OSError(28, "No space left on device", "/x"), "No space left on device: /x. The same command"),
    ],
)
def test_failures(ray: FakeRay, source: Path, tmp_path: Path, failure: Exception, sentence: str) -> None:
    """What ends the job is a sentence."""
    ray.failure = failure
    result = run(source, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"digits: {sentence}")
    assert result.stderr.count("\n") == 1


def test_orders_that_make_no_sense(ray: FakeRay, source: Path, tmp_path: Path) -> None:
    """Exit code 2, and what to do, before anything is written."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    for arguments, sentence in [
        ((tmp_path / "missing", "-o", tmp_path / "out"), "missing is not there."),
        ((tmp_path / "empty", "-o", tmp_path / "out"), "There are no pictures in"),
        ((source, "-o", source / "out"), "choose an output outside of"),
        ((source, "-o", tmp_path / "other"), "holds other files: choose an empty folder."),
        ((source, "-o", tmp_path / "out", "--column", "scan"), "has no column scan"),
    ]:
        result = run(*arguments)
        assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    assert ray.asked == []
    assert not (source / "out").exists()


@pytest.mark.usefixtures("ray")
def test_bad_settings(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings hold here too, and one that makes no sense is named."""
    monkeypatch.setenv("DIGITS_MAX_PIXELS", "many")
    result = run(source, "-o", tmp_path / "out")
    assert (result.exit_code, "DIGITS_MAX_PIXELS" in result.stderr) == (2, True)
    monkeypatch.delenv("DIGITS_MAX_PIXELS")
    monkeypatch.setenv("DIGITS_MODEL", str(tmp_path / "none"))
    result = run(source, "-o", tmp_path / "out")
    assert (result.exit_code, "holds no published model" in result.stderr) == (1, True)


@pytest.mark.usefixtures("ray")
def test_without_ray(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which extra to install is said in a sentence."""
    monkeypatch.setattr(commands, "find_spec", lambda name: None if name == "ray" else object())
    result = run(source, "-o", tmp_path / "out")
    assert (result.exit_code, "needs ray; install the package with its extra `ray`" in result.stderr) == (2, True)


@pytest.mark.usefixtures("ray")
def test_manifest_tells_the_job(source: Path, tmp_path: Path) -> None:
    """What was read, and with what, lies beside the results, where readers of Parquet folders pass over it."""
    run(source, "-o", tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / MANIFEST_FILE).read_text())
    assert manifest["sources"] == [str(source)]
    assert manifest["shards"] == 5
    assert manifest["model"]["name"] == "tiny"
