"""Shadows of any shape, of a hand, a head, a telephone, told from the strokes in and beside them; and bright spots.

A smooth surface through a picture's frame takes no notice of shadows where they are on less than a third of it, nor of
a spot.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.discs import closed, opened
from app.ground import (
    CLEAN_STEP,
    SATURATED,
    Grey,
    Mask,
    Surface,
    frame_of,
    in_full_light,
    longest,
    may_have_shadows,
    percentile,
    shrunk,
    steepness,
)

SHADOW_SIDE: Final = 192
"""Pixels of the longer side at which shadows are told from strokes, without grain."""

LEAST_DEPTH: Final = 0.1
"""Depth of shadows at least, as a share of the picture's longer side."""

DEEP: Final = 0.15
"""What is deeper than this share is hardly ever a stroke."""

DEEPEST_SHARE: Final = 0.7
"""Pixels of at least this share of the greatest depth there is show how strong the deepest of all is."""

STRONGEST: Final = 99.7
"""Share of what leaves the surface, in percent, that may be fainter than the ink of a small digit."""

LEAST_STRENGTH: Final = 0.15
"""Where what is deepest leaves the surface by less than this share of what the ink does, it is not taken for ink."""

MOST_STRENGTH: Final = 0.72
"""A shadow leaves the surface by at most this share of what the ink does; bold ink is as strong as any."""

MOST_DEEP_STRENGTH: Final = 0.85
"""The same of what is DEEP."""

MOST_UNEVEN_STRENGTH: Final = 0.65
"""The same where the surface is not that of the picture's frame either."""

CUT_SHARE: Final = 0.9
"""A shadow that the frame cuts is there at least this share as deep as anywhere."""

STRONG_SHARE: Final = 0.5
"""Strokes are at most this share as deep as the shadow; where bold ink is uneven, its dark parts are deeper."""

THIN_SHARE: Final = 0.35
"""Beside a shadow as dark as the ink there are strokes less deep than this share of it."""

THIN_STRENGTH: Final = 0.6
"""They leave the surface by at least this share of what the shadow does."""

LEAST_REACH: Final = 0.06
"""Length of the longest stroke at least, as a share of the picture's longer side."""

LONG: Final = 4.0
"""It is at least so many times as long as strokes are deep."""

HARD: Final = 0.6
"""Within three pixels, the edge of a shadow gains at most this share of its strength; that of a darker sheet more."""

NEAR: Final = np.ones((7, 7), np.uint8)
"""What is so near to strokes is their edge rather than the shadow's."""

SPOT_SIDE: Final = 80
"""Pixels of the longer side at which bright spots are looked for."""

SPOT_DEPTH: Final = 0.08
"""Depth of bright spots at least, as a share of the picture's longer side."""

MOST_BLACK: Final = 0.05
"""Share of a photograph that is black at most."""

STROKES: Final = 0.2
"""What is so narrow, as a share of the longer side, and darker than a bright spot may be strokes across it."""

ROUND: Final = 4.0
"""Its brighter half is at most so many times as long as it is deep where it is round; soft strokes are longer."""

SOFT: Final = 0.4
"""At a bright spot's edge, brightness changes by at most this share of all within three pixels."""


def strokes_in_shadow(grey: Grey, surface: Surface, *, is_even: bool = True) -> float | None:
    """Width of the strokes of a picture in which a shadow leaves a smooth surface as well.

    A shadow is deeper than strokes, softer, and fainter; or, where the picture's frame cuts it, as dark as they are and
    deeper by far.

    Args:
        grey: uint8 (height, width).
        surface: `app.ground.smooth_ground` of it.
        is_even: whether most of the picture's frame follows it; where not, only what is deep and faint is a shadow.

    Returns:
        As a share of the picture's longer side; None where there is no such shadow.
    """
    # What is drawn on black or white casts no shadow.
    if not may_have_shadows(grey) or not SATURATED < float(surface.picture.mean()) < 255.0 - SATURATED:
        return None
    # In a shadow ink is less dark than in the light by the share that the paper is.
    darker = in_full_light(surface.picture - grey, surface.picture)
    off = shrunk(np.clip(darker, 0.0, 255.0).astype(np.uint8), SHADOW_SIDE)
    leaving = (off > CLEAN_STEP).astype(np.uint8)
    if leaving.all():
        return None
    depth = np.asarray(cv2.distanceTransform(leaving, cv2.DIST_L2, 5), np.float32)
    deepest, longer = float(depth.max()), float(max(off.shape))
    is_deep = deepest > DEEP * longer
    if deepest <= LEAST_DEPTH * longer or not (is_even or is_deep):
        return None
    levels = off.astype(np.float32)
    strength = percentile(levels[depth >= DEEPEST_SHARE * deepest], 50.0)
    ink = percentile(levels[leaving > 0], STRONGEST)
    if strength < LEAST_STRENGTH * ink:
        return None
    most = MOST_UNEVEN_STRENGTH if not is_even else MOST_DEEP_STRENGTH if is_deep else MOST_STRENGTH
    candidates = []
    if strength < most * ink:
        candidates.append(off > (strength + ink) / 2)
    if is_even and float(frame_of(depth).max()) >= CUT_SHARE * deepest:
        thin = opened(leaving, 2 * round(THIN_SHARE * deepest) + 1) < leaving
        candidates.append(thin & (off > THIN_STRENGTH * strength))
    steps, rim = steepness(off), steepness(leaving) > 0
    for candidate in candidates:
        strokes = candidate.astype(np.uint8)
        if _hardness(steps, rim, strokes) <= HARD * strength:
            width = _stroke_width(strokes, deepest)
            if width is not None:
                return width / longer
    return None


def _hardness(steps: Grey, rim: npt.NDArray[np.bool_], strokes: Mask) -> float:
    """How steep the rim of what leaves the surface is where no strokes are near."""
    apart = rim & (cv2.dilate(strokes, NEAR) == 0)
    return percentile(steps[apart], 50.0) if apart.any() else 0.0


def _stroke_width(strokes: Mask, deepest: float) -> float | None:
    """Of what is as thin and as long as strokes beside a shadow so deep, in pixels; None if it is not."""
    depth = float(cv2.distanceTransform(strokes, cv2.DIST_L2, 5).max())
    reach = longest(strokes)
    is_stroke = depth <= STRONG_SHARE * deepest and reach >= max(LEAST_REACH * max(strokes.shape), LONG * depth)
    return 2.0 * depth if is_stroke else None


def bright_spot(grey: Grey, surface: Surface) -> Grey | None:
    """What is brighter than the smooth surface, as deep as a shadow and as soft: a flash's reflection, or soft ink.

    Args:
        grey: uint8 (height, width).
        surface: `app.ground.smooth_ground` of it.

    Returns:
        By how much it is, without the strokes across it: uint8, of SPOT_SIDE pixels at most; None if there is none.
    """
    # What is drawn on black reflects nothing.
    if not may_have_shadows(grey) or np.mean(grey <= SATURATED) > MOST_BLACK:
        return None
    lighter = shrunk(np.clip(grey - surface.picture, 0.0, 255.0).astype(np.uint8), SPOT_SIDE)
    spot = closed(lighter, int(STROKES * max(lighter.shape)) | 1)
    depth = cv2.distanceTransform((spot > CLEAN_STEP).astype(np.uint8), cv2.DIST_L2, 5)
    if depth.max() <= SPOT_DEPTH * max(spot.shape):
        return None
    steps = steepness(spot)
    edge = steps[steps > CLEAN_STEP / 2]
    is_soft = edge.size == 0 or percentile(edge, 75.0) <= SOFT * float(spot.max())
    return spot if is_soft else None


def is_round(spot: Grey) -> bool:
    """Whether a bright spot has no stroke's shape.

    Args:
        spot: see `bright_spot`.
    """
    brighter = (spot > float(spot.max()) / 2).astype(np.uint8)
    surrounded = cv2.copyMakeBorder(brighter, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = float(cv2.distanceTransform(surrounded, cv2.DIST_L2, 5).max())
    return longest(brighter) <= ROUND * depth
