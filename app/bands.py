"""Pictures whose ground changes in straight bands from edge to edge: inverted stripes, black bars beside a picture."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import Grey

LEAST_STEP: Final = 64.0
"""Grey levels between neighbouring bands."""

LEAST_WIDTH: Final = 0.1
"""Share of the picture that a band takes at least; thinner ones are strokes, or lines of ruled paper."""

LEAST_PIXELS: Final = 3
"""The same in pixels."""

MOST_BANDS: Final = 5
"""More are a pattern."""

SHARP: Final = 2
"""Pixels from one band to the next; the edges of shadows are wider, and seldom straight."""

EVEN: Final = 16.0
"""Grey levels by which a band may vary."""

UNBLOCKED_SHARE: Final = 0.8
"""Share of the lines across the bands that must look the same at both ends; at the others ink reaches the edge."""

STEP_SHARE: Final = 0.6
"""Share of an edge between two bands that must be a step; where strokes reach both edges of a tight crop, and look like
a band there, it is the strokes' own width."""

INK_SHARES: Final = (0.03, 0.6)
"""A band has ink on it when this share of its pixels, from and to, is half a step from its ground."""


def banded_ground(grey: Grey) -> npt.NDArray[np.float32] | None:
    """The ground of a picture in upright or lying bands, each of one grey: float32, broadcasts to the picture.

    A band is ground, not a stroke, when there is ink on it, or when both edges of the picture have one.

    Args:
        grey: uint8 (height, width).

    Returns:
        float32 (1, width) or (height, 1); None where the ground has no such bands.
    """
    upright = _across(grey)
    if upright is not None:
        return upright[None, :]
    lying = _across(grey.T)
    return None if lying is None else lying[:, None]


def _across(grey: Grey) -> npt.NDArray[np.float32] | None:
    """The ground of each column of a picture in upright bands, float32 (width,)."""
    if max(_spread(grey[0]), _spread(grey[-1])) < LEAST_STEP:
        return None
    first, last = grey[0].astype(np.float32), grey[-1].astype(np.float32)
    alike = np.abs(first - last) <= EVEN
    if alike.mean() < UNBLOCKED_SHARE:
        return None
    known = np.flatnonzero(alike)
    levels = ((first + last) / 2)[known]
    breaks = np.flatnonzero(np.abs(np.diff(levels)) >= LEAST_STEP) + 1
    if not 1 <= len(breaks) < MOST_BANDS or (known[breaks] - known[breaks - 1]).max() > SHARP:
        return None
    grounds = [np.float32(np.median(part)) for part in np.split(levels, breaks)]
    edges = [0, *known[breaks].tolist(), grey.shape[1]]
    if np.diff(edges).min() < max(LEAST_PIXELS, LEAST_WIDTH * grey.shape[1]):
        return None
    ground = np.repeat(np.array(grounds, np.float32), np.diff(edges))
    if np.percentile(np.abs(levels - ground[known]), 90.0) > EVEN:
        return None
    is_ground = _step(grey, known[breaks - 1], known[breaks]) and _are_ground(grey, grounds, edges)
    return ground if is_ground else None


def _step(grey: Grey, left: npt.NDArray[np.intp], right: npt.NDArray[np.intp]) -> bool:
    """Whether the picture steps between each two of these columns along most of their height."""
    steps = cv2.absdiff(grey[:, left], grey[:, right]) >= LEAST_STEP / 2
    return bool(steps.mean(axis=0).min() >= STEP_SHARE)


def _spread(line: Grey) -> float:
    """From the darkest to the brightest pixel, in grey levels."""
    darkest, brightest, _, _ = cv2.minMaxLoc(line)
    return brightest - darkest


def _are_ground(grey: Grey, grounds: list[np.float32], edges: list[int]) -> bool:
    """Whether the bands that differ from the widest one's grey are ground too."""
    widest = grounds[int(np.argmax(np.diff(edges)))]
    odd = [bool(abs(ground - widest) >= LEAST_STEP / 2) for ground in grounds]
    if odd[0] and odd[-1]:
        odd[0] = odd[-1] = False
    return all(
        _has_ink(grey[:, left:right], ground)
        for is_odd, ground, left, right in zip(odd, grounds, edges, edges[1:], strict=False)
        if is_odd
    )


def _has_ink(band: Grey, ground: np.float32) -> bool:
    least, most = INK_SHARES
    return bool(least <= (np.abs(band - ground) >= LEAST_STEP / 2).mean() <= most)
