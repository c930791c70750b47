"""Bytes of an upload -> grey picture. Every format, depth and colour model ends as uint8 (height, width)."""

import io
import struct
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pi_heif
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from app.colours import clearest
from app.containers import stripped
from app.contract import MAX_PIXELS
from app.errors import DamagedPictureError, TooManyPixelsError, UnsupportedFormatError
from app.items import coded_pixels

GreyPixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[Any]
"""(height, width), of any depth."""

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
"""The decoders an upload may reach, by Pillow's names; everything else Pillow knows stays closed."""

WORKING_SIDE: Final = 384
"""For one digit, a picture whose longer side is at least twice this many pixels is shrunk while it is decoded."""

_DAMAGE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    KeyError,
    IndexError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
)
"""What Pillow's decoders raise on broken files, besides UnidentifiedImageError (an OSError)."""

_DAMAGED_HEADER: Final = "The picture's header is damaged or ends early. Save the picture again and resend it."

_TILE_TAGS: Final = (322, 323)
"""TIFF's TileWidth and TileLength."""

_MAGIC_LENGTH: Final = 16
"""Bytes by which Pillow tells formats apart."""

_LONGEST_SIDE: Final = 65_535
"""In pixels, as JPEG has it; Pillow keeps an address for each row."""

_USUAL_BITS: Final = 32
"""Of a TIFF's pixel; those with more are demanding too."""

_BITS_TAG: Final = 258
_SAMPLES_TAG: Final = 277

_RUN_LENGTHS: Final = (1, 2)
"""BMP's compressions that Pillow undoes in Python."""

_MOST_RUN_LENGTH_PIXELS: Final = 2**20
"""Of a BMP with such a compression."""

_DEMANDING: Final = frozenset({"WEBP", "AVIF", "I", "F"})
"""Formats and modes whose decoding takes 16 bytes a pixel where others take 8: half of MAX_PIXELS at most."""

_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation."""

_FULL_SCALES: Final = (1.0, 255.0, 65535.0)
"""Whites of float, 8-bit and 16-bit samples."""

_LARGEST_SAMPLE: Final = 1e30
"""Of a float picture; averages of larger ones would overflow."""

_SIDEWAYS: Final = {_UPRIGHT[orientation] for orientation in (5, 6, 7, 8)}

pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture whose header has been read and whose pixels have not."""

    image: Image.Image
    format: str
    """One of FORMATS."""
    width: int
    """In pixels, as stored: before the EXIF orientation is applied."""
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded upload."""

    pixels: GreyPixels
    """uint8 (height, width), 0 black to 255 white, upright; large pictures are shrunk."""
    format: str
    """One of FORMATS."""
    width: int
    """Of the upright original, in pixels."""
    height: int


def open_upload(body: bytes, max_pixels: int) -> Upload:
    """Read the header of an encoded picture, and no pixel of it.

    Args:
        body: a PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF or HEIF file; what counts is its content, not its name.
        max_pixels: the most pixels (width times height) that may be decoded.

    Raises:
        UnsupportedFormatError: the bytes are in none of these formats.
        TooManyPixelsError: the header announces more than `max_pixels`.
        DamagedPictureError: the header is broken.
    """
    try:
        # A picture and its transparency are coded one by one.
        if coded_pixels(body) > 2 * max_pixels:
            raise TooManyPixelsError(_too_many_pixels(max_pixels))
        image = Image.open(io.BytesIO(stripped(body)), formats=FORMATS)
    except UnidentifiedImageError as error:
        if _begins_as_picture(body):
            raise DamagedPictureError(_DAMAGED_HEADER) from error
        message = f"This is not a picture in a format the service reads. Send one of {', '.join(FORMATS)}."
        raise UnsupportedFormatError(message) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixelsError(_too_many_pixels(max_pixels)) from error
    except _DAMAGE as error:
        raise DamagedPictureError(_DAMAGED_HEADER) from error
    _check_size(image, body, max_pixels)
    return Upload(image=image, format=image.format or "", width=image.width, height=image.height)


def decode(upload: Upload, working_side: int = WORKING_SIDE) -> Picture:
    """Decode the first frame of an opened picture, upright and grey.

    Transparent pictures are laid on white, or on black where their visible ink is light. 16-bit, 32-bit and float
    pictures are scaled to 8 bits, never clipped. JPEGs are shrunk by libjpeg while decoding.

    Args:
        upload: is used up.
        working_side: a picture whose longer side has at least twice as many pixels is shrunk by a whole factor.

    Raises:
        DamagedPictureError: the pixels end early or contradict the header.
    """
    try:
        image = upload.image
        shrink = _shrink_factor(image.size, working_side)
        image.draft(None, (max(1, image.width // shrink), max(1, image.height // shrink)))
        image.load()
        orientation = _orientation(image)
        image = _reduced(_eight_bit(image, working_side), working_side)
        grey = _flattened(image) if image.has_transparency_data else _grey(image)
    except _DAMAGE as error:
        message = "The picture is damaged or ends early. Save the picture again and resend it."
        raise DamagedPictureError(message) from error
    if orientation is not None:
        grey = grey.transpose(orientation)
    sideways = orientation in _SIDEWAYS
    return Picture(
        pixels=np.asarray(grey),
        format=upload.format,
        width=upload.height if sideways else upload.width,
        height=upload.width if sideways else upload.height,
    )


def _check_size(image: Image.Image, body: bytes, max_pixels: int) -> None:
    """Refuse what would take too much memory or time to decode."""
    if {image.format, image.mode} & _DEMANDING or _bits_per_pixel(image) > _USUAL_BITS:
        max_pixels = min(max_pixels, MAX_PIXELS // 2)
    if image.format == "BMP" and image.info["compression"] in _RUN_LENGTHS:
        max_pixels = min(max_pixels, _MOST_RUN_LENGTH_PIXELS)
        # A run of one pixel takes two bytes, the end of a row two more, and palettes end at a kilobyte.
        if len(body) > 2 * image.width * image.height + 2 * image.height + 2048:
            raise DamagedPictureError(_DAMAGED_HEADER)
    if max(image.width * image.height, _tile_pixels(image)) > max_pixels:
        raise TooManyPixelsError(_too_many_pixels(max_pixels))
    if max(image.size) > _LONGEST_SIDE:
        raise TooManyPixelsError(f"The picture is longer than {_LONGEST_SIDE:,} pixels. Send a part of it.")


def _tile_pixels(image: Image.Image) -> int:
    """Pixels of a TIFF's tile: a small picture may be cut from a huge one."""
    if not isinstance(image, TiffImageFile):
        return 0
    width, height = (image.tag_v2.get(tag, 0) for tag in _TILE_TAGS)
    return int(width) * int(height)


def _bits_per_pixel(image: Image.Image) -> int:
    if not isinstance(image, TiffImageFile):
        return 0
    bits = image.tag_v2.get(_BITS_TAG, (1,))
    return int(sum(bits)) * (int(image.tag_v2.get(_SAMPLES_TAG, 1)) if len(bits) == 1 else 1)


def _begins_as_picture(body: bytes) -> bool:
    """Whether one of the decoders knows the first bytes, though it could not read the header."""
    accepts = (Image.OPEN[name][1] for name in FORMATS)
    return any(accept is not None and accept(body[:_MAGIC_LENGTH]) is True for accept in accepts)


def _too_many_pixels(limit: int) -> str:
    return f"The picture has more than {limit:,} pixels. Send a smaller one."


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """How to turn the picture upright; a broken EXIF block is no reason to refuse it."""
    try:
        return _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        return None


def _eight_bit(image: Image.Image, working_side: int) -> Image.Image:
    """Bring 1, 16 and 32 bits and floats to 8 bits a channel; `convert("L")` alone would clip the deeper ones."""
    match image.mode:
        case "1":
            return image.convert("L")
        case "P":
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
        case "PA":
            return image.convert("RGBA")
        case "LAB":
            return image.getchannel("L")
        case "I" | "F" | "I;16" | "I;16L" | "I;16B" | "I;16N":
            return Image.fromarray(_scaled(np.asarray(image), working_side))
        case _:
            return image


def _scaled(deep: Samples, working_side: int) -> GreyPixels:
    """Map samples of unknown depth to 0..255: by the smallest usual full scale that holds them all."""
    scales = _FULL_SCALES if deep.dtype.kind == "f" else _FULL_SCALES[1:]
    values = _reduced_deep(deep, working_side).astype(np.float64)
    values -= min(0.0, float(values.min()))
    largest = float(values.max())
    full = next((scale for scale in scales if largest <= scale), largest)
    return np.asarray(np.rint(values * (255.0 / full)), np.uint8)


def _reduced_deep(deep: Samples, working_side: int) -> Samples:
    """As `_reduced`, for samples that Pillow cannot average; what is no number becomes black."""
    factor = _shrink_factor(deep.shape, working_side)
    if deep.dtype.kind == "f":
        deep = np.nan_to_num(deep, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(deep, -_LARGEST_SAMPLE, _LARGEST_SAMPLE, out=deep)
    if factor == 1:
        return deep
    native: Samples = deep.astype(np.uint16 if deep.dtype.itemsize == 2 else np.float32, copy=False)
    size = (max(1, deep.shape[1] // factor), max(1, deep.shape[0] // factor))
    return np.asarray(cv2.resize(native, size, interpolation=cv2.INTER_AREA))


def _shrink_factor(shape: tuple[int, ...], working_side: int) -> int:
    """The whole factor to shrink by so that the longer side keeps at least so many pixels."""
    return max(1, max(shape) // working_side)


def _reduced(image: Image.Image, working_side: int) -> Image.Image:
    factor = _shrink_factor(image.size, working_side)
    return image.reduce(factor) if factor > 1 else image


def _grey(image: Image.Image) -> Image.Image:
    """The grey in which ink shows best; colour models without red, green and blue have but their luma."""
    if image.mode == "L":
        return image
    return clearest(image) if image.mode == "RGB" else image.convert("L")


def _flattened(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on the ground its ink was meant for.

    Drawing pages export strokes on a transparent ground whose hidden colour means nothing. The ground is white unless
    most of the picture is transparent and what can be seen is light.
    """
    image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
    alpha = image.getchannel("A")
    visible = image.convert("L")
    opacity = np.asarray(alpha, np.float32)
    total = float(opacity.sum())
    mostly_transparent = total < opacity.size * 255 / 2
    is_light = total > 0 and float(np.vdot(opacity, np.asarray(visible, np.float32))) >= 128 * total
    ground = 0 if mostly_transparent and is_light else 255
    return Image.composite(visible, Image.new("L", image.size, ground), alpha)
