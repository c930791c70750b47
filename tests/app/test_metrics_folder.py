"""The folder in which processes count together."""

import os
from pathlib import Path

import pytest

from app.metrics_folder import FOLDER_VARIABLE, shared_folder


def test_folder_lives_as_long_as_the_block(tmp_path: Path) -> None:
    """It is named to processes that are started, and removed with all that lies in it."""
    with shared_folder(tmp_path):
        folder = Path(os.environ[FOLDER_VARIABLE])
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "counter_1.db").touch()
    assert list(tmp_path.iterdir()) == []
    assert FOLDER_VARIABLE not in os.environ


def test_removed_after_a_failure(tmp_path: Path) -> None:
    """However the block ends."""

    def fail() -> None:
        with shared_folder(tmp_path):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []
    assert FOLDER_VARIABLE not in os.environ


def test_without_memory_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such place, it lies with the temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with shared_folder(tmp_path / "nowhere"):
        assert Path(os.environ[FOLDER_VARIABLE]).parent == tmp_path
