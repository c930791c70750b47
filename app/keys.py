"""API keys: made here, kept as hashes, and recognised."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_KEY_BYTES: Final = 32

_LONGEST_KEY: Final = 1024
"""Bytes that are looked at; ours have 43."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")


def new_key() -> str:
    """A key that nobody guesses: 256 random bits, as 43 letters, digits, hyphens and underscores."""
    return secrets.token_urlsafe(_KEY_BYTES)


def digest_of(key: bytes) -> bytes:
    """What is kept of a key: its SHA-256, 32 bytes.

    Slow, salted hashes protect what people choose, which can be guessed. A key of 256 random bits cannot, however fast
    each guess is, and its hash is in no table. A slow hash would only let whoever sends wrong keys keep the service
    busy.
    """
    return hashlib.sha256(key).digest()


def parse_digest(text: str) -> bytes:
    """A hash as it is written: 64 hexadecimal digits.

    Raises:
        ValueError: it is something else, perhaps the key itself, so the message does not repeat it.
    """
    if not _DIGEST.fullmatch(text.lower()):
        raise ValueError("a key is told by its hash, 64 hexadecimal digits; `digits key` prints both")
    return bytes.fromhex(text)


def read_digests(path: Path) -> tuple[bytes, ...]:
    """The hashes in a file: one a line; what follows it there, and lines that begin with #, are notes.

    Raises:
        ValueError: the file cannot be read, holds none, or a line begins with something else.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})") from error
    words = [line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        raise ValueError("the file holds no hash of a key")
    return tuple(map(parse_digest, words))


class KeyRing:
    """The keys that open the service."""

    def __init__(self, digests: Iterable[bytes]) -> None:
        self._digests = tuple(digests)

    def recognise(self, key: bytes) -> bytes | None:
        """The hash of a key that opens, None for all others.

        How long it takes tells nothing of how nearly a key was right, nor which of the keys it is.
        """
        digest = digest_of(key[:_LONGEST_KEY])
        opens = False
        for known in self._digests:
            opens |= hmac.compare_digest(known, digest)
        return digest if opens else None
