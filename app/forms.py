"""What is written on a form -> the same without the form's print, as pure functions."""

from typing import Final

import cv2
import numpy as np

from app.contrast import Response, ink_mask
from app.frames import without_edge_lines, without_frames
from app.ground import Mask, frame_of, longest, mean_depth, uncut
from app.pens import is_pen
from app.skew import without_skew
from app.straight_lines import tallest
from app.thin_lines import without_thin_lines

LEAST_FAINTER: Final = 0.5
"""What is fainter than print has at least so many pixels for each of the picture's longer side."""

TALL: Final = 0.06
"""Height of what is written there to the picture's longer side at least."""

GROUND: Final = 0.5
"""What goes along more than this share of all other ink is that ink's ground."""

BROADER: Final = 1.3
"""Print is at most so many times as broad as what is written there."""

RIM: Final = 3
"""Twice so many pixels beyond soft edges, the blurred edges of bold ink end."""

MOSTLY: Final = 0.5
"""What lies there with more than this share is such an edge."""

SHORT: Final = 0.12
"""Print that is no line is at most so long, as a share of the height of what is written."""

HALF: Final = 0.5
"""Length of a blot at most, as a share of the height of what is written."""

BLOT: Final = 0.6
"""Share of the square on its longer side that a blot fills at least."""

MIDDLE: Final = 0.25
"""Print that the picture's edge cuts is nearer to some edge than this share of the picture's sides."""

AROUND: Final = np.ones((5, 5), np.uint8)
"""Soft edges of print are none of what is fainter."""


def without_form(ink: Mask) -> Mask:
    """Drop a form's boxes, rings, combs and lines."""
    return without_skew(ink, lambda level: without_thin_lines(without_edge_lines(without_frames(level))))


def beside_print(response: Response, mask: Mask) -> tuple[Response, Mask] | None:
    """What is fainter than the ink that was found, and its mask, where that is but a form's print.

    Pencil may be so much fainter than print that no one threshold finds both. Whether the print is but that, is seen
    when both are taken for ink: it is what `without_form` drops, blots, pens, and what the picture's edge cuts.

    Args:
        response: of everything on the picture.
        mask: 0 or 255, what of that is ink.

    Returns:
        None where there is other ink, or nothing beside it.
    """
    longer = max(mask.shape)
    # In most pictures next to nothing else stands out.
    if cv2.countNonZero(response) - cv2.countNonZero(mask) < LEAST_FAINTER * longer:
        return None
    covered = np.asarray(cv2.dilate(mask, AROUND), np.uint8)
    rest = np.where(covered > 0, np.float32(0.0), response)
    if cv2.countNonZero(rest) < LEAST_FAINTER * longer:
        return None
    fainter = ink_mask(rest)
    # Where light falls off, the picture's edge cuts what seems faint.
    if tallest(uncut(fainter)) < TALL * longer:
        return None
    beside = np.asarray(cv2.dilate(covered, AROUND), np.uint8) & ~covered
    blurred = cv2.dilate(covered, AROUND, iterations=RIM)
    if cv2.mean(fainter, beside)[0] > GROUND * 255 or cv2.mean(blurred, fainter)[0] > MOSTLY * 255:
        return None
    both = without_form(mask | fainter)
    print_, others, written = mask & ~both, mask & both, uncut(fainter & both)
    # A zero is no ring around a smudge.
    if tallest(written) < TALL * longer or mean_depth(print_) > BROADER * mean_depth(written):
        return None
    return None if _is_more_than_print(others, written) else (rest, fainter)


def _is_more_than_print(ink: Mask, written: Mask) -> bool:
    """Whether any ink is more than blots, pens and what the picture's edge cuts.

    Args:
        ink: 0 or 255, without lines.
        written: what is fainter.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    lengths = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1).astype(np.float64)
    height = tallest(written)
    is_blot = (lengths < HALF * height) & (stats[:, cv2.CC_STAT_AREA] >= BLOT * lengths**2)
    is_print = is_blot | (lengths < SHORT * height)
    bottom, right = ink.shape
    top, left = int(MIDDLE * bottom), int(MIDDLE * right)
    at_edge = np.zeros(len(stats), bool)
    at_edge[np.unique(frame_of(np.asarray(labels)))] = True
    in_middle = np.zeros(len(stats), bool)
    in_middle[np.unique(labels[top : bottom - top, left : right - left])] = True
    is_print |= at_edge & ~in_middle
    is_print[0] = True
    length = longest(written)
    for piece in map(int, np.flatnonzero(at_edge & ~is_print)):
        x, y, width, high = (int(value) for value in stats[piece, :4])
        alone = (labels[y : y + high, x : x + width] == piece).astype(np.uint8)
        is_print[piece] = is_pen(alone, length)
    return not is_print.all()
