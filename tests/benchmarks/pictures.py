"""The pictures that are sent, drawn here: the same bytes in every run on the same libraries."""

import io
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width)."""

_SEED: Final = 28
_THREE: Final = ((0.28, 0.2), (0.5, 0.12), (0.7, 0.24), (0.66, 0.4), (0.45, 0.48), (0.7, 0.56), (0.74, 0.74))
_TAIL: Final = ((0.55, 0.88), (0.28, 0.8))
"""A three, as (x, y) in a square of side one."""

CANVAS_SIDE: Final = 280
PHOTO_SIZE: Final = (4000, 3000)
"""Width and height: twelve megapixels, what phones take."""


def small_png() -> bytes:
    """Less than one kilobyte: a dark digit on a slightly noisy white ground, 28x28 grey."""
    ink = cv2.resize(_ink(280, pen=26), (28, 28), interpolation=cv2.INTER_AREA).astype(np.float32)
    noise = np.random.default_rng(_SEED).normal(0.0, 4.0, ink.shape)
    return _encoded(Image.fromarray(np.clip(246 - 0.85 * ink + noise, 0, 255).astype(np.uint8)), "PNG")


def canvas_rgba() -> bytes:
    """What a drawing page sends: black strokes on a transparent ground, 280x280."""
    ink = _ink(CANVAS_SIDE, pen=22)
    pixels = np.zeros((*ink.shape, 4), np.uint8)
    pixels[..., 3] = ink
    return _encoded(Image.fromarray(pixels, "RGBA"), "PNG")


def canvas_grey() -> bytes:
    """The same picture on white, 280x280 grey."""
    return _encoded(Image.fromarray(255 - _ink(CANVAS_SIDE, pen=22)), "PNG")


def photograph() -> bytes:
    """A twelve-megapixel JPEG: a thick digit on paper, half in shadow, with a camera's noise."""
    width, height = PHOTO_SIZE
    random = np.random.default_rng(_SEED)
    ink = np.zeros((height, width), np.float32)
    side = height // 2
    ink[height // 4 : height // 4 + side, width // 3 : width // 3 + side] = _ink(side, pen=140)
    column, row = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    shadow = 1.0 - 0.35 / (1.0 + np.exp(12.0 * (row - 0.7 * column - 0.2)))
    noise = random.normal(0.0, 5.0, (height, width, 1)).astype(np.float32)
    paper = np.array([226.0, 219.0, 205.0], np.float32) * (shadow * (1.0 - 0.75 * ink / 255.0))[..., None]
    return _encoded(Image.fromarray(np.clip(paper + noise, 0, 255).astype(np.uint8)), "JPEG", quality=85)


def _ink(side: int, pen: int) -> Grey:
    """White ink on black, uint8 (side, side)."""
    points = np.array([(round(x * side), round(y * side)) for x, y in (*_THREE, *_TAIL)], np.int32)
    sheet = np.zeros((side, side), np.uint8)
    cv2.polylines(sheet, [points], isClosed=False, color=255, thickness=pen, lineType=cv2.LINE_AA)
    return sheet


def _encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()
