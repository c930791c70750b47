"""Ink with lines that lean or bend, as in a photograph of a form -> the same, level and upright, as pure functions.

The skew is the curve along which ink is covered best, as in projection profiles (Postl, 1986).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import Mask, shrunk

Numbers = npt.NDArray[np.float64]

SIDE: Final = 192
"""Pixels of the longer side at which the skew is looked for."""

LEAST_SIDE: Final = 64
"""Pixels of the longer side of ink; along smaller ones a line of a few pixels goes whatever is written."""

MOST_EDGES: Final = 24
"""Edges below each other, on average: more are a texture."""

SLOPES: Final = np.tan(np.radians(np.arange(-15, 16)))
"""Rows that a line climbs or falls in each column, one degree apart."""

STEP: Final = float(np.tan(np.radians(1)))
"""From one slope to the next."""

BENDS: Final = np.arange(-3, 4) * 0.03
"""Rows by which a line rises or sags in its middle, as a share of the columns."""

FINER: Final = 0.0075
"""From one bend to the next where lines are looked for nearer."""

NEAR: Final = 1
"""Rows above and below that belong to a line too."""

ROUGHLY: Final = 3
"""The same where slopes and bends are far apart."""

COVERED: Final = 0.75
"""Share of the ink's width along which a line goes at least."""

PARTLY_COVERED: Final = 0.25
"""The same of a line that bends, along a straight one."""

GAIN: Final = 0.1
"""By which share more is covered than by a level line."""

BENT_GAIN: Final = 0.05
"""By which share more is covered by a line that bends than by a straight one."""


class Skew(NamedTuple):
    """How lying lines lean and bend."""

    slope: float = 0.0
    """Rows that they fall in each column."""
    bend: float = 0.0
    """Rows by which they sag in their middle, as a share of the ink's columns."""


def without_skew(ink: Mask, change: Callable[[Mask], Mask]) -> Mask:
    """What is left of ink by a change that supposes straight lines, level and upright.

    Args:
        ink: 0 or 255.
        change: from ink to a part of it.
    """
    skew = skew_of(ink)
    lying = _steps(ink, skew)
    level = np.ascontiguousarray(_sheared(ink, lying).T)
    across = skew_of(level)
    if not any(across) and cv2.boundingRect(ink)[2] < ink.shape[1]:
        # Short ones are a comb's, which was turned; rules that go from edge to edge have none.
        across = Skew(-skew.slope)
    upright = _steps(level, across)
    if not lying.any() and not upright.any():
        return change(ink)
    # Columns move up and down, then rows to the left and the right: no pixel is lost or doubled.
    changed = change(np.ascontiguousarray(_sheared(level, upright).T))
    return np.ascontiguousarray(_sheared_back(_sheared_back(changed.T, upright).T, lying))


def skew_of(ink: Mask) -> Skew:
    """How the lying lines in ink lean and bend; not at all where there are none, or hardly so.

    Args:
        ink: 0 or 255.
    """
    left, top, width, height = cv2.boundingRect(ink)
    if max(width, height) < LEAST_SIDE:
        return Skew()
    # A line of one pixel is left, however small it becomes.
    least = min(64.0, 127.0 * SIDE / max(width, height))
    small = shrunk(ink[top : top + height, left : left + width], SIDE)
    piece = np.asarray(cv2.threshold(small, least, 255, cv2.THRESH_BINARY)[1], np.uint8)
    edges = _upper_edges(piece)
    if np.count_nonzero(edges) > MOST_EDGES * piece.shape[1]:
        return Skew()
    straight = _covered(edges, SLOPES, np.zeros_like(SLOPES), NEAR)
    best, level = int(np.argmax(straight)), len(SLOPES) // 2
    if straight[best] < PARTLY_COVERED:
        return Skew()
    slopes, bends = _pairs(SLOPES[::2], BENDS)
    most = int(np.argmax(_covered(edges, slopes, bends, ROUGHLY)))
    slopes, bends = _pairs(
        float(slopes[most]) + STEP * np.arange(-1.0, 2.0), float(bends[most]) + FINER * np.arange(-3.0, 4.0)
    )
    bent = _covered(edges, slopes, bends, NEAR)
    most = int(np.argmax(bent))
    if bent[most] >= max(COVERED, straight[best] + BENT_GAIN):
        return Skew(float(slopes[most]), float(bends[most]))
    leans = abs(best - level) > 1 and straight[best] >= max(COVERED, straight[level] + GAIN)
    return Skew(float(SLOPES[best])) if leans else Skew()


def _pairs(slopes: npt.NDArray[np.floating], bends: npt.NDArray[np.floating]) -> tuple[Numbers, Numbers]:
    """Each of the slopes with each of the bends."""
    return np.repeat(slopes, len(bends)).astype(np.float64), np.tile(bends, len(slopes)).astype(np.float64)


def _upper_edges(piece: Mask) -> npt.NDArray[np.bool_]:
    """A line has one upper edge in each column, however thick it is."""
    edges = piece > 0
    edges[1:] &= piece[:-1] == 0
    return edges


def _covered(edges: npt.NDArray[np.bool_], slopes: Numbers, bends: Numbers, near: int) -> Numbers:
    """Share of the columns along which a line of each slope and bend goes.

    Args:
        edges: bool (height, width), of lines.
        slopes: float64 (n,).
        bends: float64 (n,).
        near: so many rows above and below belong to a line too.

    Returns:
        float64 (n,).
    """
    rows, columns = edges.nonzero()
    places = np.rint(rows - _curves(slopes, bends, edges.shape[1])[:, columns]).astype(np.intp)
    places -= places.min(axis=1, initial=0, keepdims=True)
    length = int(places.max(initial=0)) + 2 * near + 1
    counts = np.bincount((places + length * np.arange(len(slopes))[:, None]).ravel(), minlength=length * len(slopes))
    sums = np.cumsum(np.pad(counts.reshape(len(slopes), length), ((0, 0), (2 * near + 1, 0))), axis=1)
    most = (sums[:, 2 * near + 1 :] - sums[:, : -2 * near - 1]).max(axis=1)
    # Several edges in one column are no more than one.
    return np.asarray(np.minimum(most / edges.shape[1], 1.0), np.float64)


def _curves(slopes: Numbers, bends: Numbers, width: int) -> Numbers:
    """Rows of lines in so many columns: float64 (n, width)."""
    columns = np.arange(width)
    along = columns / max(width - 1, 1)
    return slopes[:, None] * columns + bends[:, None] * width * 4 * along * (1 - along)


def _steps(ink: Mask, skew: Skew) -> npt.NDArray[np.intp]:
    """By how many pixels each column is moved down to make ink's lying lines level: intp (width,), none negative."""
    if not any(skew):
        return np.zeros(ink.shape[1], np.intp)
    left, _, width, _ = cv2.boundingRect(ink)
    curve = _curves(np.array([skew.slope]), np.array([skew.bend]), width)[0]
    # Nothing lies beside the ink.
    steps = -np.rint(np.pad(curve, (left, ink.shape[1] - left - width), mode="edge")).astype(np.intp)
    return np.asarray(steps - steps.min(), np.intp)


def _sheared(mask: Mask, steps: npt.NDArray[np.intp]) -> Mask:
    """Each column moved down by so many pixels, in a mask that is as much higher as that needs."""
    if not steps.any():
        return mask
    height, width = mask.shape
    sheared = np.zeros((height + int(steps.max()), width), np.uint8)
    np.put_along_axis(sheared, np.arange(height)[:, None] + steps, mask, axis=0)
    return sheared


def _sheared_back(mask: Mask, steps: npt.NDArray[np.intp]) -> Mask:
    """The reverse."""
    if not steps.any():
        return mask
    height = len(mask) - int(steps.max())
    return np.take_along_axis(mask, np.arange(height)[:, None] + steps, axis=0)
