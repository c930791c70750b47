"""Which pieces of ink make up one digit, and one row."""

import numpy as np
import pytest

from app.layout import find_rows
from app.normalization import Box
from app.pieces import Piece


def piece(left: int, top: int, right: int, bottom: int) -> Piece:
    ink = np.asarray(np.full((bottom - top, right - left), 255), np.uint8)
    return Piece(ink, ink, Box(left, top, right, bottom))


@pytest.mark.parametrize(
    "loose",
    [piece(60, 165, 136, 171), piece(80, 93, 120, 97)],
    ids=["foot wider than the digit", "bar above it"],
)
def test_loose_stroke_belongs_to_its_digit(loose: Piece) -> None:
    """What lies under or above a digit is a part of it, though it is wider and does not touch."""
    [[one, other]] = find_rows([piece(90, 100, 104, 164), loose, piece(180, 100, 220, 164)], 64.0)
    assert (one.box.left, one.box.right) == (loose.box.left, loose.box.right)
    assert one.box.height > 64
    assert other.box.width == 40


def test_stroke_between_digits_stands_alone() -> None:
    """A dash between two digits is neither's."""
    [row] = find_rows([piece(90, 100, 104, 164), piece(120, 130, 150, 135), piece(180, 100, 220, 164)], 64.0)
    assert [one.box.width for one in row] == [14, 30, 40]
