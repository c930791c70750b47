"""Drawn digits look like what the preparation gives."""

import numpy as np

from app.contract import BOX
from model_training.drawing import draw_digits


def test_drawn_digits_have_the_contracts_geometry() -> None:
    """White ink on black, the longer side of its box 20 pixels, at most two less where the soft edge fades."""
    drawn = draw_digits(200, seed=4)
    assert drawn.pictures.shape == (200, 28, 28, 1)
    assert drawn.pictures.dtype == np.uint8
    for picture in drawn.pictures[..., 0]:
        rows, columns = np.nonzero(picture)
        longest = max(np.ptp(rows), np.ptp(columns)) + 1
        assert BOX - 2 <= longest <= BOX
        assert picture.max() == 255


def test_labels_are_balanced() -> None:
    """As many of each digit."""
    assert np.bincount(draw_digits(50, seed=1).labels).tolist() == [5] * 10


def test_same_seed_same_digits() -> None:
    """A seed promises its digits; another seed gives others."""
    first, again, other = draw_digits(20, seed=1), draw_digits(20, seed=1), draw_digits(20, seed=2)
    assert np.array_equal(first.pictures, again.pictures)
    assert not np.array_equal(first.pictures, other.pictures)


def test_no_two_drawings_are_alike() -> None:
    """Every drawing is a hand's, not a stamp's."""
    drawn = draw_digits(300, seed=9).pictures.reshape(300, -1)
    assert len(np.unique(drawn, axis=0)) == 300
