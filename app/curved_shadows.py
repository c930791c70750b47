"""Whether shadows of any shape reach a picture's frame, or a bright spot is in it: of a hand, a head, a telephone.

A smooth surface through the frame takes no notice of shadows where they are on less than a third of it, nor of a spot.
"""

from typing import Final

import cv2
import numpy as np

from app.discs import closed, opened
from app.ground import CLEAN_STEP, SATURATED, Grey, Level, Mask, Surface, frame_of, may_have_shadows, percentile, shrunk

SHADOW_SIDE: Final = 80
"""Pixels of the longer side at which shadows are told from strokes, without grain."""

LEAST_DEPTH: Final = 0.08
"""Depth of shadows at least where the picture's frame cuts them, as a share of its longer side."""

DEEPEST_SHARE: Final = 0.7
"""Pixels of at least this share of the greatest depth there is show how strong the deepest of all is."""

LEAST_STRENGTH: Final = 0.25
"""Where what is deepest leaves the surface by less than this share of what the ink does, it is not taken for ink."""

MOST_STRENGTH: Final = 0.85
"""A shadow or a glare leaves the surface by at most this share of what the ink does; bold ink is as strong as any."""

MOST_BLACK: Final = 0.05
"""Share of a photograph that is black at most."""

STROKES: Final = 0.2
"""What is so narrow, as a share of the longer side, and darker than a bright spot may be strokes across it."""

SOFT: Final = 0.4
"""At a soft edge, brightness changes by at most this share of all within three pixels."""

STRONG_SHARE: Final = 0.5
"""Strokes are at most this share as deep as a fainter shadow; where bold ink is uneven, its dark parts are deeper."""

THIN_SHARE: Final = 0.35
"""Beside a shadow as dark as the ink there are strokes less deep than this share of it."""

LEAST_THIN: Final = 0.05
"""Share of all that leaves the surface that they are at least."""


def has_shadow(grey: Grey, surface: Surface) -> bool:
    """Whether a shadow or a glare on paper with dark ink leaves the smooth surface through a picture's frame.

    It is deeper than strokes, and fainter; or as dark as they, but deeper by far.

    Args:
        grey: uint8 (height, width).
        surface: `app.ground.smooth_ground` of it.
    """
    # What is drawn on black or white casts no shadow.
    ground = float(surface.picture.mean())
    if not may_have_shadows(grey) or not SATURATED < ground < 255.0 - SATURATED:
        return False
    residual = grey - surface.picture
    off = shrunk(np.asarray(cv2.convertScaleAbs(residual), np.uint8), SHADOW_SIDE)
    leaving = (off > CLEAN_STEP).astype(np.uint8)
    if leaving.all():
        return False
    depth = np.asarray(cv2.distanceTransform(leaving, cv2.DIST_L2, 5), np.float32)
    deepest = float(frame_of(depth).max())
    if deepest <= LEAST_DEPTH * max(off.shape):
        return False
    strokes = _stronger_strokes(off, leaving, depth)
    if strokes is None:
        strokes = _thin_strokes(leaving, deepest)
    if strokes is None:
        return False
    darker = shrunk(np.clip(-residual, 0.0, 255.0).astype(np.uint8), SHADOW_SIDE)
    return bool(2 * darker[strokes > 0].sum(dtype=int) > off[strokes > 0].sum(dtype=int))


def bright_spot(grey: Grey, surface: Surface) -> Grey | None:
    """What is brighter than the smooth surface, as deep as a shadow and as soft: a flash's reflection, or soft ink.

    Args:
        grey: uint8 (height, width).
        surface: `app.ground.smooth_ground` of it.

    Returns:
        By how much it is, without the strokes across it: uint8, of SHADOW_SIDE pixels at most; None if there is none.
    """
    # What is drawn on black reflects nothing.
    if not may_have_shadows(grey) or np.mean(grey <= SATURATED) > MOST_BLACK:
        return None
    lighter = shrunk(np.clip(grey - surface.picture, 0.0, 255.0).astype(np.uint8), SHADOW_SIDE)
    spot = closed(lighter, int(STROKES * max(lighter.shape)) | 1)
    depth = cv2.distanceTransform((spot > CLEAN_STEP).astype(np.uint8), cv2.DIST_L2, 5)
    if depth.max() <= LEAST_DEPTH * max(spot.shape):
        return None
    steps = np.asarray(cv2.morphologyEx(spot, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.uint8)
    edge = steps[steps > CLEAN_STEP / 2]
    is_soft = edge.size == 0 or percentile(edge, 75.0) <= SOFT * float(spot.max())
    return spot if is_soft else None


def _stronger_strokes(off: Grey, leaving: Mask, depth: Level) -> Mask | None:
    """Strokes that leave the surface by more than what is deepest does, if that does by enough to pass for ink."""
    deepest = float(depth.max())
    levels = off.astype(np.float32)
    strength = percentile(levels[depth >= DEEPEST_SHARE * deepest], 50.0)
    ink = percentile(levels[leaving > 0], 98.0)
    if not LEAST_STRENGTH * ink <= strength < MOST_STRENGTH * ink:
        return None
    strong = (off > (strength + ink) / 2).astype(np.uint8)
    is_deep = float(cv2.distanceTransform(strong, cv2.DIST_L2, 5).max()) > STRONG_SHARE * deepest
    return None if is_deep else strong


def _thin_strokes(leaving: Mask, deepest: float) -> Mask | None:
    """Strokes beside something much deeper that the picture's frame cuts."""
    size = 2 * round(THIN_SHARE * deepest) + 1
    thin = leaving - opened(leaving, size)
    return thin if cv2.countNonZero(thin) >= LEAST_THIN * cv2.countNonZero(leaving) else None
