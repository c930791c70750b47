"""Whether shadows of any shape reach a picture's frame: of a hand, a head, a telephone.

A smooth surface through the frame takes no notice of them where they are on less than a third of it.
"""

from typing import Final

import cv2
import numpy as np

from app.ground import CLEAN_STEP, SMALL_SIDE, Grey, Level, Mask, Surface, frame_of, percentile

SHADOW_SIDE: Final = 80
"""Pixels of the longer side at which shadows are told from strokes, without grain."""

LEAST_DEPTH: Final = 0.05
"""Depth of shadows at least, as a share of the picture's longer side; fainter things that are less deep may be ink."""

DEEPEST_SHARE: Final = 0.7
"""Pixels of at least this share of the greatest depth there is show how strong the deepest of all is."""

MOST_STRENGTH: Final = 0.85
"""A shadow or a glare leaves the surface by at most this share of what the ink does; bold ink is as strong as any."""

DARK_DEPTH: Final = 0.08
"""Depth of shadows as dark as the ink at least, where the picture's frame cuts them."""

THIN_SHARE: Final = 0.35
"""Beside such a shadow there are strokes less deep than this share of it."""

LEAST_THIN: Final = 0.05
"""Share of all that leaves the surface that they are at least."""


def has_shadow(grey: Grey, surface: Surface) -> bool:
    """Whether a shadow or a glare leaves the smooth surface through a picture's frame.

    It is deeper than strokes, and fainter than the ink; or as dark, but where the frame cuts it deeper than any.

    Args:
        grey: uint8 (height, width).
        surface: `app.ground.smooth_ground` of it.
    """
    longer = max(grey.shape)
    if longer <= SMALL_SIDE:
        return False
    off = cv2.absdiff(grey.astype(np.float32), np.broadcast_to(surface.picture, grey.shape))
    scale = SHADOW_SIDE / longer
    small = np.asarray(cv2.resize(off, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)
    leaving = (small > CLEAN_STEP).astype(np.uint8)
    depth = np.asarray(cv2.distanceTransform(leaving, cv2.DIST_L2, 5), np.float32)
    return _is_faint(small, leaving, depth) or _is_beside_strokes(leaving, depth)


def _is_faint(off: Level, leaving: Mask, depth: Level) -> bool:
    """Whether the deepest of what leaves the surface does so by less than the strongest."""
    deepest = float(depth.max())
    if deepest <= LEAST_DEPTH * SHADOW_SIDE:
        return False
    strength = percentile(off[depth >= DEEPEST_SHARE * deepest], 50.0)
    return strength < MOST_STRENGTH * percentile(off[leaving > 0], 98.0)


def _is_beside_strokes(leaving: Mask, depth: Level) -> bool:
    """Whether there are strokes beside something deep that the picture's frame cuts."""
    deepest = float(frame_of(depth).max())
    if deepest <= DARK_DEPTH * SHADOW_SIDE:
        return False
    size = 2 * round(THIN_SHARE * deepest) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    thin = cv2.morphologyEx(leaving, cv2.MORPH_TOPHAT, kernel)
    return cv2.countNonZero(thin) >= LEAST_THIN * cv2.countNonZero(leaving)
