"""Pictures the tests draw themselves, and their encodings in every format and mode the service reads."""

import io
import struct
import zlib
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import ExifTags, Image, ImageDraw

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width)."""

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
"""Every format the service promises to read."""

STORED_TURNS: Final = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera turns an upright scene into the stored pixels, by the EXIF orientation it writes beside them."""


def seven(width: int = 120, height: int = 80, ink: int = 0, ground: int = 255) -> Image.Image:
    """A seven: like none of its mirror images and turned copies."""
    image = Image.new("L", (width, height), ground)
    pen = max(1, min(width, height) // 10)
    corners = [(0.35, 0.2), (0.65, 0.2), (0.45, 0.8)]
    line = [(round(x * width), round(y * height)) for x, y in corners]
    ImageDraw.Draw(image).line(line, fill=ink, width=pen, joint="curve")
    return image


def pixels_of(image: Image.Image) -> Grey:
    """The grey levels of a picture."""
    return np.asarray(image.convert("L"), np.uint8)


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """A picture as a file; HEIF is written without touching the decoders that Pillow has registered."""
    file = io.BytesIO()
    if image_format == "HEIF":
        if isinstance(options.get("exif"), Image.Exif):
            options["exif"] = options["exif"].tobytes()
        plain = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
        pillow_heif.from_pillow(plain).save(file, **options)
    else:
        image.save(file, image_format, **options)
    return file.getvalue()


def oriented(upright: Image.Image, orientation: int, image_format: str) -> bytes:
    """The file of a camera held so that its pixels lie as `orientation` says."""
    turn = STORED_TURNS[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return encode(upright if turn is None else upright.transpose(turn), image_format, exif=exif)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header announces a picture of any size."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(64))) + png_chunk(b"IEND", b"")


def padded(picture: bytes, size: int) -> bytes:
    """The same picture with bytes behind its end, so that the file has exactly `size` bytes."""
    assert len(picture) <= size
    return picture + bytes(size - len(picture))


def canvas(width: int, height: int, ground: int = 255) -> Grey:
    """An empty sheet."""
    return np.full((height, width), ground, np.uint8)


def with_stroke(sheet: Grey, points: list[tuple[int, int]], ink: int = 0, pen: int = 8) -> Grey:
    """The sheet with one more stroke through these (x, y), soft at its edges."""
    drawn = sheet.copy()
    cv2.polylines(drawn, [np.array(points, np.int32)], isClosed=False, color=ink, thickness=pen, lineType=cv2.LINE_AA)
    return drawn


def on_canvas(picture: Grey, width: int, height: int, left: int, top: int) -> Grey:
    """The white ink of a picture somewhere on a larger black sheet."""
    sheet = canvas(width, height, ground=0)
    sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def enlarged(picture: Grey, factor: int) -> Grey:
    """The same picture, larger and smooth."""
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of two prepared pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
