"""Pictures made to cost a reader as much time or memory as they can, each within the limits of bytes and pixels."""

import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from app.containers import MOST_SCANS
from tests import pictures
from tests.pictures import png_chunk

MOST_BYTES: Final = 16 * 2**20
"""The service's own limits, as they are when nothing is set."""
MOST_PIXELS: Final = 50_000_000

_SIDE: Final = 7040
"""Of a square picture with almost as many pixels as are allowed."""

_SMALL: Final = 64
"""Of the largest picture that is read on the event loop's thread."""

_PNG_END: Final = png_chunk(b"IEND", b"")


def repeated(piece: bytes, room: int) -> bytes:
    """As many copies of a piece as fit."""
    return piece * (room // len(piece))


# PNG


def png(*before: bytes, side: int = _SMALL, behind: bytes = b"") -> bytes:
    """A small PNG with chunks in front of its pixels and behind them."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    rows = b"".join(b"\0" + bytes(side // 2) + b"\xff" * (side - side // 2) for _ in range(side))
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *before, png_chunk(b"IDAT", zlib.compress(rows)), behind, _PNG_END])


def png_with_many(kind: bytes, content: bytes, room: int, *, behind: bool = False) -> bytes:
    """A PNG with as many chunks of one kind as there is room for."""
    chunks = repeated(png_chunk(kind, content), room - 400)
    return png(behind=chunks) if behind else png(chunks)


def png_of_empty_pieces(room: int) -> bytes:
    """A PNG whose pixels come after as many empty chunks of pixels as there is room for."""
    return png(repeated(png_chunk(b"IDAT", b""), room - 400))


def png_of_pixels(mode: str, width: int, height: int) -> bytes:
    """The largest PNG of a mode."""
    return pictures.encode(Image.new(mode, (width, height)), "PNG", compress_level=1)


# Compressed a thousandfold: what a picture's text may unpack to.
BOMB: Final = zlib.compress(bytes(2**20 - 1), 9)


# JPEG


def segment(marker: int, content: bytes) -> bytes:
    """One segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(*before: bytes, image: Image.Image | None = None) -> bytes:
    """A small JPEG with segments behind its beginning."""
    body = pictures.encode(image or pictures.seven(_SMALL, _SMALL), "JPEG")
    return b"".join([body[:2], *before, body[2:]])


def exif(entries: int, kind: int = 3, count: int = 1) -> bytes:
    """An Exif block with so many entries."""
    table = b"".join(struct.pack("<HHII", 0x8000 + index, kind, count, 8) for index in range(entries))
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, entries) + table + bytes(4)


def jpeg_with_many(content: bytes, room: int, marker: int = 0xE1) -> bytes:
    """A JPEG with as many segments of one kind as there is room for."""
    return jpeg(repeated(segment(marker, content), room - 2000))


def jpeg_of_scans(side: int, scans: int = 0) -> bytes:
    """A progressive JPEG that goes over its pixels so many more times, to change nothing."""
    body = pictures.encode(Image.new("RGB", (side, side)), "JPEG", progressive=True, subsampling=0)
    end = body.rindex(b"\xff\xd9")
    # The first pass over the luma's lowest frequencies, one code word for each run of 32,767 blocks that are empty.
    table = segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\xe0")
    blocks = (-(-side // 8)) ** 2
    runs = -(-blocks // 32767)
    bits = "".join("0" + "1" * 14 for _ in range(runs))
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scan = segment(0xDA, b"\x01\x01\x00\x01\x05\x01") + data
    return body[:end] + table + scan * scans + body[end:]


# TIFF


def tiff(entries: list[tuple[int, int, int, bytes]], *, first: bytes = b"", big: bool = False) -> bytes:
    """A TIFF of the entries (tag, type, count, value), whose values stand behind the directory where they are long."""
    word, size, head = ("<Q", 8, 16) if big else ("<I", 4, 8)
    start = head + len(first)
    table = start + (8 if big else 2) + len(entries) * (20 if big else 12) + size
    values = b""
    rows = b""
    for tag, kind, count, value in entries:
        rows += struct.pack("<HH", tag, kind) + struct.pack(word, count)
        if len(value) <= size:
            rows += value.ljust(size, b"\0")
        else:
            rows += struct.pack(word, table + len(values))
            values += value
    count_ = struct.pack("<Q" if big else "<H", len(entries))
    header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) if big else struct.pack("<2sHI", b"II", 42, start)
    return header + first + count_ + rows + struct.pack(word, 0) + values


def long(*values: int) -> bytes:
    """Numbers as a TIFF has them."""
    return struct.pack(f"<{len(values)}I", *values)


def plain_tiff(
    width: int,
    height: int,
    *more: tuple[int, int, int, bytes],
    compression: int = 1,
    strips: int = 1,
    bits: int = 8,
    big: bool = False,
) -> bytes:
    """An 8-bit grey TIFF whose strips all lie at the same place, which is as long as one of them or ends before."""
    rows = -(-height // strips)
    strip = bytes(min(width * rows, 4096))
    if compression == 8:
        strip = zlib.compress(bytes(width * rows * bits // 8), 9)
    return tiff(
        [
            (256, 4, 1, long(width)),
            (257, 4, 1, long(height)),
            (258, 3, 1, long(bits)),
            (259, 3, 1, long(compression)),
            (262, 3, 1, long(1)),
            (273, 4, strips, long(8) * strips),
            (277, 3, 1, long(1)),
            (278, 4, 1, long(rows)),
            (279, 4, strips, long(len(strip)) * strips),
            *more,
        ],
        first=strip,
        big=big,
    )


def tiff_of_entries(room: int) -> bytes:
    """A BigTIFF with as many tags as there is room for."""
    body = plain_tiff(_SMALL, _SMALL, big=True)
    [start] = struct.unpack_from("<Q", body, 8)
    [count] = struct.unpack_from("<Q", body, start)
    own = body[start + 8 : start + 8 + count * 20]
    more = (room - len(body) - 100) // 20
    table = own + struct.pack("<HHQQ", 40000, 2, 100_000, 16) * more
    return body[:start] + struct.pack("<Q", count + more) + table + bytes(8)


def tiff_of_exif(room: int) -> bytes:
    """A TIFF whose Exif directory has as many tags as a directory can have."""
    rows = struct.pack("<HHII", 40000, 7, 4, 0) * 65535
    behind = (34665, 4, 1, long(8))
    body = plain_tiff(_SMALL, _SMALL, behind)
    directory = struct.pack("<H", 65535) + rows + bytes(4)
    assert len(body) + len(directory) <= room
    return body.replace(struct.pack("<HHII", 34665, 4, 1, 8), struct.pack("<HHII", 34665, 4, 1, len(body))) + directory


def float_tiff(width: int, height: int, kind: int = 3) -> bytes:
    """A TIFF of floats (3) or of integers of 32 bits (2), in a few bytes."""
    return plain_tiff(width, height, (339, 3, 1, long(kind)), compression=8, strips=16, bits=32)


def deep_tiff(width: int, height: int) -> bytes:
    """A TIFF in one strip of four colours of 16 bits, in a few bytes."""
    strip = zlib.compress(bytes(width * height * 8), 9)
    short = struct.pack("<4H", *[16] * 4)
    return tiff(
        [
            (256, 4, 1, long(width)),
            (257, 4, 1, long(height)),
            (258, 3, 4, short),
            (259, 3, 1, long(8)),
            (262, 3, 1, long(2)),
            (273, 4, 1, long(8)),
            (277, 3, 1, long(4)),
            (278, 4, 1, long(height)),
            (279, 4, 1, long(len(strip))),
            (338, 3, 1, long(2)),
        ],
        first=strip,
    )


def encoded(image_format: str, mode: str, width: int, height: int, **options: object) -> bytes:
    """A blank picture in a format."""
    return pictures.encode(Image.new(mode, (width, height)), image_format, **options)


# GIF, BMP, WebP


def gif(room: int, *, frames: int = 0, side: int = _SMALL, comment: bool = False) -> bytes:
    """A GIF with as many frames, or comments in front of the first, as there is room for."""
    body = pictures.encode(Image.new("P", (side, side)), "GIF")
    head = body[: body.index(b",")]
    picture = body[len(head) : -1]
    if comment:
        return head + repeated(b"!\xfe\x01c\x00", room - len(body)) + picture + b";"
    return head + picture * frames if frames else head + repeated(picture, room - len(body)) + b";"


def gif_of_size(frame: int) -> bytes:
    """A GIF of 64x64 pixels whose first frame is larger."""
    body = bytearray(pictures.encode(Image.new("P", (frame, frame)), "GIF"))
    body[6:10] = struct.pack("<HH", _SMALL, _SMALL)
    return bytes(body)


def bmp(width: int, height: int, data: bytes, *, bits: int = 8, compression: int = 1) -> bytes:
    """A BMP of 256 colours whose runs are these."""
    palette = b"".join(bytes([level, 0, 255 - level, 0]) for level in range(1 << bits))
    offset = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 1, 1, 0, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def webp_animation(side: int, frames: int) -> bytes:
    """An animated WebP of two sorts of frames."""
    first, second = Image.new("RGB", (side, side)), Image.new("RGB", (side, side), "white")
    return pictures.encode(first, "WEBP", save_all=True, append_images=[second, first] * (frames // 2), lossless=True)


# AVIF


def avif(width: int, height: int, claimed: tuple[int, int] | None = None, mode: str = "L") -> bytes:
    """A blank AVIF, whose container may say another size than its pixels have."""
    body = pictures.encode(Image.new(mode, (width, height)), "AVIF", speed=10)
    if claimed is None:
        return body
    true = b"ispe" + struct.pack(">III", 0, width, height)
    assert body.count(true) >= 1
    return body.replace(true, b"ispe" + struct.pack(">III", 0, *claimed))


COSTLY: Final[dict[str, Callable[[], bytes]]] = {
    "png: zTXt": partial(png_with_many, b"zTXt", b"k\0\0" + BOMB, MOST_BYTES),
    "png: iTXt": partial(png_with_many, b"iTXt", b"k\0\1\0\0\0" + BOMB, MOST_BYTES),
    "png: iCCP": partial(png_with_many, b"iCCP", b"k\0\0" + BOMB, MOST_BYTES),
    "png: iCCP behind": partial(png_with_many, b"iCCP", b"k\0\0" + BOMB, MOST_BYTES, behind=True),
    "png: private chunks": partial(png_with_many, b"abCd", b"", MOST_BYTES),
    "png: empty pieces": partial(png_of_empty_pieces, MOST_BYTES),
    "png: RGBA": partial(png_of_pixels, "RGBA", _SIDE, _SIDE),
    "png: I;16": partial(png_of_pixels, "I;16", _SIDE, _SIDE),
    "png: P": partial(png_of_pixels, "P", _SIDE, _SIDE),
    "png: one column": partial(png_of_pixels, "RGBA", 1, MOST_PIXELS),
    "png: one row": partial(png_of_pixels, "RGBA", MOST_PIXELS, 1),
    "jpeg: Exif": partial(jpeg_with_many, exif(1), MOST_BYTES),
    "jpeg: large Exif": partial(jpeg_with_many, exif(1).ljust(65533, b"\0"), MOST_BYTES),
    "jpeg: Exif of entries": lambda: jpeg(segment(0xE1, exif(5450))),
    "jpeg: Photoshop": partial(jpeg_with_many, b"Photoshop 3.0\0" + (b"8BIM" + bytes(8)) * 5000, MOST_BYTES, 0xED),
    "jpeg: comments": partial(jpeg_with_many, b"", MOST_BYTES, 0xFE),
    "jpeg: quantization": partial(jpeg_with_many, (b"\0" + bytes(64)) * 1000, MOST_BYTES, 0xDB),
    "jpeg: fill bytes": lambda: jpeg(b"\xff" * (MOST_BYTES - 2000)),
    "jpeg: junk": lambda: jpeg(b"\0" * (MOST_BYTES - 2000)),
    "jpeg: scans": partial(jpeg_of_scans, _SIDE, 1000),
    "jpeg: scans as many as allowed": partial(jpeg_of_scans, _SIDE, MOST_SCANS - 10),
    "jpeg: scans of a small one": partial(jpeg_of_scans, _SMALL, 400_000),
    "jpeg: progressive CMYK": partial(encoded, "JPEG", "CMYK", _SIDE, _SIDE, progressive=True),
    "jpeg: thin": partial(encoded, "JPEG", "RGB", 760, 65500, progressive=True, subsampling=0),
    "tiff: entries": partial(tiff_of_entries, MOST_BYTES),
    "tiff: Exif": partial(tiff_of_exif, MOST_BYTES),
    "tiff: strips": partial(plain_tiff, 1, 1_900_000, strips=1_900_000),
    "tiff: empty strips": partial(plain_tiff, _SIDE, _SIDE, strips=7040),
    "tiff: rationals": lambda: plain_tiff(_SMALL, _SMALL, (282, 5, 1_900_000, bytes(8 * 1_900_000))),
    "tiff: float": partial(float_tiff, 4990, 4990),
    "tiff: int32": partial(float_tiff, 4990, 4990, 2),
    "tiff: too many floats": partial(float_tiff, _SIDE, _SIDE),
    "tiff: CMYK": partial(encoded, "TIFF", "CMYK", _SIDE, _SIDE, compression="tiff_adobe_deflate"),
    "tiff: sideways": lambda: pictures.encode(
        Image.new("RGBA", (_SIDE, _SIDE)), "TIFF", compression="tiff_adobe_deflate", tiffinfo={274: 6}
    ),
    "tiff: deep colours": partial(deep_tiff, 5000, 4900),
    "gif: frames": partial(gif, MOST_BYTES),
    "gif: comments": partial(gif, MOST_BYTES, comment=True, frames=1),
    "gif: large": partial(encoded, "GIF", "P", _SIDE, _SIDE),
    "gif: larger frame": partial(gif_of_size, _SIDE),
    "bmp: line ends": lambda: bmp(_SIDE, _SIDE, b"\1\0\0\0" * _SIDE),
    "bmp: wide": lambda: bmp(MOST_PIXELS, 1, b"\1\0\0\0" * 2),
    "bmp: runs": lambda: bmp(_SIDE, _SIDE, b"\1\1" * 8_300_000),
    "bmp: empty runs": lambda: bmp(_SMALL, _SMALL, b"\1\1" * 8_300_000),
    "bmp: 4 bits": lambda: bmp(_SIDE, _SIDE, (b"\xff\x11" * 28 + b"\0\0") * _SIDE, bits=4, compression=2),
    "bmp: deltas": lambda: bmp(_SMALL, _SMALL, b"\0\2\0\0" * 4_000_000),
    "webp: large": partial(encoded, "WEBP", "RGBA", 4990, 4990, lossless=True, quality=0, method=0),
    "webp: too large": partial(encoded, "WEBP", "RGB", _SIDE, _SIDE, lossless=True, quality=0, method=0),
    "webp: frames": partial(webp_animation, _SMALL, 2000),
    "webp: large frames": partial(webp_animation, 4000, 4),
    "avif: large": partial(avif, 4990, 4990, mode="RGB"),
    "avif: larger than it says": Path(__file__).with_name("app").joinpath("lying.avif").read_bytes,
    "heif: large": partial(encoded, "HEIF", "RGB", 4096, 4096),
}
"""Each once took seconds, or hundreds of megabytes, or still takes all that is allowed."""

READ: Final = {
    *("png: zTXt", "png: iTXt", "png: iCCP", "png: iCCP behind", "png: RGBA", "png: I;16", "png: P"),
    *("jpeg: large Exif", "jpeg: Exif of entries", "jpeg: Photoshop", "jpeg: fill bytes"),
    *("jpeg: scans as many as allowed", "jpeg: progressive CMYK", "jpeg: thin"),
    *(
        "tiff: Exif",
        "tiff: empty strips",
        "tiff: rationals",
        "tiff: float",
        "tiff: int32",
        "tiff: CMYK",
        "tiff: sideways",
    ),
    *("tiff: deep colours", "gif: frames", "gif: large", "gif: larger frame"),
    *("webp: large", "webp: frames", "webp: large frames", "avif: large", "heif: large"),
}
"""Those that are pictures all the same."""

_QUICK_ROOM: Final = 4096
"""Bytes of the largest file that is opened on the event loop's thread."""

QUICK: Final[dict[str, Callable[[], bytes]]] = {
    "png: empty pieces": partial(png_of_empty_pieces, _QUICK_ROOM),
    "png: transparency": partial(png_with_many, b"tRNS", b"\0\0", _QUICK_ROOM),
    "png: bombs": partial(png_with_many, b"zTXt", b"k\0\0" + BOMB, _QUICK_ROOM),
    "png: Exif": lambda: png(png_chunk(b"eXIf", exif(300)[6:])),
    "png: rationals": lambda: png(png_chunk(b"eXIf", exif(300, 5)[6:])),
    "jpeg: Exif": lambda: jpeg(segment(0xE1, exif(260))),
    "jpeg: comments": lambda: jpeg(repeated(segment(0xFE, b""), 3000)),
    "jpeg: tables": lambda: jpeg(repeated(segment(0xDB, b""), 3000)),
    "jpeg: quantization": lambda: jpeg(segment(0xDB, (b"\0" + bytes(64)) * 46)),
    "jpeg: scans": partial(jpeg_of_scans, _SMALL, MOST_SCANS - 10),
    "gif: comments": partial(gif, _QUICK_ROOM, comment=True, frames=1, side=32),
    "bmp: empty runs": lambda: bmp(_SMALL, _SMALL, b"\1\1" * 1400),
    "bmp: line ends": lambda: bmp(_SMALL, _SMALL, b"\1\0\0\0" * _SMALL),
    "bmp: 4 bits": lambda: bmp(_SMALL, _SMALL, (b"\0\x40" + bytes(32) + b"\0\0") * _SMALL, bits=4, compression=2),
    "tiff: strips": partial(plain_tiff, 10, 400, strips=400),
    "tiff: entries": lambda: plain_tiff(4, 4, *[(40000 + index, 2, 100, bytes(4)) for index in range(300)]),
}
"""Small files that would hold up everybody else if they were slow: these are opened at once."""
