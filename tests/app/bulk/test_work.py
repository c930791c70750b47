"""A shard -> its results: the same rows whoever reads it, however often, and what is in the way is told."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.batch import read_path
from app.bulk.listing import Columns, Item
from app.bulk.output import Output
from app.bulk.plan import PLAN_FILE, part, write_plan
from app.bulk.rows import SCHEMA
from app.bulk.work import Job, Outcome, ShardReader
from app.local import LocalReader
from app.settings import Settings
from tests.app.bulk.archives import BLANK, SEVEN, tar


@pytest.fixture(scope="module")
def reader(tiny_artifact: Path) -> LocalReader:
    """The tiny model."""
    return LocalReader(Settings(model=tiny_artifact))


def begun(folder: Path, shards: list[list[Item]], reader: LocalReader) -> ShardReader:
    """A job with these shards whose output is a folder."""
    with Output(str(folder)).publish(PLAN_FILE) as path:
        write_plan(shards, path)
    return ShardReader(Job(str(folder), Path(), reader.model, Columns(), 2**20, 10**6), reader)


def test_rows_are_those_of_the_loop_in_this_process(tmp_path: Path, reader: LocalReader) -> None:
    """Each picture has a row with what `digits read` tells of it, in the order in which they were listed."""
    paths = [tmp_path / name for name in ("a.png", "b.png", "missing.png")]
    paths[0].write_bytes(SEVEN)
    paths[1].write_bytes(BLANK)
    archive = tar(tmp_path / "s.tar", {"c.png": SEVEN})
    shard = [Item(str(path)) for path in (*paths, archive)]
    outcome = begun(tmp_path / "out", [[Item(str(archive))], shard], reader).read(1)
    assert (outcome.shard, outcome.pictures, outcome.failed, outcome.problem) == (1, 4, 2, "")
    assert outcome.seconds > 0
    written = pq.read_table(tmp_path / "out" / part(1))
    assert written.schema.names == SCHEMA.names
    rows = written.to_pylist()
    assert [row["key"] for row in rows] == [None, None, None, "c.png"]
    for row, path in zip(rows, [*paths, paths[0]], strict=True):
        expected = read_path(str(path), reader, 2**20)
        assert (row["model"], row["model_version"]) == (reader.model.name, reader.model.version)
        assert (row["error"], row["error_detail"]) == (expected.code or None, expected.detail or None)
        if expected.prediction is None:
            assert row["digit"] is row["probabilities"] is row["confidence"] is row["verdict"] is None
            continue
        found = expected.prediction
        assert (row["digit"], row["verdict"], row["reason"]) == (found.digit, found.verdict, found.reason)
        assert row["probabilities"] == pytest.approx(found.probabilities, abs=1e-7)
        assert row["confidence"] == max(row["probabilities"])
    assert [row["path"] for row in rows] == [str(path) for path in (*paths, archive)]


def test_many_rows(tmp_path: Path, reader: LocalReader) -> None:
    """More rows than are kept in memory lose none and keep their order."""
    archive = tar(tmp_path / "s.tar", {f"{number:05}.png": b"no picture" for number in range(2500)})
    outcome = begun(tmp_path / "out", [[Item(str(archive))]], reader).read(0)
    assert (outcome.pictures, outcome.failed) == (2500, 2500)
    written = pq.ParquetFile(tmp_path / "out" / part(0))
    assert written.metadata.num_row_groups > 1
    keys = written.read(["key"]).column("key").to_pylist()
    assert keys == [f"{number:05}.png" for number in range(2500)]


def test_archives_without_pictures(tmp_path: Path, reader: LocalReader) -> None:
    """They have results, of no rows: they are done."""
    archive = tar(tmp_path / "s.tar", {"notes.txt": b"none"})
    assert begun(tmp_path / "out", [[Item(str(archive))]], reader).read(0).problem == ""
    assert pq.read_table(tmp_path / "out" / part(0)).num_rows == 0


def test_results_that_are_there(tmp_path: Path, reader: LocalReader) -> None:
    """A shard whose results are there is not read again, and its outcome is the same; read anew, so are its results."""
    (tmp_path / "a.png").write_bytes(SEVEN)
    work = begun(tmp_path / "out", [[Item(str(tmp_path / "a.png"))]], reader)
    first = work.read(0)
    content = (tmp_path / "out" / part(0)).read_bytes()
    before = (tmp_path / "out" / part(0)).stat().st_mtime_ns
    assert work.read(0) == Outcome(0, first.pictures, first.failed, 0.0)
    assert (tmp_path / "out" / part(0)).stat().st_mtime_ns == before
    (tmp_path / "out" / part(0)).unlink()
    assert work.read(0).pictures == 1
    assert (tmp_path / "out" / part(0)).read_bytes() == content


def test_problems_are_told_and_leave_nothing(tmp_path: Path, reader: LocalReader) -> None:
    """An archive that cannot be fetched has no results, so that a later run tries again; others have theirs."""
    (tmp_path / "a.png").write_bytes(SEVEN)
    missing = tmp_path / "s.tar"
    work = begun(tmp_path / "out", [[Item(str(missing))], [Item(str(tmp_path / "a.png"))]], reader)
    outcome = work.read(0)
    assert (outcome.pictures, outcome.failed) == (0, 0)
    assert "No such file" in outcome.problem
    assert work.read(1).pictures == 1
    assert set(os.listdir(tmp_path / "out")) == {PLAN_FILE, part(1)}  # noqa: PTH208
    tar(missing, {"1.png": SEVEN, "2.png": SEVEN})
    assert work.read(0).pictures == 2


def test_names_that_are_not_utf_8(tmp_path: Path, reader: LocalReader) -> None:
    """They are read, and escaped in the results."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    begun(tmp_path / "out", [[Item(path)]], reader).read(0)
    [row] = pq.read_table(tmp_path / "out" / part(0)).to_pylist()
    assert row["path"] == f"{tmp_path}/\\xff.png"
