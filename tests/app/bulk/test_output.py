"""The output: a file is there whole or not at all, here and elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from app.bulk.output import Output
from app.errors import PlaceError


@pytest.fixture(params=["here", "elsewhere"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Output]:
    """An empty folder."""
    if request.param == "here":
        yield Output(str(tmp_path / "a" / "b"))
        return
    yield Output("memory://output")
    fsspec.filesystem("memory").rm("/output", recursive=True)


def test_published(output: Output) -> None:
    """What a block has written is there under its name once the block has ended, in place of what was there before."""
    assert output.names() == set()
    for content in (b"first", b"second"):
        with output.publish("x") as path:
            path.write_bytes(content)
            assert not path.name.startswith("x")
        with output.open("x") as file:
            assert file.read() == content
        assert output.names() == {"x"}
        assert output.exists("x")
        assert not path.exists()


def test_failures_leave_nothing(output: Output) -> None:
    """A block that fails changes nothing and leaves nothing behind."""
    with output.publish("x") as path:
        path.write_bytes(b"before")

    def fail() -> None:
        with output.publish("x") as unfinished:
            unfinished.write_bytes(b"half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fail()
    with output.open("x") as file:
        assert file.read() == b"before"
    assert output.names() == {"x"}
    if not output.place.startswith("memory"):
        assert os.listdir(output.place) == ["x"]  # noqa: PTH208


def test_what_killed_processes_leave(tmp_path: Path) -> None:
    """Unfinished files are no results, and are removed when all is done."""
    output = Output(str(tmp_path))
    (tmp_path / ".part-000000.parquet.abc.tmp").touch()
    (tmp_path / "part-000001.parquet").touch()
    assert output.names() == {"part-000001.parquet"}
    output.clean()
    assert os.listdir(tmp_path) == ["part-000001.parquet"]  # noqa: PTH208
    Output("memory://output").clean()


def test_modes(tmp_path: Path) -> None:
    """Others may read the results as they may read any file: temporary files are their owner's alone."""
    with Output(str(tmp_path)).publish("x") as path:
        path.touch()
    (tmp_path / "y").touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode


def test_no_such_place() -> None:
    """An unknown kind of place gets a sentence."""
    with pytest.raises(PlaceError, match="nosuch://a cannot be used"):
        Output("nosuch://a")
