"""Sources -> what is to be read: sorted, complete, the same each time, here and elsewhere."""

import os
from pathlib import Path

import fsspec
import pytest

from app.bulk.files import absolute, opened
from app.bulk.listing import WHOLE, Columns, Item, items, sharded
from app.errors import PlaceError
from tests.app.bulk.archives import SEVEN, table, tar


def plant(folder: Path) -> None:
    """Pictures and archives among other files."""
    for name in ("b.png", "a/z.JPG", "a/notes.txt", ".hidden.png", "c.json", ".d/e.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(SEVEN)
    tar(folder / "s-1.tar", {"1.png": SEVEN})
    tar(folder / "s-2.tar.gz", {"1.png": SEVEN}, "w:gz")
    table(folder / "t.parquet", [{"image": SEVEN}] * 5)


def names(found: list[Item], root: str) -> list[tuple[str, int, bool]]:
    return [(item.place.removeprefix(f"{root}/"), item.row_group, item.extent > 0) for item in found]


EXPECTED = [
    ("a/z.JPG", WHOLE, False),
    ("b.png", WHOLE, False),
    ("s-1.tar", WHOLE, True),
    ("s-2.tar.gz", WHOLE, True),
    ("t.parquet", 0, True),
    ("t.parquet", 1, True),
    ("t.parquet", 2, True),
]


def test_folders(tmp_path: Path) -> None:
    """Pictures, tar files and row groups come in the order of names; other files and hidden ones are left out."""
    plant(tmp_path)
    found = list(items([str(tmp_path)], Columns()))
    assert names(found, str(tmp_path)) == EXPECTED
    assert [item.extent for item in found if item.row_group != WHOLE] == [2, 2, 1]


def test_folders_elsewhere(tmp_path: Path) -> None:
    """A store that fsspec knows is listed as a folder of this machine is."""
    plant(tmp_path)
    store = fsspec.filesystem("memory")
    store.put(f"{tmp_path}/", "/archive/", recursive=True)
    try:
        found = list(items(["memory://archive"], Columns()))
        assert names(found, "memory:///archive") == EXPECTED
        with opened(found[0].place) as file:
            assert file.read() == SEVEN
        assert list(items([found[1].place], Columns())) == [found[1]]
        with pytest.raises(PlaceError, match="memory://nowhere is not there"):
            list(items(["memory://nowhere"], Columns()))
    finally:
        store.rm("/archive", recursive=True)


def test_files_are_taken_whatever_their_names(tmp_path: Path) -> None:
    """Who names a file wants it read; one that is not there is told of before anything is done."""
    (tmp_path / "scan").write_bytes(SEVEN)
    assert list(items([str(tmp_path / "scan")], Columns())) == [Item(str(tmp_path / "scan"))]
    with pytest.raises(PlaceError, match="missing is not there"):
        list(items([str(tmp_path / "missing")], Columns()))


@pytest.mark.parametrize("url", ["nosuch://a/b", "s3://bucket/key"])
def test_unusable_urls(url: str) -> None:
    """A kind of place that is none, or whose library is not installed, gets a sentence."""
    with pytest.raises(PlaceError, match=f"{url} cannot be used: "):
        list(items([url], Columns()))


def test_columns(tmp_path: Path) -> None:
    """Binary columns and Hugging Face's structs hold pictures; for another, the columns that are there are named."""
    path = table(tmp_path / "a.parquet", [{"scan": {"bytes": SEVEN, "path": "1.png"}, "id": 7}])
    assert len(list(items([str(path)], Columns("scan", "id")))) == 1
    with pytest.raises(PlaceError, match=r"has no column image, only scan, id\. .*--column and --key"):
        list(items([str(path)], Columns()))
    with pytest.raises(PlaceError, match="has no column name"):
        list(items([str(path)], Columns("scan", "name")))
    with pytest.raises(PlaceError, match=r"The column id of .* holds no picture files, but int64"):
        list(items([str(path)], Columns("id")))


def test_damaged_tables_are_listed(tmp_path: Path) -> None:
    """What is wrong with an archive is found out by who reads it, and stops no other."""
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but not for long")
    assert list(items([str(tmp_path)], Columns())) == [Item(str(tmp_path / "a.parquet"), WHOLE, 21)]


def test_shards() -> None:
    """Archives are shards of their own; of pictures so many are one, in the order in which they come."""
    pictures = [Item(f"{number}.png") for number in range(5)]
    archive, group = Item("a.tar"), Item("b.parquet", 3)
    assert list(sharded([*pictures[:3], archive, group, *pictures[3:]], 2)) == [
        pictures[:2],
        pictures[2:3],
        [archive],
        [group],
        pictures[3:],
    ]
    assert list(sharded([], 2)) == []


def test_absolute_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place means the same in a process that runs in another folder."""
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b/") == str(tmp_path / "b")
    assert absolute(f"file://{tmp_path}/b") == str(tmp_path / "b")
    assert absolute("s3://bucket/folder/") == "s3://bucket/folder"


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    """Files are found whatever bytes their names have."""
    path = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(SEVEN)
    except OSError:
        pytest.skip("this file system takes no such names")
    assert [item.place for item in items([str(tmp_path)], Columns())] == [os.fsdecode(path)]
