"""Paths -> the pictures to read: sorted, complete, and never all at once."""

import inspect
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from app import walk as walking
from app.decoding import FORMATS
from app.walk import STDIN, SUFFIXES, count, walk


def plant(folder: Path, *names: str) -> None:
    """Empty files, with the folders they are in."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder: Path) -> list[str]:
    """What is found in a folder, relative to it; `count` must agree."""
    paths = list(walk([str(folder)]))
    assert count([str(folder)]) == len(paths)
    return [os.path.relpath(path, folder) for path in paths]


def test_folders_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    """Folders and files are sorted together, and a folder's pictures stay together."""
    plant(tmp_path, "c.png", "a.png", "b/z.png", "b/y/x.png", "B.PNG")
    assert found(tmp_path) == ["B.PNG", "a.png", "b/y/x.png", "b/z.png", "c.png"]


def test_only_pictures_are_taken_from_folders(tmp_path: Path) -> None:
    """Other files, and what begins with a dot, are left out; a file named by itself is read whatever its name."""
    plant(tmp_path, "a.txt", "b", ".c.png", ".hidden/d.png", "e.heic", "._f.jpg")
    assert found(tmp_path) == ["e.heic"]
    other = str(tmp_path / "a.txt")
    assert list(walk([other, STDIN, "missing", other])) == [other, STDIN, "missing", other]
    assert count([other, STDIN, "missing", other]) == 4


def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with more names than are kept at a time is listed again, and nothing is lost or told twice."""
    monkeypatch.setattr(walking, "_BLOCK", 3)
    for total in (2, 3, 4, 6, 10):
        folder = tmp_path / str(total)
        names = [f"{number:02}.png" for number in range(total)]
        plant(folder, *names)
        assert found(folder) == names


def test_links(tmp_path: Path) -> None:
    """Links to files are followed, links to folders are not, and one that leads nowhere is told of."""
    plant(tmp_path, "real/a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "real" / "a.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "d.png").symlink_to(tmp_path)
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    assert found(tmp_path) == ["b.png", "c.png", "real/a.png"]
    assert found(tmp_path / "real" / "loop" / "real") == ["a.png"]


def test_names_of_any_bytes(tmp_path: Path) -> None:
    """Names need not be text."""
    odd = os.fsdecode(b"\xff.png")
    try:
        plant(tmp_path, odd, "line\nbreak.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert found(tmp_path) == ["line\nbreak.png", odd]


def test_deep_folders(tmp_path: Path) -> None:
    """Folders may be nested deeper than a call may go."""
    plant(tmp_path, "d/" * 150 + "x.png")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        paths = list(walk([str(tmp_path)]))
    finally:
        sys.setrecursionlimit(limit)
    assert paths == [str(tmp_path / ("d/" * 150 + "x.png"))]


def test_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told of in place of its pictures, so that somebody hears of it."""
    plant(tmp_path, "a/x.png", "b/y.png")
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if folder.endswith("a"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == ["a", "b/y.png"]


def test_memory_does_not_grow_with_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many names take no more memory, once there are more than are kept at a time.

    So many names more would take some 200 KiB; what other threads of the tests take meanwhile is a tenth of that.
    """
    monkeypatch.setattr(walking, "_BLOCK", 64)

    def peak(total: int) -> int:
        folder = tmp_path / str(total)
        plant(folder, *(f"{number}.png" for number in range(total)))
        tracemalloc.start()
        try:
            assert sum(1 for _ in walk([str(folder)])) == total
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(2000) < peak(200) + 40 * 1024


def test_every_format_has_its_suffixes() -> None:
    """Whatever Pillow would name a file of a format the service reads is found in folders."""
    Image.init()
    assert {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS} <= SUFFIXES
