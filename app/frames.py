"""Ink -> the same without the boxes and combs of forms, one for each digit or a row of them, as pure functions."""

from typing import Final

import cv2
import numpy as np

from app.ground import Mask

COVERED: Final = 0.85
"""Share of a straight line's length that is ink, however it leans within its margin."""

MARGIN: Final = 0.08
"""In which a side of a frame lies, as a share of its size: the root of its area."""

LEAST_SIDE: Final = 8
"""Pixels; what is lower or narrower is no frame."""

WRITTEN: Final = 0.35
"""A frame has ink in it at least so high, as a share of its own height; an angular 0 has none."""

LEAST_TEETH: Final = 3
"""Of a comb, which is open above."""


def without_frames(ink: Mask) -> Mask:
    """Drop rectangles and combs that are drawn around digits, and the straight lines from side to side in them."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1)
    sides[0] = 0
    cleaned = ink.copy()
    for label in map(int, np.flatnonzero(sides >= LEAST_SIDE)):
        left, top, width, height = (int(value) for value in stats[label, :4])
        here = np.s_[top : top + height, left : left + width]
        lines = _frame(np.where(labels[here] == label, np.uint8(255), np.uint8(0)), ink[here])
        if lines is not None:
            cleaned[here] &= ~lines
    return cleaned


def _frame(piece: Mask, ink: Mask) -> Mask | None:
    """The lines of a frame; None if a piece is none.

    Args:
        piece: connected ink, which reaches all four edges.
        ink: all that lies there.
    """
    margin = max(2, round(MARGIN * piece.size**0.5))
    if not all(_is_covered(side) for side in (piece[-margin:], piece[:, :margin].T, piece[:, -margin:].T)):
        return None
    run = max(3, min(piece.shape) // 3)
    upright = _upright_lines(piece, run, margin)
    lying = _upright_lines(np.ascontiguousarray(piece.T), run, margin).T
    # The soft edges of the lines belong to them.
    lines = np.asarray(cv2.dilate(upright | lying, np.ones((3, 3), np.uint8)), np.uint8)
    if _is_covered(piece[:margin]):
        is_frame = _tallest(ink & ~lines) >= WRITTEN * len(piece)
    else:
        is_frame = cv2.connectedComponents(upright, connectivity=8)[0] > LEAST_TEETH
    return lines if is_frame else None


def _is_covered(side: Mask) -> bool:
    return float((side > 0).any(axis=0).mean()) >= COVERED


def _upright_lines(piece: Mask, run: int, margin: int) -> Mask:
    """Those from the top of a piece to its bottom that are thin, and made of straight runs at least so long."""
    # A line that leans a little goes on in the next column.
    band = cv2.dilate(piece, np.ones((1, 3), np.uint8))
    runs = cv2.bitwise_and(cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((run, 1), np.uint8)), piece)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    whole = (stats[:, cv2.CC_STAT_HEIGHT] >= COVERED * len(piece)) & (stats[:, cv2.CC_STAT_WIDTH] <= 2 * margin)
    whole[0] = False
    return np.where(whole[labels], piece, np.uint8(0))


def _tallest(ink: Mask) -> int:
    """The height of the highest connected piece, in pixels."""
    stats = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:]
    return int(stats[:, cv2.CC_STAT_HEIGHT].max(initial=0))
