"""Straight lines in ink and along its edges, as pure functions."""

import math
from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np

from app.ground import Mask

COVERED: Final = 0.85
"""Share of a straight line's length that is ink, however it leans within its margin."""

MARGIN: Final = 0.08
"""In which a side of a frame lies, as a share of its size: the root of its area, for the frame of a whole picture its
shorter side. A line is at most twice as wide."""

GAP: Final = 0.03
"""Share of a line's length that may be missing at one place or another, as where a faint line is broken."""

WRITTEN: Final = 0.35
"""What is written among lines is at least so high, as a share of the height of all that is there."""


def margin_of(picture: Mask) -> int:
    """Pixels along each edge in which a line along it lies."""
    return max(2, round(MARGIN * math.sqrt(picture.size)))


def is_covered(side: Mask) -> bool:
    """Whether there is ink in most columns."""
    covered: int = cv2.countNonZero(cv2.reduce(side, 0, cv2.REDUCE_MAX))
    width: int = side.shape[1]
    return covered >= COVERED * width


def tallest(ink: Mask) -> int:
    """The height of the highest connected piece, in pixels."""
    stats = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:]
    return int(stats[:, cv2.CC_STAT_HEIGHT].max(initial=0))


def lying_runs(ink: Mask, length: int, gap: int = 1) -> Mask:
    """Straight runs of at least so many pixels, from left to right or nearly so; at a side, half as many do.

    Args:
        ink: 0, or another value alike for all ink.
        length: in pixels.
        gap: fewer pixels than these may be missing at one place.

    Returns:
        The same values, of the same shape: the runs and the rows beside them, in which there may be no ink.
    """
    # A line that leans a little climbs from row to row: runs are looked for in bands of three rows.
    band = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    if gap > 1:
        # Beyond the sides nothing is missing.
        room = cv2.copyMakeBorder(band, 0, 0, gap, gap, cv2.BORDER_CONSTANT, value=0)
        band = cv2.morphologyEx(room, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))[:, gap:-gap]
    return np.asarray(cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((1, length), np.uint8)), np.uint8)


def lying_lines(piece: Mask, run: int) -> list[Mask]:
    """Those from the left of ink to its right that are thin, and made of straight runs at least so long.

    Args:
        piece: ink that reaches the left and the right edge, 0 or 255.
        run: in pixels.

    Returns:
        Each of them alone, 0 or 255, of the same shape.
    """
    runs = lying_runs(piece, run, round(GAP * piece.shape[1]) | 1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    # Runs have a row above and one below.
    most = 2 * margin_of(piece) + 2
    whole = (stats[:, cv2.CC_STAT_WIDTH] >= COVERED * piece.shape[1]) & (stats[:, cv2.CC_STAT_HEIGHT] <= most)
    whole[0] = False
    lines = (np.where(labels == label, piece, np.uint8(0)) for label in map(int, np.flatnonzero(whole)))
    # Rows of ink between which a run goes are none.
    return [line for line in lines if is_covered(line)]


def upright_lines(piece: Mask, run: int) -> list[Mask]:
    """The same from the top of ink to its bottom."""
    return [line.T for line in lying_lines(np.ascontiguousarray(piece.T), run)]


def drawn(lines: Iterable[Mask], shape: tuple[int, ...]) -> Mask:
    """Lines of one shape together, with the soft edges that belong to them."""
    together = np.zeros(shape, np.uint8)
    for line in lines:
        together |= line
    return np.asarray(cv2.dilate(together, np.ones((3, 3), np.uint8)), np.uint8)
