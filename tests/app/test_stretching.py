"""Digits that were stretched to a square get their proportions back, and others keep theirs."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.normalization import normalize
from app.stretching import natural_share

Mask = npt.NDArray[np.uint8]

SEVEN: Final = [(8, 10), (52, 10), (24, 90)]
FLAGGED_ONE: Final = [(6, 34), (26, 8), (26, 92)]
LEANING_STICK: Final = [(36, 8), (8, 92)]
TWO: Final = [(6, 18), (30, 8), (42, 24), (8, 92), (42, 92)]


def drawn(corners: list[tuple[int, int]], pen: int = 10) -> Mask:
    """Strokes by a round pen, cropped to their ink: 0 or 255."""
    canvas = np.zeros((120, 120), np.uint8)
    cv2.polylines(canvas, [np.array(corners, np.int32)], isClosed=False, color=255, thickness=pen)
    left, top, width, height = cv2.boundingRect(canvas)
    return canvas[top : top + height, left : left + width]


def squared(ink: Mask, side: int) -> Mask:
    """Stretched to a square: 0 or 255."""
    small = cv2.resize(ink, (side, side), interpolation=cv2.INTER_AREA)
    return np.where(small >= 128, np.uint8(255), np.uint8(0))


@pytest.mark.parametrize("side", [16, 28, 100])
@pytest.mark.parametrize("margin", [0, 4])
@pytest.mark.parametrize("corners", [SEVEN, FLAGGED_ONE, TWO])
def test_strokes_tell_the_share(corners: list[tuple[int, int]], margin: int, side: int) -> None:
    """However large the square is, with or without a margin, upright strokes become as wide as lying ones are high."""
    ink = drawn(corners)
    share = ink.shape[1] / len(ink)
    # Where a flag leans, ink reaches farther down than it would across the flag.
    assert 0.8 * share < natural_share(np.pad(squared(ink, side), margin)) < 1.5 * share < 1.0


@pytest.mark.parametrize("side", [16, 28, 100])
def test_stem_becomes_as_wide_as_a_pen(side: int) -> None:
    """A one without a flag has no lying strokes to compare it with."""
    ink = squared(drawn(LEANING_STICK), side)
    share = natural_share(ink)
    assert share < 0.7
    assert share * np.median(np.count_nonzero(ink, axis=1)) == pytest.approx(0.18 * side, rel=0.01)


def test_others_keep_their_proportions() -> None:
    """What is as wide as it is high by itself, what fills its square, and what is no square."""
    ring = np.asarray(cv2.circle(np.zeros((100, 100), np.uint8), (50, 50), 44, 255, 10), np.uint8)
    cross = np.zeros((100, 100), np.uint8)
    cross[45:55], cross[:, 45:55] = 255, 255
    block = np.full((28, 28), 255, np.uint8)
    seven = drawn(SEVEN)
    beside = np.pad(squared(seven, 40), ((4, 4), (0, 8)))
    for ink in (ring, cross, block, seven, beside, squared(seven, 10)):
        assert natural_share(ink) == 1.0


def test_pen_that_is_somewhat_wider_than_high() -> None:
    """Up to some difference it is the pen's."""
    frame = np.full((60, 60), 255, np.uint8)
    for width, share in ((11, 1.0), (18, 10 / 18)):
        ring = frame.copy()
        ring[10:-10, width:-width] = 0
        assert natural_share(ring) == pytest.approx(share)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("corners", [SEVEN, FLAGGED_ONE])
def test_prepared_as_without_it(corners: list[tuple[int, int]], dark: bool) -> None:
    """A stretched digit is prepared much as the same digit is in its own proportions."""
    ink = drawn(corners)
    sent = (np.pad(ink, 20), squared(ink, 32))
    own, stretched = (normalize(255 - picture if dark else picture).pixels for picture in sent)
    widths = [cv2.boundingRect(pixels)[2] for pixels in (own, stretched)]
    assert widths[1] == pytest.approx(widths[0], abs=2)
    assert widths[1] < 16
