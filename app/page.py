"""Grey picture -> the rows of ink on it, as pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.errors import TooMuchWritingError
from app.ground import Grey
from app.ink import find_writing
from app.layout import find_rows
from app.pieces import Piece, find_pieces, typical_height

DIGIT_HEIGHT: Final = 64
"""Pictures are brought to a size at which most digits are this high, in pixels."""

MOST_PIXELS: Final = 1_500_000
"""No picture is looked at with more."""

WORKING_SIDE: Final = 2048
"""For several digits, a picture whose longer side is at least twice this many pixels is shrunk while it is decoded."""

EQUAL: Final = (0.8, 1.25)
"""Factors of a size that are not worth resizing a picture for."""

MOST_PIECES: Final = 500
"""Of writing on one picture: two hundred digits, or a page of text that nobody wants read as digits."""

MOST_LENGTH: Final = 150
"""Of all writing together, in heights of its digits: some two hundred of them."""


@dataclass(frozen=True, slots=True)
class InkRow:
    """A row that is not read yet."""

    pieces: Sequence[Piece]
    """From the left."""
    height: float
    """Of its digits, in pixels."""


@dataclass(frozen=True, slots=True)
class InkPage:
    """The rows of a picture that are not read yet."""

    rows: Sequence[InkRow]
    """From the top."""
    inverted: bool
    """Whether the ink was darker than its ground."""
    shape: tuple[int, int]
    """Height and width of the picture on which they were found: the one that came in, resized."""


def find_ink_rows(grey: Grey) -> InkPage:
    """Find the rows of a picture.

    Args:
        grey: uint8 (height, width), ink darker or lighter than its ground.

    Raises:
        NoInkError: nothing on the picture stands out from its ground.
        TooMuchWritingError: it holds far more than numbers.
    """
    scaled = _resized(grey, 1.0)
    writing = find_writing(scaled)
    pieces, height = find_pieces(writing)
    factor = DIGIT_HEIGHT * scaled.shape[0] / (grey.shape[0] * height) if height else 1.0
    if not EQUAL[0] < factor < EQUAL[1]:
        scaled = _resized(grey, factor)
        writing = find_writing(scaled)
        pieces, height = find_pieces(writing)
    if len(pieces) > MOST_PIECES:
        raise too_much_writing()
    rows = [InkRow(row, typical_height(piece.box for piece in row)) for row in find_rows(pieces, height)]
    # Where nothing is as high as the least of digits, there are none.
    rows = [row for row in rows if row.height]
    if sum(piece.box.width / row.height for row in rows for piece in row.pieces) > MOST_LENGTH:
        raise too_much_writing()
    return InkPage(rows, writing.dark, (scaled.shape[0], scaled.shape[1]))


def too_much_writing() -> TooMuchWritingError:
    """What is raised where there is more to read than one request may ask for."""
    return TooMuchWritingError(
        "There is more writing on the picture than this service reads at once. Send a part of it, or come closer."
    )


def _resized(grey: Grey, factor: float) -> Grey:
    """The picture as many times larger, or less so where it would have more than MOST_PIXELS."""
    factor = min(factor, (MOST_PIXELS / grey.size) ** 0.5)
    if EQUAL[0] < factor < EQUAL[1] and grey.size <= MOST_PIXELS:
        return grey
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
    return np.asarray(
        cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1.0 else cv2.INTER_CUBIC), np.uint8
    )
