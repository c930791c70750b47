"""Archives -> a result for each picture, whatever is wrong with it, or with the archive."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path
from typing import IO

import fsspec
import pytest

from app.batch import UNREADABLE
from app.bulk import contents
from app.bulk.contents import DAMAGED, read_item
from app.bulk.listing import WHOLE, Columns, Item
from app.errors import StoreError
from tests.app.bulk.archives import table, tar
from tests.app.test_batch import FakeReader

LIMIT = 100


def read(item: Item, columns: Columns | None = None) -> list[tuple[str | None, str]]:
    """The names of the pictures and their errors."""
    found = list(read_item(item, FakeReader(), columns or Columns(), LIMIT))
    assert {result.path for _, result in found} <= {item.place}
    return [(key, result.code) for key, result in found]


class TestPictures:
    def test_one(self, tmp_path: Path) -> None:
        """A picture has no name but its path; what is wrong with it becomes part of its result."""
        path = tmp_path / "a.png"
        path.write_bytes(b"picture")
        assert read(Item(str(path))) == [(None, "")]
        path.write_bytes(b"blank")
        assert read(Item(str(path))) == [(None, "no_ink")]
        path.write_bytes(b"1" * (LIMIT + 1))
        assert read(Item(str(path))) == [(None, "too_many_bytes")]
        assert read(Item(str(tmp_path / "missing.png"))) == [(None, UNREADABLE)]

    def test_a_store_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is not there is the picture's fault; that a network fails is not recorded as if it were."""
        assert read(Item("memory://nowhere/a.png")) == [(None, UNREADABLE)]

        def fail(_: str) -> IO[bytes]:
            raise TimeoutError("no answer")

        monkeypatch.setattr(contents, "opened", fail)
        with pytest.raises(StoreError, match=r"memory://nowhere/a\.png: no answer"):
            read(Item("memory://nowhere/a.png"))


class TestTar:
    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
    def test_members(self, tmp_path: Path, mode: str) -> None:
        """Pictures are read in the order in which they lie there, compressed or not; other members are passed over."""
        members = {"b/1.png": b"picture", "b/1.cls": b"7", "a.jpg": b"blank", "c.png": b"", "d.png": b"1" * 101}
        path = tar(tmp_path / "s.tar", members, mode)
        assert read(Item(str(path))) == [
            ("b/1.png", ""),
            ("a.jpg", "no_ink"),
            ("c.png", "missing_picture"),
            ("d.png", "too_many_bytes"),
        ]

    def test_links_and_folders(self, tmp_path: Path) -> None:
        """Members that are no files are none of the pictures, whatever their names."""
        path = tmp_path / "s.tar"
        with tarfile.open(path, "w") as archive:
            for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE):
                member = tarfile.TarInfo("a.png")
                member.type = kind
                archive.addfile(member)
        assert read(Item(str(path))) == []

    def test_damage_anywhere(self, tmp_path: Path) -> None:
        """Wherever an archive is cut, what lies before is read, and that there was more is told."""
        path = tar(tmp_path / "s.tar", {f"{number}.png": b"picture" for number in range(3)})
        whole = path.read_bytes()
        for cut in (0, 1, 511, 512, 515, 1024, 2 * 1024 + 100, 3 * 1024):
            path.write_bytes(whole[:cut])
            found = read(Item(str(path)))
            assert found[-1] == (None, DAMAGED), cut
            assert found[:-1] == [(f"{number}.png", "") for number in range(cut // 1024 + (cut % 1024 > 518))], cut

    def test_headers_that_are_none(self, tmp_path: Path) -> None:
        """A broken header in the middle is not taken for the end."""
        path = tar(tmp_path / "s.tar", {f"{number}.png": b"picture" for number in range(3)})
        broken = bytearray(path.read_bytes())
        broken[1024:1030] = b"broken"
        path.write_bytes(broken)
        assert read(Item(str(path))) == [("0.png", ""), (None, DAMAGED)]

    def test_damage_of_compressed_ones(self, tmp_path: Path) -> None:
        """A gzip stream that ends early, or contradicts itself, is told of too."""
        path = tar(tmp_path / "s.tar.gz", {f"{number}.png": b"picture" for number in range(3)}, "w:gz")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert read(Item(str(path)))[-1] == (None, DAMAGED)
        path.write_bytes(gzip.compress(b"no tar" * 1000))
        assert read(Item(str(path))) == [(None, DAMAGED)]

    def test_a_store_that_fails(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A network that fails in the middle is not taken for damage."""
        path = tar(tmp_path / "s.tar", {f"{number}.png": b"picture" for number in range(50)})

        class Failing(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if self.tell() > 20_000:
                    raise OSError("no answer")
                return super().read(size)

        monkeypatch.setattr(contents, "opened", lambda _: Failing(path.read_bytes()))
        with pytest.raises(StoreError, match="no answer"):
            read(Item(str(path)))
        monkeypatch.undo()
        with pytest.raises(OSError, match="No such file"):
            read(Item(str(tmp_path / "missing.tar")))

    def test_memory(self, tmp_path: Path) -> None:
        """An archive takes as much memory for ten thousand pictures as for a thousand."""
        peaks = []
        for count in (1000, 10_000):
            path = tar(tmp_path / "s.tar", {f"{number:06}.png": b"refused" for number in range(count)})
            tracemalloc.start()
            assert sum(1 for _ in read_item(Item(str(path)), FakeReader(), Columns(), LIMIT)) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 10_000 * 50


class TestTables:
    def test_row_groups(self, tmp_path: Path) -> None:
        """Of a row group each row is a picture, called by its number in the file or by a column."""
        contents_ = [b"picture", b"blank", None, b"1" * 101, b"picture"]
        path = table(tmp_path / "a.parquet", [{"image": value, "id": n * 10} for n, value in enumerate(contents_)])
        assert read(Item(str(path), 0)) == [("0", ""), ("1", "no_ink")]
        assert read(Item(str(path), 1)) == [("2", "missing_picture"), ("3", "too_many_bytes")]
        assert read(Item(str(path), 2), Columns("image", "id")) == [("40", "")]

    def test_structs(self, tmp_path: Path) -> None:
        """Hugging Face's data sets keep a picture beside its path."""
        rows: list[dict[str, object]] = [
            {"image": {"bytes": b"picture", "path": "1.png"}},
            {"image": {"bytes": None, "path": "2.png"}},
            {"image": None},
        ]
        path = table(tmp_path / "a.parquet", rows, row_group_size=3)
        assert read(Item(str(path), 0)) == [("0", ""), ("1", "missing_picture"), ("2", "missing_picture")]

    def test_damage(self, tmp_path: Path) -> None:
        """A table that cannot be read, in the whole or in its pages, is told of."""
        path = table(tmp_path / "a.parquet", [{"image": b"picture%d" % n} for n in range(50)], row_group_size=50)
        whole = bytearray(path.read_bytes())
        whole[4:400] = bytes(396)
        path.write_bytes(whole)
        assert read(Item(str(path), 0)) == [(None, DAMAGED)]
        path.write_bytes(b"PAR1")
        assert read(Item(str(path), WHOLE)) == [(None, DAMAGED)]

    def test_elsewhere(self, tmp_path: Path) -> None:
        """Tables and tar files of a store are read as those of this machine."""
        store = fsspec.filesystem("memory")
        store.pipe_file("/there/a.parquet", table(tmp_path / "a.parquet", [{"image": b"picture"}]).read_bytes())
        store.pipe_file("/there/s.tar", tar(tmp_path / "s.tar", {"1.png": b"blank"}).read_bytes())
        try:
            assert read(Item("memory://there/a.parquet", 0)) == [("0", "")]
            assert read(Item("memory://there/s.tar")) == [("1.png", "no_ink")]
        finally:
            store.rm("/there", recursive=True)
