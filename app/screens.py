"""What screenshots show around a picture: bars above and below it, or the page that it lies on, as pure functions."""

from typing import Final

import cv2
import numpy as np

from app.ground import Grey, frame_of, percentile

LEAST_SIDE: Final = 96
"""Pixels of the shorter side; smaller pictures are crops or drawings."""

EVEN: Final = 8
"""Grey levels by which bars and pages differ from one grey."""

LEAST_STEP: Final = 32
"""Grey levels between a bar, which is black or white, and what is below it."""

ENDS: Final = 0.97
"""Share of what is below a bar that is of other greys."""

GROUND: Final = 0.7
"""Share of a drawing that is its ground rather than ink; of the crop of a bold zero less is."""

PAGE_STEP: Final = 64
"""Grey levels between a page and the ground of the picture on it."""

LEAST_BAR: Final = 0.03
"""Height of a bar, as a share of the picture's; lower ones are edges."""

LEAST_CONTENT: Final = 0.3
"""What is left between bars or on a page is at least so high and wide, as a share of the picture."""

MOST_STROKES: Final = 0.06
"""Share of the picture up to which what is on a page are strokes rather than the ground of a drawing."""

BROAD: Final = np.ones((9, 9), np.uint8)
"""Pixels; what has no room for it is no ground."""

SOFT_EDGE: Final = 2
"""Pixels at the edge of what is left that belong to neither."""

ALIKE: Final = 0.9
"""Share of the pixels of a bar, a page or an edge that are alike; others are the time, or a button."""

Window = tuple[slice, slice]
"""Rows and columns."""


def shown(grey: Grey) -> Window | None:
    """Where the picture is in a screenshot of it; None of most pictures, which are no screenshots.

    Args:
        grey: uint8 (height, width).
    """
    if min(grey.shape) < LEAST_SIDE:
        return None
    rows = _between_bars(grey)
    columns = _between_bars(grey[rows].T)
    is_whole = (rows.stop - rows.start, columns.stop - columns.start) == grey.shape
    return _on_page(grey) if is_whole else (rows, columns)


def _between_bars(grey: Grey) -> slice:
    """Rows without bars of one grey at the top and at the bottom; all where there are none."""
    height = len(grey)
    start, end = _bar(grey), height - _bar(grey[::-1])
    if end - start < LEAST_CONTENT * height or (start, end) == (0, height):
        return slice(0, height)
    return slice(start, end)


def _bar(grey: Grey) -> int:
    """Height of the bar at the top, in pixels; 0 if there is none."""
    level = percentile(grey[0], 50.0)
    if EVEN < level < 255 - EVEN:
        return 0
    beside = np.abs(grey[:, [0, -1]].astype(np.float32) - level).min(axis=1)
    bar = int((beside > EVEN).argmax())
    if not LEAST_BAR <= bar / len(grey) <= 1 - LEAST_CONTENT or not _is_even(grey[:bar], level):
        return 0
    # A seven's upper stroke fills the width of its crop too, but goes on where it ends.
    below = np.abs(grey[bar + SOFT_EDGE : bar + 5 * SOFT_EDGE].astype(np.float32) - level)
    return bar + SOFT_EDGE if (below >= LEAST_STEP).mean() >= ENDS else 0


def _on_page(grey: Grey) -> Window | None:
    """A drawing's ground on a page of one grey; None where there is no such thing."""
    outermost = frame_of(grey)
    page = percentile(outermost, 50.0)
    if not _is_even(outermost, page):
        return None
    other = ~np.asarray(cv2.inRange(grey, page - PAGE_STEP, page + PAGE_STEP), np.uint8)
    if cv2.countNonZero(other) < MOST_STROKES * other.size:
        return None
    # Beside it there may be a title, or axes with numbers.
    left, top, width, height = cv2.boundingRect(cv2.morphologyEx(other, cv2.MORPH_OPEN, BROAD))
    if height < LEAST_CONTENT * len(grey) or width < LEAST_CONTENT * grey.shape[1]:
        return None
    window = slice(top + SOFT_EDGE, top + height - SOFT_EDGE), slice(left + SOFT_EDGE, left + width - SOFT_EDGE)
    ring = frame_of(grey[window])
    ground = percentile(ring, 50.0)
    is_drawing = abs(ground - page) >= PAGE_STEP and _is_even(ring, ground) and _is_even(grey[window], ground, GROUND)
    return window if is_drawing else None


def _is_even(values: Grey, level: float, share: float = ALIKE) -> bool:
    return bool(np.mean(np.abs(values.astype(np.float32) - level) <= EVEN) >= share)
