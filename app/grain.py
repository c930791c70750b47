"""Noisy pictures -> the same with less noise, as a pure function: of dark rooms, and of cheap cameras."""

from typing import Final

import cv2
import numpy as np

from app.ground import Grey, percentile

LEAST_SIDE: Final = 96
"""Pixels of the longer side; strokes of smaller pictures are too fine to be blurred."""

LEAST_GRAIN: Final = 0.05
"""Standard deviation of grain, as a share of the picture's range, that hides strokes; most photographs have a tenth."""

LEFT_GRAIN: Final = 0.02
"""What is to be left of it."""

WIDEST: Final = 1 / 150
"""Greatest standard deviation of the blur, as a share of the longer side: strokes are wider."""

_FLATTENING: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""The difference of two Laplacians, which is blind to slopes; its response to noise is six times as wide."""

_ROWS: Final = 5
"""One row in so many is enough."""


def without_grain(grey: Grey) -> Grey:
    """Blur a picture whose grain would hide its strokes, by as much as is needed; others stay as they are.

    The grain is estimated as by Immerkaer, "Fast noise variance estimation" (1996), with the median for the mean, so
    that edges do not count.

    Args:
        grey: uint8 (height, width), of LEAST_SIDE pixels or more.
    """
    if min(grey.shape) < len(_FLATTENING):
        return grey
    rough = cv2.filter2D(grey, cv2.CV_16S, _FLATTENING)[1:-1:_ROWS, 1:-1]
    grain = percentile(np.abs(rough).astype(np.float32), 50.0) / (6 * 0.6745)
    share = grain / max(float(np.ptp(cv2.blur(grey, (5, 5)))), 1.0)
    if share < LEAST_GRAIN:
        return grey
    # A Gaussian leaves 1 / (2 sqrt(pi) s) of the noise.
    spread = min(share / (3.54 * LEFT_GRAIN), WIDEST * max(grey.shape))
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), spread), np.uint8)
