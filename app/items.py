"""AVIF and HEIF: how much there is to decode, told by the compressed pictures and not by the boxes round them.

Their decoders trust a file's boxes (ISO/IEC 14496-12, 23008-12) about its size, and then decode whatever lies in it.
"""

import struct
from collections.abc import Iterator
from typing import Final

from app.errors import DamagedPictureError

MOST_ITEMS: Final = 4096
"""Pictures, tiles and metadata of one file."""

MOST_FRAMES: Final = 8
"""Of one AV1 picture, which may have as many layers."""

_BRANDS: Final = (b"ftypavi", b"ftypmif1", b"ftypmsf1", b"ftyphei", b"ftyphev")
"""Beginnings, behind a length of four bytes, of what the decoders of AVIF and HEIF take."""

_BOX: Final = struct.Struct(">I4s")
_AV1: Final = b"av01"
_OVERLAY: Final = b"iovl"

_SEQUENCE_HEADER: Final = 1
_FRAMES: Final = frozenset({3, 6})
"""AV1's OBUs that hold a frame's header (AV1 specification, 6.2.2)."""


def coded_pixels(body: bytes) -> int:
    """The most pixels that an AVIF's pictures may have together; 0 of HEVC, whose decoder compares both sizes itself.

    Other files have none either.

    Raises:
        DamagedPictureError: the file is not made as encoders make it.
    """
    if not body.startswith(_BRANDS, 4):
        return 0
    try:
        metas = [content for kind, content in _boxes(memoryview(body)) if kind == b"meta"]
        if len(metas) != 1:
            raise _damaged("its table of contents")
        boxes = list(_boxes(metas[0][4:]))
        parts = dict(boxes)
        if len(parts) < len(boxes):
            raise _damaged("its table of contents, which is there twice")
        kinds = dict(_kinds(parts[b"iinf"]))
        if _OVERLAY in kinds.values():
            raise _damaged("pictures that lie on one another")
        pixels = 0
        for item, content in _contents(memoryview(body), parts[b"iloc"], parts.get(b"idat", memoryview(b""))):
            if kinds.get(item) == _AV1:
                pixels += _av1_pixels(content)
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise _damaged("its table of contents") from error
    return pixels


def _damaged(what: str) -> DamagedPictureError:
    return DamagedPictureError(f"The picture's file is damaged or unusual: {what}. Save the picture again, as PNG say.")


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes in a box, by kind."""
    place = 0
    for _ in range(MOST_ITEMS):
        if place + 8 > len(content):
            return
        size, kind = _BOX.unpack_from(content, place)
        start = place + 8
        if size == 1:
            [size] = struct.unpack_from(">Q", content, start)
            start += 8
        end = place + size if size else len(content)
        if end < start:
            raise IndexError
        yield kind, content[start:end]
        place = end
    raise IndexError


def _kinds(content: memoryview) -> Iterator[tuple[int, bytes]]:
    """What each item is, by its number (ItemInfoBox)."""
    start = 6 if content[0] == 0 else 8
    for kind, entry in _boxes(content[start:]):
        if kind == b"infe" and entry[0] >= 2:
            item, what = struct.unpack_from(">4xH2x4s" if entry[0] == 2 else ">4xI2x4s", entry)
            # pi_heif ends the process over a name that is no UTF-8.
            if not what.isascii() or not _is_text(bytes(entry[12 if entry[0] == 2 else 14 :])):
                raise IndexError
            yield item, what


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _contents(body: memoryview, table: memoryview, beside: memoryview) -> Iterator[tuple[int, bytes]]:
    """Each item's bytes, by its number (ItemLocationBox)."""
    version = table[0]
    offset_size, length_size = divmod(table[4], 16)
    base_size, index_size = divmod(table[5], 16)
    place = 6

    def number(size: int) -> int:
        nonlocal place
        value = int.from_bytes(table[place : place + size])
        place += size
        if place > len(table):
            raise IndexError
        return value

    count = number(2 if version < 2 else 4)
    total = 0
    for _ in range(count):
        item = number(2 if version < 2 else 4)
        source = beside if version and number(2) & 15 == 1 else body
        number(2)
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size if version else 0)
            start = base + number(offset_size)
            length = number(length_size)
            extents.append(source[start : start + length if length else None])
            total += len(extents[-1])
            if total > 2 * len(body):
                raise IndexError
        yield item, b"".join(extents)


def _av1_pixels(content: bytes) -> int:
    """The most pixels that the frames of an AV1 picture may have."""
    place, frames, most = 0, 0, 0
    while place < len(content):
        header = content[place]
        kind, extended, sized = header >> 3 & 15, header >> 2 & 1, header >> 1 & 1
        place += 1 + extended
        size = len(content) - place
        if sized:
            size, place = _leb128(content, place)
        if kind == _SEQUENCE_HEADER:
            most = max(most, _sequence_pixels(content[place : place + size]))
        frames += kind in _FRAMES
        place += size
    if frames > MOST_FRAMES:
        raise _damaged(f"more than {MOST_FRAMES} frames in one")
    return most * max(1, frames)


def _leb128(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 56, 7):
        byte = content[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value, place


def _sequence_pixels(content: bytes) -> int:
    """The most pixels of a frame (AV1 specification, 5.5.1): where frames may say their own size, what they can say."""
    bits = int.from_bytes(content.ljust(64, b"\0")[:64])
    left = 512

    def take(count: int) -> int:
        nonlocal left
        left -= count
        return bits >> left & (1 << count) - 1

    take(4)
    still = take(1)
    if still:
        take(5)
    else:
        if take(1):
            raise _damaged("a picture with a clock")
        delayed = take(1)
        for _ in range(take(5) + 1):
            take(12)
            if take(5) > 7:
                take(1)
            if delayed and take(1):
                take(4)
    width_bits, height_bits = take(4) + 1, take(4) + 1
    width, height = take(width_bits) + 1, take(height_bits) + 1
    return width * height if still else 1 << width_bits + height_bits
