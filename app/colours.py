"""A picture's colours -> the one grey in which its ink shows best, as a pure function."""

from typing import Final

import cv2
import numpy as np
from PIL import Image

from app.ground import Grey, percentile

GAIN: Final = 1.5
"""So many times as clearly as in the luma must ink show in a single colour to be looked for there."""

PLAIN: Final = 64.0
"""Grey levels between ink and ground; so far apart in the luma, they need no colour, and ink may have several."""

COLOURLESS: Final = 24.0
"""Grey levels by which the colours of a grey picture differ at most."""

EDGES: Final = 99.5
"""Share of a picture's pixels, in percent, that may lie off the edges of its ink."""

FRAME_SHARE: Final = 1 / 8
"""Width of the frame in which there is more of the ground than of the ink, as a share of the shorter side."""

GRAIN: Final = 8.0
"""Grey levels; smaller steps are grain in any colour."""

ENOUGH: Final = 192
"""Pixels of the longer side of what tells as much of the steepest edges as all of a picture."""


def clearest(image: Image.Image) -> Image.Image:
    """The luma, or the one colour in which ink shows far better: yellow ink on white, orange ink on blue squares.

    Args:
        image: RGB.

    Returns:
        L, of the same size.
    """
    luma = image.convert("L")
    channels = image.split()
    red, green, blue = colours = [np.asarray(channel) for channel in channels]
    if min(image.size) < 3 or max(cv2.norm(red, green, cv2.NORM_INF), cv2.norm(green, blue, cv2.NORM_INF)) < COLOURLESS:
        return luma
    steepest, clearness = _edges(np.asarray(luma))
    if steepest > PLAIN:
        return luma
    found = [_edges(colour)[1] for colour in colours]
    best = int(np.argmax(found))
    return channels[best] if found[best] > GAIN * clearness else luma


def _edges(plane: Grey) -> tuple[float, float]:
    """How steep the edges of ink are, in grey levels, and in relation to what else there is in the picture's frame."""
    steps = np.asarray(cv2.morphologyEx(plane, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.uint8)
    band = max(1, round(FRAME_SHARE * min(steps.shape)))
    inside = steps[band:-band, band:-band]
    around = cv2.norm(steps, cv2.NORM_L2SQR) - cv2.norm(inside, cv2.NORM_L2SQR)
    stride = max(1, max(steps.shape) // ENOUGH)
    steepest = percentile(steps[::stride, ::stride].astype(np.float32), EDGES)
    return steepest, float(steepest / (np.sqrt(around / (steps.size - inside.size)) + GRAIN))
