"""Ink with straight lines that lean, as in a photograph of a form -> the same, level and upright, as pure functions.

The skew is the slope along which some row or column of ink is covered best, as in projection profiles (Postl, 1986).
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import Mask

SIDE: Final = 192
"""Pixels of the longer side at which the skew is looked for."""

LEAST_SIDE: Final = 64
"""Pixels of the longer side of ink; along smaller ones a line of a few pixels goes whatever is written."""

SLOPES: Final = np.tan(np.radians(np.arange(-15, 16)))
"""Rows that a line climbs or falls in each column, one degree apart."""

COVERED: Final = 0.75
"""Share of the ink's width or height along which a line goes at least."""

GAIN: Final = 0.1
"""By which share more is covered than where no slope is supposed."""


def without_skew(ink: Mask, change: Callable[[Mask], Mask]) -> Mask:
    """What is left of ink by a change that supposes level and upright lines.

    Args:
        ink: 0 or 255.
        change: from ink to a part of it.
    """
    slope = skew_of(ink)
    if slope == 0.0:
        return change(ink)
    # Two shears turn it, and no pixel is lost or doubled.
    down = _steps(-slope, ink.shape[1])
    level = _sheared(ink, down).T
    along = _steps(slope, level.shape[1])
    changed = change(np.ascontiguousarray(_sheared(level, along).T)).T
    return np.ascontiguousarray(_sheared_back(_sheared_back(changed, along).T, down))


def skew_of(ink: Mask) -> float:
    """Slope of the straight lines in ink, in rows for each column; 0.0 where they are level or there are none.

    Args:
        ink: 0 or 255.
    """
    left, top, width, height = cv2.boundingRect(ink)
    piece = ink[top : top + height, left : left + width]
    if max(piece.shape) < LEAST_SIDE:
        return 0.0
    factor = SIDE / max(piece.shape)
    if factor < 1.0:
        piece = (cv2.resize(piece, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) > 64).astype(np.uint8)
    covered = np.maximum(_covered(piece, SLOPES), _covered(np.ascontiguousarray(piece.T), -SLOPES))
    best, level = int(np.argmax(covered)), len(SLOPES) // 2
    if abs(best - level) <= 1 or covered[best] < max(COVERED, covered[level] + GAIN):
        return 0.0
    return float(SLOPES[best])


def _covered(piece: Mask, slopes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of a piece's columns along which a line of each slope goes.

    Args:
        piece: 0 or another value.
        slopes: float64 (n,).

    Returns:
        float64 (n,).
    """
    # A line has one upper edge in each column, however thick it is.
    edges = piece > 0
    edges[1:] &= piece[:-1] == 0
    rows, columns = edges.nonzero()
    places = np.rint(rows[:, None] - slopes * columns[:, None]).astype(np.intp)
    places -= places.min(axis=0, initial=0)
    length = int(places.max(initial=0)) + 3
    counts = np.bincount((places + length * np.arange(len(slopes))).ravel(), minlength=length * len(slopes))
    profiles = counts.reshape(len(slopes), length)
    # What is next to a row is its line's too.
    best = (profiles[:, :-2] + profiles[:, 1:-1] + profiles[:, 2:]).max(axis=1)
    return np.asarray(best / piece.shape[1], np.float64)


def _steps(slope: float, length: int) -> npt.NDArray[np.intp]:
    """By how many pixels each column of so many is moved down: intp (length,), none of them negative."""
    steps = np.rint(slope * np.arange(length)).astype(np.intp)
    return np.asarray(steps - steps.min(), np.intp)


def _sheared(mask: Mask, steps: npt.NDArray[np.intp]) -> Mask:
    """Each column moved down by so many pixels, in a mask that is as much higher as that needs."""
    height, width = mask.shape
    sheared = np.zeros((height + int(steps.max()), width), np.uint8)
    np.put_along_axis(sheared, np.arange(height)[:, None] + steps, mask, axis=0)
    return sheared


def _sheared_back(mask: Mask, steps: npt.NDArray[np.intp]) -> Mask:
    """The reverse."""
    height = len(mask) - int(steps.max())
    return np.take_along_axis(mask, np.arange(height)[:, None] + steps, axis=0)
