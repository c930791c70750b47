"""Pictures that were enlarged -> the few pixels that they hold, as pure functions.

Enlarged, a digit of a few pixels looks like a photograph out of focus: the soft edges of its strokes, or the squares
that its pixels have become, are taken for shadows and for lines. In its own pixels it is read like any small picture.
"""

from typing import Final

import cv2
import numpy as np

from app.ground import SMALL_SIDE, Grey, is_cut_by_strokes, robust_deviation, shrunk

FINE_SIDE: Final = 2 * SMALL_SIDE
"""Pixels of the longer side of what shows whether anything is lost in a small picture."""

LOST_SHARE: Final = 0.04
"""Nothing: at most this share of the contrast there is around a pixel, beyond grain and rounding."""

GRAIN_MULTIPLE: Final = 5.0
"""Grain reaches so many of its standard deviations somewhere."""

ROUNDING: Final = 0.5
"""Grey levels."""

MOST_GRAIN: Final = 0.1
"""What hides in grain and rounding is at most this share of the picture's contrast; else it may be writing."""

FEWEST: Final = 8
"""Pixels of the longer side of a small picture; with fewer, strokes are single pixels, and are better left large."""

SAMPLED_LINES: Final = 16
"""So many rows and columns, or up to twice as many, show that a picture does not consist of squares."""

_AROUND: Final = np.ones((11, 11), np.uint8)


def without_squares(grey: Grey) -> Grey:
    """One pixel for each of the squares of one grey that a picture of a few pixels has become; any other as it is.

    Args:
        grey: uint8 (height, width).
    """
    if max(grey.shape) <= SMALL_SIDE:
        return grey
    side = _square_side(grey)
    if side == 1 or max(grey.shape) > side * SMALL_SIDE:
        return grey
    small = grey[::side, ::side]
    if max(small.shape) < FEWEST:
        return grey
    return small if np.array_equal(small.repeat(side, axis=0).repeat(side, axis=1), grey) else grey


def without_blur(grey: Grey) -> Grey:
    """A crop that shows no more than one of SMALL_SIDE pixels would, in so many; any other picture as it is.

    Without strokes that reach its edges it may be a photograph out of focus, with shadows, or of a sheet.

    Args:
        grey: uint8 (height, width).
    """
    if max(grey.shape) <= SMALL_SIDE:
        return grey
    fine = shrunk(grey, FINE_SIDE)
    coarse = shrunk(fine, SMALL_SIDE)
    again = cv2.resize(coarse.astype(np.float32), fine.shape[::-1], interpolation=cv2.INTER_CUBIC)
    lost = np.abs(fine - again)
    # Grain that came after the enlargement shows nothing.
    grain = np.float32(GRAIN_MULTIPLE * robust_deviation(lost) + ROUNDING)
    if grain > MOST_GRAIN * float(np.ptp(fine)):
        return grey
    contrast = cv2.subtract(cv2.dilate(fine, _AROUND), cv2.erode(fine, _AROUND))
    if (lost > grain + np.float32(LOST_SHARE) * contrast).any():
        return grey
    small = shrunk(grey, SMALL_SIDE)
    return small if is_cut_by_strokes(small) else grey


def _square_side(grey: Grey) -> int:
    """The side of the largest squares that some lines of a picture may consist of, in pixels."""
    edges = [np.array(grey.shape)]
    for lines in (grey, grey.T):
        some = lines[:: max(1, len(lines) // SAMPLED_LINES)]
        edges.append((some[:, 1:] != some[:, :-1]).any(axis=0).nonzero()[0] + 1)
    return int(np.gcd.reduce(np.concatenate(edges)))
