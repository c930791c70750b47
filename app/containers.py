"""An encoded picture -> the same picture without what its reading does not need: texts, profiles, further pictures.

Pillow reads such parts in Python, one by one, as many as there are: that takes seconds and says nothing about the
pixels. What is walked through here is counted, so that the walk is bounded too.
"""

import re
import struct
from collections.abc import Callable, Iterable
from typing import Final

from app.errors import DamagedPictureError

MOST_PIECES: Final = 65_536
"""Chunks of a PNG, segments of a JPEG, blocks before a GIF's first picture, strips or tiles of a TIFF."""

MOST_SCANS: Final = 32
"""Passes of a JPEG over its pixels; usual encoders make ten, and eighteen for four inks."""

MOST_NUMBERS: Final = 4096
"""Of one field of a TIFF that is neither a table of pieces nor a palette."""

MOST_METADATA: Final = 64 * 1024
"""Bytes of the Exif block, and of all tables in front of a JPEG's pixels together."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNK: Final = struct.Struct(">I4s")
_PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})

_JPEG: Final = b"\xff\xd8\xff"
_JPEG_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""The next one that begins a segment or ends the picture: no fill byte, no pixels, no restart."""
_JPEG_SCAN: Final = 0xDA
_JPEG_END: Final = 0xD9
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_JPEG_TABLES: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDD}) | _JPEG_FRAMES
_JPEG_EMPTY: Final = 4
"""Bytes of a segment with nothing in it."""
_JPEG_METADATA: Final = {0xE0: b"JFIF", 0xE1: b"Exif\0\0", 0xEE: b"Adobe"}
"""What tells how to turn the picture and what its colours are; the first of each counts."""

_AVIF_WITH_FILM: Final = (b"ftypavis", b"ftypmif1", b"ftypmsf1")
"""AVIF's beginnings that let its decoder choose a film instead of the picture."""

_GIF: Final = (b"GIF87a", b"GIF89a")
_GIF_BLOCK: Final = re.compile(rb"[!,;]")
_GIF_EXTENSION: Final = ord("!")
_GIF_PICTURE: Final = ord(",")
_GIF_CONTROL: Final = 0xF9
"""The extension that names the transparent colour."""

_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
_TIFF_PIECES: Final = frozenset({273, 279, 324, 325, 519, 520, 521})
_TIFF_PALETTE: Final = 320
_TIFF_TABLES: Final = 347
_TIFF_KEPT: Final = _TIFF_PIECES | {
    *(256, 257, 258, 259, 262, 266, 274, 277, 278, 284, 292, 293, 317, _TIFF_PALETTE, 322, 323, 332, 338, 339),
    *(_TIFF_TABLES, 512, 513, 514, 515, 529, 530, 531, 532),
}
"""The tags that say how the pixels are stored, and how to turn them."""


def stripped(body: bytes) -> bytes:
    """Take out of a PNG, JPEG, GIF or TIFF what does not matter for its first picture; others come back as they are.

    Raises:
        DamagedPictureError: it is in more pieces than any program makes, or ends before its pixels.
    """
    if body.startswith(_PNG):
        return _png(body)
    strip: Callable[[bytes], bytes] | None = None
    if body.startswith(_JPEG):
        strip = _jpeg
    elif body.startswith(_GIF):
        strip = _gif
    elif body.startswith(_TIFF):
        strip = _tiff
    elif body[4:12] in _AVIF_WITH_FILM and b"av01" in body:
        # The first picture is an item of the file too.
        return b"".join([body[:8], b"avif", memoryview(body)[12:]])
    if strip is None:
        return body
    try:
        return strip(body)
    except (struct.error, IndexError, OverflowError) as error:
        raise DamagedPictureError("The picture ends early. Save the picture again and resend it.") from error


def _check(count: int, most: int, what: str) -> None:
    if count > most:
        message = f"The picture's file is made of more than {most:,} {what}. Save the picture again and resend it."
        raise DamagedPictureError(message)


def _png(body: bytes) -> bytes:
    parts: list[bytes] = []
    kept_from, place, pieces, turned = 0, len(_PNG), 0, False
    last = len(body) - _PNG_CHUNK.size
    kind = b""
    while place <= last and kind != b"IEND":
        length, kind = _PNG_CHUNK.unpack_from(body, place)
        following = place + 12 + length
        if kind not in _PNG_KEPT:
            if kind == b"eXIf" and length <= MOST_METADATA and not turned:
                turned = True
            else:
                parts.append(body[kept_from:place])
                kept_from = following
        pieces += 1
        place = following
    _check(pieces, MOST_PIECES, "pieces")
    return b"".join([*parts, body[kept_from:]]) if parts else body


def _jpeg(body: bytes) -> bytes:
    kept, seen, place, frame, pieces = [body[:2]], set[int](), 2, 0, 0
    in_one_scan = True
    while True:
        start, kind, place = _jpeg_segment(body, place)
        pieces += 1
        _check(pieces, MOST_PIECES, "pieces")
        if kind == _JPEG_SCAN:
            break
        if kind in _JPEG_FRAMES:
            frame = body[start + 9]
            in_one_scan = kind not in _JPEG_PROGRESSIVE
        if kind in _JPEG_METADATA and kind not in seen and body.startswith(_JPEG_METADATA[kind], start + 4):
            seen.add(kind)
            kept.append(body[start:place])
        elif kind in _JPEG_TABLES and place - start > _JPEG_EMPTY:
            kept.append(body[start:place])
    _check(sum(map(len, kept)), 4 * MOST_METADATA, "bytes of tables")
    if not in_one_scan or body[start + 4] < frame:
        _check_scans(body, place)
    return b"".join([*kept, memoryview(body)[start:]])


def _jpeg_segment(body: bytes, place: int) -> tuple[int, int, int]:
    """Where the next segment of a JPEG begins, its kind, and where it ends."""
    found = _JPEG_MARKER.search(body, place)
    if found is None or body[found.end() - 1] == _JPEG_END:
        raise IndexError
    start = found.start()
    [length] = struct.unpack_from(">H", body, start + 2)
    return start, body[start + 1], start + 2 + max(2, int(length))


def _check_scans(body: bytes, place: int) -> None:
    """Count the scans behind the first, up to the picture's end."""
    scans, pieces = 1, 0
    while (found := _JPEG_MARKER.search(body, place)) and (kind := found[1][0]) != _JPEG_END:
        scans += kind == _JPEG_SCAN
        pieces += 1
        _check(scans, MOST_SCANS, "passes over its pixels")
        _check(pieces, MOST_PIECES, "pieces")
        place = found.end() + int.from_bytes(body[found.end() : found.end() + 2])


def _gif(body: bytes) -> bytes:
    flags = body[10]
    place = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    head, control, pieces = body[:place], b"", 0
    while (found := _GIF_BLOCK.search(body, place)) and body[found.start()] == _GIF_EXTENSION:
        start = found.start()
        place = start + 2
        while size := body[place]:
            place += 1 + size
            pieces += 1
            _check(pieces, MOST_PIECES, "pieces")
        place += 1
        pieces += 1
        _check(pieces, MOST_PIECES, "pieces")
        if body[start + 1] == _GIF_CONTROL:
            control = body[start:place]
    if found is None or body[found.start()] != _GIF_PICTURE:
        raise IndexError
    return b"".join([head, control, memoryview(body)[found.start() :]])


def _tiff(body: bytes) -> bytes:
    """A TIFF with a directory of its own at the end: the first one, without what is not needed."""
    order = "<" if body.startswith(b"II") else ">"
    # As Pillow tells them apart.
    big = body[2] == ord("+")
    offset, count, entry = (
        (struct.Struct(order + kinds) for kinds in ("Q", "Q", "HHQ8s"))
        if big
        else (struct.Struct(order + kinds) for kinds in ("I", "H", "HHI4s"))
    )
    [start] = offset.unpack_from(body, offset.size)
    [entries] = count.unpack_from(body, start)
    _check(entries, MOST_NUMBERS, "fields")
    start += count.size
    table = body[start : start + entries * entry.size]
    kept: dict[int, bytes] = {}
    for tag, kind, numbers, value in entry.iter_unpack(table[: len(table) // entry.size * entry.size]):
        if tag in _TIFF_KEPT and tag not in kept:
            _check(numbers, _most_numbers(tag), "pieces")
            kept[tag] = entry.pack(tag, kind, numbers, value)
    padding = bytes(-len(body) % 8)
    head = body[: offset.size] + offset.pack(len(body) + len(padding))
    directory: Iterable[bytes] = (kept[tag] for tag in sorted(kept))
    rest = memoryview(body)[len(head) :]
    return b"".join([head, rest, padding, count.pack(len(kept)), *directory, bytes(offset.size)])


def _most_numbers(tag: int) -> int:
    if tag == _TIFF_PALETTE:
        return 3 * 65_536
    return MOST_PIECES if tag in _TIFF_PIECES or tag == _TIFF_TABLES else MOST_NUMBERS
