"""Files as they are served: read once, named by their content, compressed once, held in memory."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

MEDIA_TYPES: Final = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
    }
)
"""What is served, by the end of its name; a folder's other files are not."""

_COMPRESSIBLE: Final = frozenset({".html", ".css", ".js", ".svg"})

_DIGEST_LENGTH: Final = 16
"""Hexadecimal digits of a sha256 that tell one content from another: 64 bits."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to be sent."""

    content: bytes
    compressed: bytes | None
    """The content as gzip; None where that saves nothing."""
    media_type: str
    digest: str
    """Beginning of the content's sha256, in hexadecimal."""


def asset(name: str, content: bytes) -> Asset:
    """Make a file ready.

    Args:
        name: its end says what kind of file it is, one of MEDIA_TYPES.
        content: the file's bytes.
    """
    kind = Path(name).suffix
    # Without the time of day, so that every process of the service sends the same bytes.
    compressed = gzip.compress(content, mtime=0) if kind in _COMPRESSIBLE else None
    return Asset(content, compressed, MEDIA_TYPES[kind], digest_of(content))


def digest_of(*contents: bytes) -> str:
    """What tells these contents from others."""
    joined = hashlib.sha256()
    for content in contents:
        joined.update(hashlib.sha256(content).digest())
    return joined.hexdigest()[:_DIGEST_LENGTH]


def read_folder(folder: Path) -> Mapping[str, bytes]:
    """The files of a folder that may be served, by name in order; no folders inside it."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in MEDIA_TYPES}
