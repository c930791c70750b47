"""Connected ink -> whether it is a pen, a ruler or a stick that reaches into a picture, as pure functions."""

from typing import Final

import cv2
import numpy as np

from app.ground import Mask

LONG: Final = 3.0
"""Length of a bar to its width at least."""

STRAIGHT: Final = 0.7
"""Share of the smallest rectangle around it that a bar fills at least."""

LEAN: Final = 0.5
"""Columns for each row: few ones lean so far."""

LONGER: Final = 2.0
"""A digit's neighbour is at most so many times as long."""


def is_pen(piece: Mask, longest: float) -> bool:
    """Whether a piece that the picture's edge cuts is a straight bar that leans more than ones do, or is far longer.

    Args:
        piece: connected ink, not zero.
        longest: longer side of what it lies beside, in pixels.
    """
    rectangle = cv2.minAreaRect(cv2.findNonZero(piece))
    # Corners are in the middles of pixels.
    width, length = sorted(side + 1.0 for side in rectangle[1])
    if length < LONG * width or cv2.countNonZero(piece) < STRAIGHT * width * length:
        return False
    corners = cv2.boxPoints(rectangle)
    sides = corners[1] - corners[0], corners[2] - corners[1]
    right, down = np.abs(max(sides, key=lambda side: float(np.hypot(*side))))
    return bool(length > LONGER * longest or right > LEAN * down)
