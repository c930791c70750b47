"""Targets: pictures, as files and as pixels, on their whole way to one digit and to rows of them."""

import struct
import warnings
import zlib
from collections.abc import Sequence
from functools import cache, partial
from random import Random
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from app.classifier import Classifier
from app.containers import stripped
from app.contract import INPUT_SHAPE
from app.decoding import FORMATS, Picture, decode, open_upload
from app.errors import PictureError
from app.items import coded_pixels
from app.loading import load_model
from app.normalization import normalize
from app.reading import PIXELS, read_decoded_rows, read_rows
from app.row_reader import RowReader
from app.settings import PROJECT_FOLDER
from tests import hostile, pictures
from tests.fuzz.cases import MOST, READ, Change, Target, simply, unchanged

_MOST_PIXELS: Final = 100_000
"""A large picture is as good a case, and takes longer."""

_MOST_SIDE: Final = 100
"""Of pixels by chance: reading more of them takes long."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"

_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a PNG's pixel, by its colour type."""


@cache
def _readers() -> tuple[Classifier, RowReader | None]:
    model = load_model(PROJECT_FOLDER / "artifacts" / "default")
    return model.classifier, model.row_reader


def _files(image_format: str) -> list[bytes]:
    """Small pictures of a format in its variants."""
    grey, colour = pictures.seven(24, 16), pictures.seven(24, 16).convert("RGB")
    found = [pictures.encode(grey, image_format), pictures.encode(colour, image_format)]
    if image_format not in {"BMP", "GIF"}:
        found.append(pictures.oriented(colour, 6, image_format))
    if image_format in {"GIF", "WEBP", "PNG", "TIFF", "AVIF"}:
        found.append(
            pictures.encode(grey, image_format, save_all=True, append_images=[pictures.seven(24, 16, ink=200)])
        )
    if image_format not in {"JPEG", "BMP"}:
        found.append(pictures.encode(colour.convert("RGBA"), image_format))
    match image_format:
        case "PNG":
            found += [pictures.encode(grey.convert(mode), "PNG") for mode in ("1", "LA", "P", "I;16")]
            found += [hostile.png_with_many(kind, b"k\0\0", 1000) for kind in (b"zTXt", b"iCCP", b"tRNS", b"abCd")]
        case "JPEG":
            found += [pictures.encode(colour, "JPEG", progressive=True), hostile.jpeg_of_scans(24, 20)]
            found += [pictures.encode(colour.convert("CMYK"), "JPEG", restart_marker_blocks=1)]
        case "TIFF":
            kinds = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
            found += [
                pictures.encode(grey.convert("1") if kind == "group4" else colour, "TIFF", compression=kind)
                for kind in kinds
            ]
            found += [pictures.encode(grey.convert(mode), "TIFF") for mode in ("P", "CMYK", "I;16", "I", "F", "LA")]
            found += [hostile.plain_tiff(24, 16, strips=4), hostile.float_tiff(24, 16)]
            found += [pictures.encode(grey, "TIFF", big_tiff=True)]
        case "BMP":
            found += [
                hostile.bmp(24, 16, b"\x18\1\0\0" * 16),
                hostile.bmp(24, 16, b"\x18\1\0\0" * 16, bits=4, compression=2),
            ]
    return found


def _read_file(body: bytes) -> str:
    """A picture, decoded and prepared as the service does it."""
    with warnings.catch_warnings():
        # Pillow tells of broken metadata; app.main ignores that.
        warnings.simplefilter("ignore")
        try:
            picture = decode(open_upload(body, _MOST_PIXELS))
            _check_digit(picture.pixels)
        except PictureError as error:
            return type(error).__name__
    return READ


def _read_rows(body: bytes) -> str:
    """A picture of several digits, on the whole way of /read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read_rows(open_upload(body, _MOST_PIXELS), *_readers())
        except PictureError as error:
            return type(error).__name__
    for digit in (digit for row in found.rows for digit in row):
        assert 0 <= digit.box.left < digit.box.right <= found.width
        assert 0 <= digit.box.top < digit.box.bottom <= found.height
        assert abs(float(digit.probabilities.sum()) - 1.0) < 1e-3
    return READ


def _check_digit(pixels: npt.NDArray[np.uint8]) -> None:
    digit = normalize(pixels)
    assert digit.pixels.shape == INPUT_SHAPE
    assert digit.pixels.dtype == np.uint8
    height, width = pixels.shape
    assert 0 <= digit.crop_box.left < digit.crop_box.right <= width
    assert 0 <= digit.crop_box.top < digit.crop_box.bottom <= height


def _read_pixels(sheet: npt.NDArray[np.uint8]) -> str:
    """Pixels, prepared for one digit and for rows of them."""
    ended = set()
    for work in (
        lambda: _check_digit(sheet),
        lambda: read_decoded_rows(Picture(sheet, PIXELS, sheet.shape[1], sheet.shape[0]), *_readers()),
    ):
        try:
            work()
            ended.add(READ)
        except PictureError as error:
            ended.add(type(error).__name__)
    return " or ".join(sorted(ended))


def _pixels(case: bytes) -> npt.NDArray[np.uint8]:
    """A case's first two bytes are width and height, less one; the others its pixels, again and again."""
    width, height = (size % _MOST_SIDE + 1 for size in case[:2].ljust(2, b"\x1b"))
    grey = np.frombuffer(case[2:] or b"\0", np.uint8)
    return np.resize(grey, (height, width))


def _drawing(case: bytes) -> npt.NDArray[np.uint8]:
    """A case's first three bytes are width, height and ground, every six after them a stroke, block, ring or shade."""
    width, height, ground = case[:3].ljust(3, b"\x60")
    sheet = pictures.canvas(width + 1, height + 1, ground)
    for place in range(3, len(case) - 5, 6):
        left, top, right, bottom, pen, grey = case[place : place + 6]
        match pen % 8:
            case 5:
                cv2.rectangle(sheet, (left, top), (right, bottom), grey, -1)
            case 6:
                cv2.ellipse(sheet, (left, top), (right // 4, bottom // 4), 0, 0, 360, grey, 1 + pen // 16)
            case 7:
                part = sheet[min(top, bottom) : max(top, bottom), min(left, right) : max(left, right)]
                part[:] = np.clip(part + np.linspace(0, grey - 128.0, part.shape[1]), 0, 255).astype(np.uint8)
            case _:
                cv2.line(sheet, (left, top), (right, bottom), grey, 1 + pen // 16, cv2.LINE_AA)
    return sheet


def _pixel_seeds() -> list[bytes]:
    images = (pictures.seven(28, 28, ink=255, ground=0), pictures.seven(60, 40), pictures.seven(40, 90, ink=120))
    return [bytes([image.width - 1, image.height - 1]) + pictures.pixels_of(image).tobytes() for image in images]


def _drawing_seeds() -> list[bytes]:
    seven = bytes([30, 20, 70, 20, 48, 0, 70, 20, 45, 90, 48, 0])
    ring = bytes([120, 60, 80, 140, 54, 0])
    rules = b"".join(bytes([0, row, 199, row, 0, 90]) for row in range(10, 100, 20))
    shade = bytes([0, 0, 200, 120, 7, 30])
    block = bytes([90, 10, 180, 100, 5, 250])
    return [
        bytes([100, 100, 255]) + seven,
        bytes([200, 110, 240]) + seven + ring,
        bytes([200, 110, 200]) + rules + seven + ring,
        bytes([200, 120, 220]) + shade + seven,
        bytes([200, 120, 60]) + block + ring,
    ]


def _row_seeds() -> list[bytes]:
    return [pictures.encode(Image.fromarray(_drawing(seed)), "PNG") for seed in _drawing_seeds()]


def repaired_png(body: bytes, random: Random) -> bytes:
    """The same with right checksums and, mostly, pixels that are as many as the header says and properly compressed."""
    if not body.startswith(_PNG) or random.random() < 0.1:
        return body
    chunks, place = [], len(_PNG)
    while place + 8 <= len(body):
        length = min(int.from_bytes(body[place : place + 4]), len(body) - place - 8)
        chunks.append((body[place + 4 : place + 8], body[place + 8 : place + 8 + length]))
        place += 12 + length
    if random.random() < 0.7:
        chunks = _with_whole_pixels(chunks)
    return _PNG + b"".join(pictures.png_chunk(kind, content) for kind, content in chunks)


def _with_whole_pixels(chunks: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    header = next((content for kind, content in chunks if kind == b"IHDR"), b"")
    data = [content for kind, content in chunks if kind == b"IDAT"]
    if len(header) < 13 or not data:
        return chunks
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    room = min(height * (1 + width * depth * _CHANNELS.get(colour, 1) // 8 + 1), 4 * MOST)
    unpacker = zlib.decompressobj()
    pixels = b""
    try:
        # Byte by byte: what comes before the damage counts.
        for byte in b"".join(data):
            pixels += unpacker.decompress(bytes([byte]), 4 * MOST)
    except zlib.error:
        pass
    whole = zlib.compress(pixels.ljust(room, b"\0"))
    kept = [(kind, content) for kind, content in chunks if kind != b"IDAT"]
    end = next((index for index, (kind, _) in enumerate(kept) if kind == b"IEND"), len(kept))
    return [*kept[:end], (b"IDAT", whole), *kept[end:]]


def _repaired_webp(body: bytes, _: Random) -> bytes:
    return body[:4] + struct.pack("<I", max(0, len(body) - 8)) + body[8:] if body.startswith(b"RIFF") else body


_REPAIRS: Final[dict[str, Change]] = {"PNG": repaired_png, "WEBP": _repaired_webp}

_WORDS: Final[dict[str, Sequence[bytes]]] = {
    "PNG": (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"zTXt", b"gAMA"),
    "JPEG": [bytes([0xFF, marker]) for marker in (*range(0xC0, 0xE2), 0xED, 0xEE, 0xFE, 0)],
    "WEBP": (b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"EXIF", b"ICCP", b"XMP "),
    "BMP": (b"BM", b"(\0\0\0", b"\x7c\0\0\0", b"\x0c\0\0\0", b"\0\1", b"\0\2"),
    "GIF": (b"GIF87a", b"!\xf9\4", b"!\xfe", b"!\xff\x0bNETSCAPE2.0", b",", b";", b"\0\0"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", *(struct.pack("<H", tag) for tag in (*range(254, 280), 322, 338))),
    "AVIF": (
        b"meta",
        b"iloc",
        b"iinf",
        b"infe",
        b"iprp",
        b"ipco",
        b"ipma",
        b"ispe",
        b"av01",
        b"grid",
        b"auxC",
        b"idat",
    ),
    "HEIF": (
        b"meta",
        b"iloc",
        b"iinf",
        b"infe",
        b"iprp",
        b"ipco",
        b"ipma",
        b"ispe",
        b"hvc1",
        b"grid",
        b"irot",
        b"iovl",
    ),
}


def _containers(body: bytes) -> str:
    """What looks at a file before its decoder does, and nothing else: much faster than with the decoder behind it."""
    try:
        coded_pixels(body)
        assert len(stripped(body)) <= len(body) + 100_000
    except PictureError as error:
        return type(error).__name__
    return READ


TARGETS: Final[dict[str, Target]] = {
    **{
        name.lower(): Target(
            partial(_files, name),
            simply(_read_file),
            tuple(_WORDS[name]),
            repair=_REPAIRS.get(name, unchanged),
        )
        for name in FORMATS
    },
    "containers": Target(
        lambda: [seed for name in FORMATS for seed in _files(name)],
        simply(_containers),
        tuple(word for words in _WORDS.values() for word in words),
    ),
    "pixels": Target(_pixel_seeds, simply(lambda case: _read_pixels(_pixels(case))), cases=50),
    "drawing": Target(_drawing_seeds, simply(lambda case: _read_pixels(_drawing(case))), cases=100),
    "rows": Target(_row_seeds, simply(_read_rows), tuple(_WORDS["PNG"]), repair=repaired_png, cases=50),
}
"""By name."""
