"""Pens and sticks that lie in a picture are no digits and no other writing; ones that the picture's edge cuts are."""

import cv2
import numpy as np
import pytest

from app.normalization import normalize
from app.pens import is_pen
from tests.pictures import Grey, canvas, likeness, with_stroke

SIX = [(150, 80), (120, 120), (115, 150), (135, 170), (155, 155), (150, 135), (122, 138)]
"""On a sheet of 300 x 260."""


def sheet(*strokes: tuple[list[tuple[int, int]], int]) -> Grey:
    """Points and pen of each stroke."""
    drawn = canvas(300, 260, 235)
    for points, pen in strokes:
        drawn = with_stroke(drawn, points, 40, pen)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.8), np.uint8)


class TestPens:
    @pytest.mark.parametrize("width", [6, 12, 30])
    @pytest.mark.parametrize(
        "ends",
        [[(299, 10), (215, 60)], [(0, 259), (85, 215)], [(299, 259), (200, 205)], [(0, 0), (0, 259)]],
    )
    def test_beside_a_digit(self, ends: list[tuple[int, int]], width: int) -> None:
        """Longer than the digit, and as broad as its strokes or broader: neither read nor counted."""
        alone, beside = normalize(sheet((SIX, 8))), normalize(sheet((SIX, 8), (ends, width)))
        assert likeness(alone.pixels, beside.pixels) > 0.9
        assert beside.left_out < 0.1

    def test_whole_pens_are_other_things(self) -> None:
        """Nobody can tell what lies whole on a sheet from a dash or a one."""
        assert normalize(sheet((SIX, 8), ([(225, 20), (285, 70)], 8))).left_out > 0.2


class TestOnes:
    def test_alone_with_specks(self) -> None:
        """A one that the picture's edge cuts is what there is to read."""
        one = normalize(sheet(([(150, 60), (145, 259)], 16), ([(40, 50), (46, 52)], 6))).crop_box
        assert one.height > 180

    def test_beside_a_digit(self) -> None:
        """It is upright and no longer than a digit's neighbour."""
        assert normalize(sheet((SIX, 8), ([(220, 180), (215, 259)], 8))).left_out > 0.2


@pytest.mark.parametrize(
    ("points", "longest", "is_one"),
    [
        ([(20, 30), (120, 30)], 100, True),
        ([(20, 20), (100, 80)], 100, True),
        ([(50, 10), (50, 110)], 100, False),
        ([(40, 10), (80, 110)], 100, False),
        ([(50, 10), (50, 110)], 50, True),
        ([(20, 60), (30, 60)], 5, False),
        ([(20, 20), (100, 30), (60, 110)], 20, False),
        (SIX, 20, False),
    ],
)
def test_which_pieces(points: list[tuple[int, int]], longest: int, is_one: bool) -> None:
    """Lying bars and leaning ones; upright ones that are far longer; no blots, nothing bent."""
    assert is_pen(with_stroke(np.zeros((260, 300), np.uint8), points, 255, 12), longest) is is_one


def test_one_pixel() -> None:
    """The smallest piece there is."""
    assert not is_pen(np.ones((1, 1), np.uint8), 1)
