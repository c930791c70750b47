"""Grey picture -> how far each pixel stands out from its ground, on the ink's side, as pure functions."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.bands import banded_ground
from app.curved_shadows import LEAST_REACH, bright_spot, is_round, strokes_in_shadow
from app.errors import NoInkError
from app.ground import (
    FLAT_GROUND,
    FRAME_PERCENTILE,
    SMALL_SIDE,
    Grey,
    Level,
    Mask,
    Surface,
    has_clean_frame,
    in_full_light,
    local_ground,
    longest,
    mean_depth,
    parted_ground,
    percentile,
    plain_ground,
    robust_deviation,
    smooth_ground,
)
from app.paper import without_dark_lines
from app.straight_shadows import shaded_ground

Response = npt.NDArray[np.float32]
"""float32 (height, width), how far each pixel stands out from its ground, in grey levels; never negative."""

LEAST_CONTRAST: Final = 10.0
"""Ink that stands out by fewer grey levels is not ink."""

NOISE_MULTIPLE: Final = 4.0
"""Ink stands out by at least this many standard deviations of the ground."""

DARK_PRIOR: Final = 2.0
"""Dark ink must be this much less likely than light ink to be taken for ground: most people write dark on light."""

FAINT_SHARE: Final = 0.5
"""Share of the ink threshold that is still ink where it is connected to ink (hysteresis, as in Canny, 1986)."""

EDGE_SHARE: Final = 0.4
"""What is left of shadows' edges is less than this share of the strongest ink."""

STRONGEST: Final = 99.7
"""Share of the picture, in percent, that may be fainter than it."""


def ink_response(grey: Grey) -> tuple[Response, bool]:
    """How far each pixel stands out from the ground on the ink's side, and whether that side is the dark one.

    The simplest ground that fits is taken: bands, shadows with straight edges, a smooth surface around the digit, one
    between its strokes, one grey, and else, or where there is a bright spot, whatever follows light of any shape.
    """
    picture = grey.astype(np.float32)
    bands = banded_ground(grey)
    if bands is not None:
        return _on_bands(picture, bands)
    paper, smooth = grey, smooth_ground(grey)
    is_clean = has_clean_frame(smooth)
    if not is_clean and (between := without_dark_lines(grey)) is not None:
        paper, smooth = between, smooth_ground(between)
        is_clean = has_clean_frame(smooth)
    if not is_clean:
        shaded = shaded_ground(paper)
        if shaded is not None:
            return _on_even_ground(picture, shaded, 0.0, dark=True)
    rest = percentile(smooth.rest, FRAME_PERCENTILE)
    # Without its rules, paper that a shadow crosses seems as flat as any.
    if rest <= FLAT_GROUND and (is_clean or paper is grey):
        return _on_smooth_ground(grey, picture, smooth, rest)
    # In tight crops strokes reach the frame.
    tight = parted_ground(grey) or plain_ground(grey)
    if tight is not None:
        return _on_even_ground(picture, tight[0], 0.0, tight[1])
    return _in_shadow(grey, picture, smooth, is_even=False) or _on_local_ground(grey, picture)


def ink_level(response: Response) -> float:
    """What parts strong ink from faint ink and the rest of what stands out (Otsu, 1979), in grey levels.

    Raises:
        NoInkError: nothing stands out.
    """
    standing_out = response[response > 0.0]
    if standing_out.size == 0:
        raise NoInkError("No ink was found: the picture is blank. Write the digit larger, darker, or closer.")
    ceiling = percentile(standing_out, 99.0)
    levels = np.minimum(standing_out * (255.0 / ceiling), 255.0).astype(np.uint8)
    threshold = float(cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])
    return threshold * ceiling / 255.0


def ink_mask(response: Response) -> Mask:
    """Threshold with hysteresis: 255 where ink is strong, and where it is faint and connected to that; else 0.

    Raises:
        NoInkError: nothing stands out.
    """
    threshold = ink_level(response)
    faint = (response > FAINT_SHARE * threshold).astype(np.uint8)
    count, labels = cv2.connectedComponents(faint, connectivity=8)
    shade = np.zeros(count, np.uint8)
    shade[labels[response >= threshold]] = 255
    shade[0] = 0
    return np.asarray(shade[labels], np.uint8)


def _on_bands(picture: Response, bands: Response) -> tuple[Response, bool]:
    # On a dark band ink may be light and on a light one dark.
    darker, lighter = (_standing_out(picture, bands, 0.0, side) for side in (True, False))
    response = np.maximum(in_full_light(darker, bands), in_full_light(lighter, 255.0 - bands))
    return response, float(darker.sum()) >= float(lighter.sum())


def _in_shadow(grey: Grey, picture: Response, smooth: Surface, *, is_even: bool = True) -> tuple[Response, bool] | None:
    """Strokes in shadows and beside them, on a ground that follows what is but a little wider than they are."""
    stroke = strokes_in_shadow(grey, smooth, is_even=is_even)
    if stroke is None:
        return None
    response = in_full_light(*_on_side(grey, picture, dark=True, stroke=stroke))
    # What is left of a shadow's edge is fainter than strokes.
    least = EDGE_SHARE * percentile(response, STRONGEST)
    return np.asarray(cv2.threshold(response, least, 0.0, cv2.THRESH_TOZERO)[1], np.float32), True


def _on_smooth_ground(grey: Grey, picture: Response, smooth: Surface, rest: float) -> tuple[Response, bool]:
    # Small pictures are many, and have neither.
    if max(grey.shape) > SMALL_SIDE:
        in_shadow = _in_shadow(grey, picture, smooth)
        if in_shadow is not None:
            return in_shadow
        spot = bright_spot(grey, smooth)
        if spot is not None:
            darker, likeness = _darker(grey, picture)
            # A flash's reflection may outweigh dark ink, but is no stroke.
            is_reflection = is_round(spot) and _reach(darker) >= LEAST_REACH * max(grey.shape)
            if is_reflection or likeness >= _stroke_likeness(spot.astype(np.float32)) * grey.size / spot.size:
                return darker, True
    residual = picture - smooth.picture
    # Ink is the minority: the residuals' third moment points to its side.
    return _on_even_ground(picture, smooth.picture, rest, dark=float(np.vdot(residual * residual, residual)) < 0.0)


def _on_even_ground(picture: Response, ground: Response, noise: float, dark: bool) -> tuple[Response, bool]:
    response = _standing_out(picture, ground, noise, dark)
    return (in_full_light(response, ground) if dark else response), dark


def _on_local_ground(grey: Grey, picture: Response) -> tuple[Response, bool]:
    darker, likeness = _darker(grey, picture)
    lighter, _ = _on_side(grey, picture, dark=False)
    return (darker, True) if likeness >= _stroke_likeness(lighter) else (lighter, False)


def _darker(grey: Grey, picture: Response) -> tuple[Response, float]:
    """What is darker than its local ground, and how likely it is ink, to compare with the likeness of lighter ink."""
    response, ground = _on_side(grey, picture, dark=True)
    lit = in_full_light(response, ground)
    # In full light everything dark grows; the comparison is fair at the light of the paper's brighter parts.
    light = percentile(ground, 75.0) / 255.0
    return lit, DARK_PRIOR * light * light * _stroke_likeness(lit)


def _on_side(grey: Grey, picture: Response, dark: bool, stroke: float | None = None) -> tuple[Response, Level]:
    """The response of one side and the local ground it stands out from."""
    ground = local_ground(grey, dark, stroke)
    # Closing finds the brightest of the paper's grain, opening the darkest.
    ground += np.float32(percentile(picture - ground, 50.0))
    return _standing_out(picture, ground, robust_deviation(picture - ground), dark), ground


def _standing_out(picture: Response, ground: Response, noise: float, dark: bool) -> Response:
    """The response of one side, zero where it drowns in the ground's own variation."""
    residual = ground - picture if dark else picture - ground
    least = np.float32(max(LEAST_CONTRAST, NOISE_MULTIPLE * noise))
    # OpenCV keeps what is above its threshold.
    below = float(np.nextafter(least, np.float32(0.0)))
    return np.asarray(cv2.threshold(residual, below, 0.0, cv2.THRESH_TOZERO)[1], np.float32)


def _stroke_likeness(response: Response) -> float:
    """High for strong thin lines that reach far, low for the blobs of ground between them."""
    ceiling = float(response.max())
    if ceiling == 0.0:
        return 0.0
    depth = mean_depth((response > ceiling / 2).astype(np.uint8))
    return float(np.vdot(response, response)) * (_reach(response) / depth) ** 2


def _reach(response: Response) -> int:
    """The longer side of the longest piece of what stands out most, in pixels."""
    return longest((response > float(response.max()) / 3).astype(np.uint8))
