"""The folder in which processes count together."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

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


def old(folder: Path) -> Path:
    """The same folder, as if it had been there for an hour."""
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))
    return folder


def test_what_a_killed_process_left_behind(tmp_path: Path) -> None:
    """It is removed by the next one that starts, and by none that starts while it lives."""
    program = (
        "import sys, pathlib, time, app.metrics_folder as one\n"
        "with one.shared_folder(pathlib.Path(sys.argv[1])): print('made', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        [left] = map(old, tmp_path.iterdir())
        with shared_folder(tmp_path):
            assert left.exists()
        killed.kill()
    with shared_folder(tmp_path):
        assert [Path(os.environ[FOLDER_VARIABLE])] == list(tmp_path.iterdir())


def test_others_are_let_alone(tmp_path: Path) -> None:
    """Links, files and folders of other names or other users are not touched, nor is what links lead to."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    memory = tmp_path / "memory"
    memory.mkdir()
    (memory / "digits-metrics-link").symlink_to(old(elsewhere))
    (memory / "digits-metrics-file").touch()
    old(memory / "digits-metrics-file")
    (memory / "digits").mkdir()
    old(memory / "digits")
    before = sorted(memory.iterdir())
    with shared_folder(memory):
        pass
    assert sorted(memory.iterdir()) == before
    assert list(elsewhere.iterdir()) == [elsewhere / "kept"]


def test_folder_in_use(tmp_path: Path) -> None:
    """One whose lock is held stays."""
    used = tmp_path / "digits-metrics-used"
    used.mkdir()
    with FileLock(used / "lock"):
        old(used)
        with shared_folder(tmp_path):
            assert used.exists()


def test_folder_that_was_just_made(tmp_path: Path) -> None:
    """Its lock may not be held yet: it stays."""
    made = tmp_path / "digits-metrics-made"
    made.mkdir()
    with shared_folder(tmp_path):
        assert made.exists()
