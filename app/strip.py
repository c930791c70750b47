"""A row of pieces -> a strip, one picture of the whole row for the network that reads rows; pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.contract import STRIP_BOX, STRIP_HEIGHT, STRIP_STEP
from app.ground import Grey
from app.layout import TALL
from app.pieces import Piece

MARGIN: Final = 4
"""Black to the left and right of the ink, in pixels of the strip."""

STRAIGHTENED: Final = 3.0
"""A row at least this long, in heights of its digits, may climb or fall; shorter ones tell nothing of it."""

STEEPEST: Final = 0.25
"""Most that a row climbs or falls, in pixels for each pixel to the right."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A row, brought to a size."""

    pixels: Grey
    """uint8 (STRIP_HEIGHT, width), white ink on black."""
    left: float
    """Where it begins, in pixels of the picture that the pieces come from."""
    scale: float
    """Pixels of the strip for each of that picture."""

    def column(self, x: float) -> int:
        """The column of the network's answer at some place of the picture, the nearest if that is beyond the strip."""
        columns = -(-self.pixels.shape[1] // STRIP_STEP)
        column: float = min(max((x - self.left) * self.scale / STRIP_STEP, 0.0), columns)
        return round(column)


def ink_climb(pieces: Sequence[Piece], height: float) -> float:
    """How steeply the ink of a row climbs or falls, in pixels for each pixel to the right; 0.0 of short rows.

    The regression line through all its pixels: unlike the middles of pieces it shows a row that is one piece, too.

    Args:
        pieces: of one row.
        height: of its digits, in pixels.
    """
    left, right = min(piece.box.left for piece in pieces), max(piece.box.right for piece in pieces)
    if right - left <= STRAIGHTENED * height:
        return 0.0
    count = x = y = xx = xy = 0.0
    for piece in pieces:
        ink = cv2.moments(piece.mask, binaryImage=True)
        # Moments count from the piece's own corner.
        dx, dy = piece.box.left - left, piece.box.top
        count += ink["m00"]
        x += ink["m10"] + dx * ink["m00"]
        y += ink["m01"] + dy * ink["m00"]
        xx += ink["m20"] + 2 * dx * ink["m10"] + dx * dx * ink["m00"]
        xy += ink["m11"] + dx * ink["m01"] + dy * ink["m10"] + dx * dy * ink["m00"]
    return (xy - x * y / count) / (xx - x * x / count)


def lay_out(pieces: Sequence[Piece], height: float) -> Strip:
    """Bring a row to a strip: its digits STRIP_BOX high, one beside the other, as level as its pieces allow.

    Args:
        pieces: of one row, from the left.
        height: of its digits, in pixels.
    """
    scale = STRIP_BOX / height
    margin = round(MARGIN / scale)
    left = min(piece.box.left for piece in pieces) - margin
    right = max(piece.box.right for piece in pieces) + margin
    climb, middle = _middle_line(pieces, height)
    canvas = np.zeros((round(STRIP_HEIGHT / scale), right - left), np.uint8)
    for piece in pieces:
        box = piece.box
        top = round(box.top - middle - climb * (box.left + box.right) / 2 + len(canvas) / 2)
        first, last = max(0, -top), min(box.height, len(canvas) - top)
        if first < last:
            here = canvas[top + first : top + last, box.left - left : box.right - left]
            np.maximum(here, piece.strokes[first:last], out=here)
    size = (max(1, round(canvas.shape[1] * scale)), STRIP_HEIGHT)
    return Strip(np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8), left, scale)


def _middle_line(pieces: Sequence[Piece], height: float) -> tuple[float, float]:
    """The straight line through the middles of a row's tall pieces: pixels down for each to the right, and at 0."""
    tall = [piece.box for piece in pieces if piece.box.height >= TALL * height] or [piece.box for piece in pieces]
    x = np.array([(box.left + box.right) / 2 for box in tall])
    y = np.array([(box.top + box.bottom) / 2 for box in tall])
    weights = np.array([float(box.width) for box in tall])
    climb = 0.0
    if len(tall) > 2 and np.ptp(x) > STRAIGHTENED * height:
        fitted = np.polynomial.Polynomial.fit(x, y, 1, w=np.sqrt(weights)).convert().coef
        climb = float(np.clip(fitted[1], -STEEPEST, STEEPEST))
    return climb, float(np.average(y - climb * x, weights=weights))
