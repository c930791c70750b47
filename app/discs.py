"""Grey-scale morphology with discs: the brightest around each pixel, and what follows from that, as pure functions."""

from functools import lru_cache
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width)."""

FEW: Final = 25
"""Pixels; OpenCV tries each pixel of a disc, which is the quicker way up to this width."""


def dilated(picture: Grey, size: int) -> Grey:
    """The brightest within a disc around each pixel; what lies beyond the picture's edges does not count.

    A disc is a stack of runs. Each run's maxima come from those of the next shorter one, and each row of the disc adds
    those of its own: the time grows with the disc's width rather than with its area.

    Args:
        picture: uint8 (height, width).
        size: width of the disc, in pixels; odd.
    """
    if size <= FEW:
        return np.asarray(cv2.dilate(picture, _disc(size)), np.uint8)
    height, width = picture.shape
    runs = picture.copy()
    brightest = np.zeros_like(picture)
    reaches = _reaches(size)
    for row, (before, reach) in enumerate(pairwise((0, *reaches))):
        for step in range(before + 1, min(reach, width - 1) + 1):
            np.maximum(runs[:, step:], picture[:, :-step], out=runs[:, step:])
            np.maximum(runs[:, :-step], picture[:, step:], out=runs[:, :-step])
        away = size // 2 - row
        if away < height:
            np.maximum(brightest[away:], runs[: height - away], out=brightest[away:])
            np.maximum(brightest[: height - away], runs[away:], out=brightest[: height - away])
    return brightest


def closed(picture: Grey, size: int) -> Grey:
    """A picture without what is dark and has no room for a disc of `size` pixels: as `dilated`, and back."""
    return ~dilated(~dilated(picture, size), size)


def opened(picture: Grey, size: int) -> Grey:
    """The same without what is light."""
    return ~closed(~picture, size)


def _disc(size: int) -> Grey:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


@lru_cache
def _reaches(size: int) -> tuple[int, ...]:
    """How far a disc reaches to both sides of its middle, in each row from the outermost to the middle one."""
    return tuple(int(run) // 2 for run in _disc(size)[: size // 2 + 1].sum(axis=1))
