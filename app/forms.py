"""What is written on a form -> the same without the form's print, as pure functions."""

from typing import Final

import cv2
import numpy as np

from app.contrast import Response, ink_mask
from app.frames import without_edge_lines, without_frames
from app.ground import Mask, frame_of, mean_depth
from app.straight_lines import tallest
from app.thin_lines import without_thin_lines

LEAST_FAINTER: Final = 0.5
"""What is fainter than print has at least so many pixels for each of the picture's longer side."""

TALL: Final = 0.06
"""Height of what is written there to the picture's longer side at least."""

GROUND: Final = 0.5
"""What goes along more than this share of all other ink is that ink's ground."""

SHORT: Final = 0.25
"""Print that is no line is at most so long, as a share of the height of what is written."""

HALF: Final = 0.5
"""A blot is shorter than this share of it."""

BLOT: Final = 0.6
"""Share of the square on its longer side that a blot fills at least."""

MIDDLE: Final = 0.25
"""Print that the picture's edge cuts leaves this share of the picture's sides free from all its edges."""

AROUND: Final = np.ones((5, 5), np.uint8)
"""Soft edges of print are none of what is fainter."""


def without_form(ink: Mask) -> Mask:
    """Drop a form's boxes, rings, combs and lines."""
    return without_thin_lines(without_edge_lines(without_frames(ink)))


def beside_print(response: Response, mask: Mask) -> tuple[Response, Mask] | None:
    """What is fainter than the ink that was found, and its mask, where that is but a form's print.

    Pencil may be so much fainter than print that no one threshold finds both. Whether the print is but that, is seen
    when both are taken for ink: it is what `without_form` drops, blots, and what the picture's edge cuts.

    Args:
        response: of everything on the picture.
        mask: 0 or 255, what of that is ink.

    Returns:
        None where there is other ink, or nothing beside it.
    """
    longer = max(mask.shape)
    covered = np.asarray(cv2.dilate(mask, AROUND), np.uint8)
    rest = np.where(covered > 0, np.float32(0.0), response)
    if cv2.countNonZero(rest) < LEAST_FAINTER * longer:
        return None
    fainter = ink_mask(rest)
    beside = np.asarray(cv2.dilate(covered, AROUND), np.uint8) & ~covered
    if tallest(fainter) < TALL * longer or cv2.mean(fainter, beside)[0] > GROUND * 255:
        return None
    both = without_form(mask | fainter)
    print_, others, written = mask & ~both, mask & both, fainter & both
    # A zero is no ring around a smudge.
    if not cv2.hasNonZero(written) or mean_depth(print_) > mean_depth(written):
        return None
    return None if _is_more_than_print(others, written) else (rest, fainter)


def _is_more_than_print(ink: Mask, written: Mask) -> bool:
    """Whether any ink is more than blots and what the picture's edge cuts.

    Args:
        ink: 0 or 255, without lines.
        written: what is fainter.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    longest = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1).astype(np.float64)
    height = tallest(written)
    is_blot = (longest < HALF * height) & (stats[:, cv2.CC_STAT_AREA] >= BLOT * longest**2)
    is_print = is_blot | (longest < SHORT * height)
    if not frame_of(written).any():
        top, left = (int(MIDDLE * side) for side in ink.shape)
        at_edge = np.zeros(len(stats), bool)
        at_edge[frame_of(np.asarray(labels))] = True
        at_edge[np.unique(labels[top:-top, left:-left])] = False
        is_print |= at_edge
    return not is_print[1:].all()
