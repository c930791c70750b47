"""Grey picture -> rows of digits, as pure functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contract import INPUT_SHAPE
from app.errors import TooMuchWritingError
from app.ground import Grey
from app.ink import find_writing
from app.lattice import Lattice, Probabilities, best_chain, build_lattice, plan_row, scores_of
from app.layout import find_rows
from app.normalization import Box, place
from app.pieces import Piece, find_pieces, typical_height

Classify = Callable[[npt.NDArray[np.uint8]], Probabilities]
"""uint8 (n, 28, 28, 1) -> float32 (n, 10)."""

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

MOST_CANDIDATES: Final = 4000
"""Ways to see a digit on one picture: each takes some 0.3 ms."""


@dataclass(frozen=True, slots=True)
class RowDigit:
    """One digit of a row."""

    probabilities: Probabilities
    """Softmax, float32 (10,)."""
    box: Box
    """Where it is, in pixels of the grey picture that came in."""


Row = tuple[RowDigit, ...]
"""Digits from left to right."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is written on a picture."""

    rows: tuple[Row, ...]
    """From the top; each has a digit at least."""
    inverted: bool
    """Whether the ink was darker than its ground."""


def read_page(grey: Grey, classify: Classify) -> Page:
    """Read all digits of a picture, row by row.

    Args:
        grey: uint8 (height, width), ink darker or lighter than its ground.
        classify: the model.

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
        raise _too_much()
    found = [(row, typical_height(piece.box for piece in row)) for row in find_rows(pieces, height)]
    # Where nothing is as high as the least of digits, there are none.
    found = [(row, tall) for row, tall in found if tall]
    if sum(piece.box.width / tall for row, tall in found for piece in row) > MOST_LENGTH:
        raise _too_much()
    plans = [plan_row(row, tall) for row, tall in found]
    if sum(len(plan.pairs) for plan in plans) > MOST_CANDIDATES:
        raise _too_much()
    rows = (_read(build_lattice(plan), classify) for plan in plans)
    return Page(
        tuple(
            tuple(RowDigit(found, ink.box.scaled(scaled.shape, grey.shape)) for found, ink in row)
            for row in rows
            if row
        ),
        writing.dark,
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


def _too_much() -> TooMuchWritingError:
    return TooMuchWritingError(
        "There is more writing on the picture than this service reads at once. Send a part of it, or come closer."
    )


def _read(lattice: Lattice, classify: Classify) -> list[tuple[Probabilities, Piece]]:
    digits = [(index, one) for index, one in enumerate(lattice.candidates) if np.isfinite(one.cost)]
    if not digits:
        return []
    probabilities = classify(np.stack([_picture(one.ink) for _, one in digits]))
    found = {index: row for (index, _), row in zip(digits, probabilities, strict=True)}
    scores = np.full(len(lattice.candidates), -np.inf)
    scores[list(found)] = scores_of(probabilities)
    return [(found[index], lattice.candidates[index].ink) for index in best_chain(lattice, scores)]


def _picture(ink: Piece) -> Grey:
    return place(ink.strokes).reshape(INPUT_SHAPE)
