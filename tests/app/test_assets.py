"""Files as they are served."""

import gzip
from pathlib import Path

from app.assets import asset, digest_of, read_folder


def test_text_is_compressed_and_pictures_are_not() -> None:
    """Text has a compressed form of the same content; a PNG file would only grow."""
    script = asset("page.js", b"let x;" * 100)
    assert script.compressed is not None
    assert gzip.decompress(script.compressed) == script.content
    assert len(script.compressed) < len(script.content)
    assert script.media_type.startswith("text/javascript")
    assert asset("plot.png", b"\x89PNG").compressed is None


def test_digest_tells_contents_apart() -> None:
    """The digest depends on each content and on where one ends and the next begins."""
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")
    assert digest_of(b"ab") == asset("x.css", b"ab").digest
    assert asset("x.css", b"ab") == asset("x.css", b"ab")


def test_only_known_kinds_are_read(tmp_path: Path) -> None:
    """Files that no page asks for are not held."""
    (tmp_path / "page.css").write_bytes(b"x")
    (tmp_path / "page.css.bak").write_bytes(b"x")
    assert read_folder(tmp_path) == {"page.css": b"x"}
