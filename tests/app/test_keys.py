"""API keys: random, kept as hashes, recognised without telling how nearly."""

import hashlib
import hmac
from pathlib import Path

import pytest

from app.keys import KeyRing, digest_of, new_key, parse_digest, read_digests

FIRST, SECOND = digest_of(b"first"), digest_of(b"second")


def test_keys_are_random() -> None:
    """A key has 256 random bits, is not repeated, and can stand in a header as it is."""
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert {len(key) for key in keys} == {43}
    assert all(key.isascii() and key.replace("-", "").replace("_", "").isalnum() for key in keys)


def test_digest_is_sha256() -> None:
    """Whoever has no `digits key` at hand can make the hash with sha256sum."""
    assert digest_of(b"key") == hashlib.sha256(b"key").digest()


def test_several_keys_open() -> None:
    """Each of several keys is recognised, by its hash; nothing else is."""
    ring = KeyRing([FIRST, SECOND])
    assert ring.recognise(b"first") == FIRST
    assert ring.recognise(b"second") == SECOND
    for wrong in (b"", b"First", b"first ", b"third", FIRST, FIRST.hex().encode(), b"x" * 100_000):
        assert ring.recognise(wrong) is None
    assert KeyRing([]).recognise(b"first") is None


@pytest.mark.parametrize("key", [b"first", b"second", b"wrong"])
def test_every_key_is_compared(monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    """All hashes are compared, whole, by the function whose time tells nothing, whichever key it is."""
    compared = []

    def compare(known: bytes, digest: bytes) -> bool:
        compared.append((known, digest))
        return known == digest

    monkeypatch.setattr(hmac, "compare_digest", compare)
    KeyRing([FIRST, SECOND]).recognise(key)
    assert compared == [(FIRST, digest_of(key)), (SECOND, digest_of(key))]


def test_hashes_as_they_are_written() -> None:
    """In small or large letters."""
    assert parse_digest(FIRST.hex()) == parse_digest(FIRST.hex().upper()) == FIRST


@pytest.mark.parametrize("text", ["", "first", "0" * 63, "0" * 65, "g" * 64, " " + "0" * 63, "0" * 64 + "\n"])
def test_what_is_no_hash(text: str) -> None:
    """A key in place of its hash is refused, and not repeated."""
    with pytest.raises(ValueError, match="64 hexadecimal digits") as caught:
        parse_digest(text)
    assert not text.strip() or text.strip() not in str(caught.value)


def test_file(tmp_path: Path) -> None:
    """One hash a line, with notes."""
    path = tmp_path / "keys"
    path.write_text(f"# keys of the service\n\n{FIRST.hex()}  the page\n  {SECOND.hex().upper()}\n  # the end")
    assert read_digests(path) == (FIRST, SECOND)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read .No such file"),
        (b"", "holds no hash"),
        (b"# nothing but a note\n", "holds no hash"),
        (b"first\n", "64 hexadecimal digits"),
        (b"\xff\xfe", "it is no text"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    """They are told of in a sentence: without keys the service would be open."""
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_digests(path)
