"""Ruled and squared paper: whether a picture shows some, and its ground between the rules, as pure functions."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.discs import closed
from app.ground import CLEAN_STEP, Grey, Mask, Sample, frame_of

LEAST_SIDE: Final = 60
"""Pixels of the longer side; in smaller pictures strokes are as thin as rules."""

RULE_WIDTH: Final = 0.0125
"""Rules are narrower than twice this share of a picture's longer side."""

LEAST_LEAVING: Final = 3
"""Rules leave a picture over both of two opposite edges, at so many places at least; strokes seldom do."""

LEAST_IN_ALL: Final = 8
"""The same of all edges together."""

LONG: Final = 0.5
"""What leaves it is long, as a share of the picture's shorter side; specks and grain are not."""


def may_leave_often(picture: npt.NDArray[Sample]) -> bool:
    """Whether so much that is not zero reaches a picture's frame that rules may leave it; mostly it does not."""
    return bool(np.count_nonzero(frame_of(picture)) >= LEAST_IN_ALL)


def leaves_often(lines: Mask) -> bool:
    """Whether long lines leave a picture over opposite edges as often as rules do, however these lie."""
    if not may_leave_often(lines):
        return False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    is_long = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= LONG * min(lines.shape)
    is_long[0] = False
    top, bottom, left, right = (_pieces(is_long[edge]) for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return max(min(top, bottom), min(left, right)) >= LEAST_LEAVING and top + bottom + left + right >= LEAST_IN_ALL


def without_dark_lines(grey: Grey) -> Grey | None:
    """Ruled paper without its rules, and without strokes as thin: uint8 (height, width); None of any other picture."""
    longer = max(grey.shape)
    if longer < LEAST_SIDE:
        return None
    between = closed(grey, 2 * round(RULE_WIDTH * longer) + 1)
    darker = between - grey
    lines = (darker > CLEAN_STEP).astype(np.uint8)
    if not leaves_often(lines):
        return None
    # Closing finds the brightest of the paper's grain.
    return between - np.minimum(between, np.uint8(np.median(darker[lines == 0])))


def _pieces(edge: npt.NDArray[np.bool_]) -> int:
    """How many pieces along an edge are True."""
    return int(np.count_nonzero(edge[1:] & ~edge[:-1])) + int(edge[0])
