"""Grey picture -> where the digit's ink is, whatever the paper and the light, as pure functions.

Ink is what stands out from the ground under it. The ground is a smooth surface or, where shadows have edges, a
grey-scale closing or opening; lines of ruled paper, specks and clutter are dropped, the separate strokes of one digit
stay.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.bands import banded_ground
from app.errors import NoInkError

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width), 0 black to 255 white."""

Mask = npt.NDArray[np.uint8]
"""uint8 (height, width), not zero where there is ink."""

Response = npt.NDArray[np.float32]
"""float32 (height, width), how far each pixel stands out from its ground, in grey levels; never negative."""

LEAST_CONTRAST: Final = 10.0
"""Ink that stands out by fewer grey levels is not ink."""

NOISE_MULTIPLE: Final = 4.0
"""Ink stands out by at least this many standard deviations of the ground."""

FRAME_PERCENTILE: Final = 70.0
"""Share of the picture's frame that must follow a smooth surface; ink and edges may take the rest."""

FLAT_GROUND: Final = 8.0
"""Grey levels by which it may leave that surface; beyond, there are shadows with edges."""

PLAIN_SHARE: Final = 0.3
"""Share of the frame that is ground, all of one grey, in a picture that ink fills."""

SATURATED_SHARE: Final = 0.15
"""The same where the ground is black or white."""

SMALL_SIDE: Final = 40
"""Pixels; pictures up to this size are crops of digits rather than photographs with shadows."""

SATURATED: Final = 4.0
"""Grey levels from black or white."""

FULL_INK: Final = 0.7
"""Half of the ink has at least this share of the contrast of the strongest."""

FULL_INK_SMALL: Final = 0.45
"""The same in small pictures, where strokes are all edge."""

DARKEST_GROUND: Final = 40.0
"""A ground darker than this counts as this bright, so that the noise of night is not taken for ink."""

DARK_PRIOR: Final = 2.0
"""Dark ink must be this much less likely than light ink to be taken for ground: most people write dark on light."""

GROUND_WINDOW: Final = 0.3
"""Window of the ground estimate, as a share of the shorter side: wider than strokes, narrower than shadows."""

RULE_RUN: Final = 0.2
"""A rule is made of straight runs at least this long, as a share of the picture."""

RULE_SPAN: Final = 0.95
"""A rule goes from edge to edge, or nearly: at least this share of the picture."""

LEAST_RUN: Final = 12
"""Pictures in which a run would be shorter than this, in pixels, are too small to have rules."""

LEAST_RULES: Final = 3
"""So many rules with next to nothing beside them are an empty sheet; fewer may be strokes of a digit."""

SPECK_SHARE: Final = 0.1
"""Next to nothing: fewer pixels than a hairline as long as this share of the picture."""

RULE_CONTRAST: Final = 0.75
"""Rules stand out by at most this share of what the ink does."""

FAINT_SHARE: Final = 0.5
"""Share of the ink threshold that is still ink where it is connected to ink (hysteresis, as in Canny, 1986)."""

LEAST_PIECE: Final = 0.02
"""A separate piece of ink smaller than this share of the digit is a speck."""

SPECK: Final = 0.08
"""The same where there are many specks: dirt, or a noisy picture."""

MANY_SPECKS: Final = 10

NEAR: Final = 0.4
"""A separate piece belongs to the digit when it is no farther away than this share of the digit's length so far."""

NEAR_AT_EDGE: Final = 0.05
"""The same for pieces that the picture's edge cuts: they are more often clutter than ink."""

# Pictures are small and the service's threads are its own: OpenCV's would only get in their way.
cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True)
class Ink:
    """The ink of a digit."""

    response: Response
    """How far everything on the picture stands out from its ground."""
    strokes: Grey
    """The digit alone, white on black, with the soft edges of its strokes."""
    mask: Mask
    """The same, sharp."""
    dark: bool
    """Whether it is darker than its ground."""


def find_ink(grey: Grey) -> Ink:
    """Find the ink of the digit in a grey picture.

    Args:
        grey: uint8 (height, width), ink darker or lighter than its ground.

    Raises:
        NoInkError: nothing on the picture stands out from its ground.
    """
    response, dark = _ink_response(grey)
    response = _without_rules(response)
    mask = _find_digit(_threshold(response))
    return Ink(response, _stroke_picture(response, mask), mask, dark)


def mean_depth(mask: Mask) -> float:
    """Mean distance of the ink's pixels to the nearest pixel without ink; outside the picture there is none."""
    surrounded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(surrounded, cv2.DIST_L2, 3)
    return float(distance[distance > 0].mean())


def _ink_response(grey: Grey) -> tuple[Response, bool]:
    """How far each pixel stands out from the ground on the ink's side, and whether that side is the dark one.

    The simplest ground that fits is taken: bands, a smooth surface, one grey, and else whatever follows shadows.
    """
    picture = grey.astype(np.float32)
    bands = banded_ground(grey)
    if bands is not None:
        return _on_bands(picture, bands)
    smooth, rest = _smooth_ground(grey)
    if rest <= FLAT_GROUND:
        return _on_smooth_ground(picture, smooth, rest)
    plain = _plain_ground(grey)
    if plain is not None:
        return _on_plain_ground(picture, plain)
    return _on_local_ground(grey, picture)


def _on_bands(picture: Response, bands: Response) -> tuple[Response, bool]:
    # On a dark band ink may be light and on a light one dark.
    darker, lighter = (_standing_out(picture, bands, 0.0, side) for side in (True, False))
    response = np.maximum(_in_full_light(darker, bands), _in_full_light(lighter, 255.0 - bands))
    return response, float(darker.sum()) >= float(lighter.sum())


def _on_smooth_ground(picture: Response, smooth: Response, rest: float) -> tuple[Response, bool]:
    residual = picture - smooth
    # Ink is the minority: the residuals' third moment points to its side.
    dark = float(np.vdot(residual * residual, residual)) < 0.0
    response = _standing_out(picture, smooth, rest, dark)
    return (_in_full_light(response, smooth) if dark else response), dark


def _on_plain_ground(picture: Response, ground: float) -> tuple[Response, bool]:
    dark = ground > float(picture.mean())
    level = np.full_like(picture, ground)
    response = _standing_out(picture, level, 0.0, dark)
    return (_in_full_light(response, level) if dark else response), dark


def _on_local_ground(grey: Grey, picture: Response) -> tuple[Response, bool]:
    sides = []
    for dark in (True, False):
        ground = _local_ground(grey, dark)
        # Closing finds the brightest of the paper's grain, opening the darkest.
        ground += np.median(picture - ground)
        noise = _robust_deviation(picture - ground)
        sides.append((_standing_out(picture, ground, noise, dark), ground))
    lit = _in_full_light(*sides[0])
    # In full light everything dark grows; the comparison is fair at the light of the paper's brighter parts.
    light = float(np.percentile(sides[0][1], 75.0)) / 255.0
    dark = DARK_PRIOR * light * light * _stroke_likeness(lit) >= _stroke_likeness(sides[1][0])
    return (lit, True) if dark else (sides[1][0], False)


def _standing_out(picture: Response, ground: Response, noise: float, dark: bool) -> Response:
    """The response of one side, zero where it drowns in the ground's own variation."""
    residual = ground - picture if dark else picture - ground
    least = max(LEAST_CONTRAST, NOISE_MULTIPLE * noise)
    return np.where(residual >= least, residual, np.float32(0.0))


def _in_full_light(response: Response, ground: Response) -> Response:
    """Dark ink takes its share of the light there is: in relation to its ground, ink in a shadow counts like any.

    Light ink on a dark band of the picture is the same upside down.
    """
    return np.asarray(response * (255.0 / np.maximum(ground, DARKEST_GROUND)), np.float32)


def _stroke_likeness(response: Response) -> float:
    """High for strong thin lines that reach far, low for the blobs of ground between them."""
    ceiling = float(response.max())
    if ceiling == 0.0:
        return 0.0
    depth = mean_depth((response > ceiling / 2).astype(np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats((response > ceiling / 3).astype(np.uint8), connectivity=8)
    reach = float(stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max())
    return float(np.vdot(response, response)) * (reach / depth) ** 2


def _plain_ground(grey: Grey) -> float | None:
    """The grey of the ground where ink takes much of the picture's frame, as in tight crops; None if it has no single one.

    Shadows too have few greys: in larger pictures only black and white pass for the ground, and only full ink for ink.
    """
    frame = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]]).astype(np.float32)
    levels = [float(level) for level in np.percentile(frame, [5.0, 95.0])]
    shares = [float((np.abs(frame - level) <= FLAT_GROUND).mean()) for level in levels]
    best = int(np.argmax(shares))
    ground = levels[best]
    is_small = max(grey.shape) <= SMALL_SIDE
    is_saturated = min(ground, 255.0 - ground) <= SATURATED
    if shares[best] < (SATURATED_SHARE if is_saturated else PLAIN_SHARE) or not (is_small or is_saturated):
        return None
    contrast = np.abs(grey.astype(np.float32) - ground)
    ink = contrast[contrast > FLAT_GROUND]
    full = FULL_INK_SMALL if is_small else FULL_INK
    return ground if float(np.median(ink)) >= full * float(np.percentile(ink, 99.0)) else None


def _smooth_ground(grey: Grey) -> tuple[Response, float]:
    """A quadratic surface through the picture's frame, which is mostly ground, and how far the frame leaves it.

    Iteratively reweighted least squares with Cauchy's weights, so that ink that reaches the frame counts little.
    """
    height, width = grey.shape
    band = max(1, min(height, width) // 16)
    frame = np.zeros(grey.shape, bool)
    frame[:band], frame[-band:], frame[:, :band], frame[:, -band:] = True, True, True, True
    rows, columns = np.nonzero(frame)
    stride = max(1, len(rows) // 512)
    rows, columns = rows[::stride], columns[::stride]
    basis = _quadratic(columns / max(width - 1, 1), rows / max(height - 1, 1))
    values = grey[rows, columns].astype(np.float64)
    fit: npt.NDArray[np.float64] = np.zeros(basis.shape[1])
    fit[0] = np.median(values)
    for _ in range(4):
        residual = values - basis @ fit
        weights = 1.0 / (1.0 + (residual / (2.0 * max(_robust_deviation(residual), 1.0))) ** 2)
        weighted = basis * weights[:, None]
        normal = weighted.T @ basis + 1e-6 * np.eye(len(fit))
        fit = np.asarray(np.linalg.solve(normal, weighted.T @ values), np.float64)
    rest = float(np.percentile(np.abs(values - basis @ fit), FRAME_PERCENTILE))
    constant, x1, y1, x2, xy, y2 = fit.astype(np.float32)
    x = np.linspace(0.0, 1.0, width, dtype=np.float32)[None, :]
    y = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    return (constant + (x1 + x2 * x) * x) + (y1 + y2 * y) * y + (xy * y) * x, rest


def _robust_deviation(residual: npt.NDArray[np.floating]) -> float:
    """The standard deviation of what is normal in a residual, from its median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(residual)))


def _quadratic(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def _local_ground(grey: Grey, dark: bool) -> Response:
    """The ground under the ink by grey-scale closing (dark ink) or opening (light ink): follows shadow edges."""
    window = max(3, int(min(grey.shape) * GROUND_WINDOW) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (window, window))
    ground = cv2.morphologyEx(cv2.medianBlur(grey, 3), cv2.MORPH_CLOSE if dark else cv2.MORPH_OPEN, kernel)
    return cv2.GaussianBlur(ground, (0, 0), max(0.5, window / 24)).astype(np.float32)


def _without_rules(response: Response) -> Response:
    """Drop the lines of ruled and squared paper: straight, from edge to edge, and fainter than the ink.

    Where ink crosses a rule it is darker than the rule and stays. Several rules with nothing beside them are an empty
    sheet.
    """
    standing_out = (response > 0.0).astype(np.uint8)
    along, lines_along = _rules(standing_out)
    across, lines_across = _rules(standing_out.T)
    rules = along | across.T
    if lines_along + lines_across == 0:
        return response
    beside = response[(standing_out > 0) & (cv2.dilate(rules, np.ones((3, 3), np.uint8)) == 0)]
    if beside.size < SPECK_SHARE * max(response.shape):
        return np.zeros_like(response) if lines_along + lines_across >= LEAST_RULES else response
    level = float(np.percentile(response[rules > 0], 30.0))
    ink = float(np.percentile(beside, 95.0))
    if level > RULE_CONTRAST * ink:
        return response
    return np.where((rules > 0) & (response < (level + ink) / 2), np.float32(0.0), response)


def _rules(standing_out: Mask) -> tuple[Mask, int]:
    """The nearly horizontal lines from the left edge to the right one, 1 and 0, and how many they are."""
    width = standing_out.shape[1]
    run = int(width * RULE_RUN)
    if run < LEAST_RUN:
        return np.zeros_like(standing_out), 0
    # A rule that leans a little climbs from row to row: runs are looked for in bands of three rows.
    band = cv2.dilate(standing_out, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    if not runs.any():
        return np.zeros_like(standing_out), 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    spans = stats[:, cv2.CC_STAT_WIDTH] >= RULE_SPAN * width
    spans[0] = False
    return np.asarray(spans[labels] & standing_out, np.uint8), int(spans.sum())


def _threshold(response: Response) -> Mask:
    """Threshold with hysteresis: strong ink, and the faint ink that is connected to it.

    Raises:
        NoInkError: no pixel stands out.
    """
    standing_out = response[response > 0.0]
    if standing_out.size == 0:
        raise NoInkError("No ink was found: the picture is blank. Write the digit larger, darker, or closer.")
    ceiling = float(np.percentile(standing_out, 99.0))
    levels = np.clip(standing_out * (255.0 / ceiling), 0, 255).astype(np.uint8)
    threshold = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] * ceiling / 255.0
    faint = (response > FAINT_SHARE * threshold).astype(np.uint8)
    count, labels = cv2.connectedComponents(faint, connectivity=8)
    strong = np.zeros(count, bool)
    strong[np.unique(labels[response >= threshold])] = True
    strong[0] = False
    return np.where(strong[labels], 255, 0).astype(np.uint8)


def _find_digit(ink: Mask) -> Mask:
    """Keep the pieces that make up the digit: the main one, and others that are neither specks nor clutter."""
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(ink, connectivity=8)
    if count <= 2:
        return ink
    height, width = ink.shape
    area = stats[1:, cv2.CC_STAT_AREA].astype(float)
    left, top = stats[1:, cv2.CC_STAT_LEFT], stats[1:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[1:, cv2.CC_STAT_WIDTH], top + stats[1:, cv2.CC_STAT_HEIGHT]
    extent = np.maximum(right - left, bottom - top).astype(float)
    cut = (left == 0) | (top == 0) | (right == width) | (bottom == height)
    off_centre = np.hypot(centroids[1:, 0] / width - 0.5, centroids[1:, 1] / height - 0.5)
    main = int(np.argmax(extent * np.sqrt(area) * np.where(cut, 0.35, 1.0) * (1.0 - off_centre)))
    least = LEAST_PIECE if (area < SPECK * area[main]).sum() < MANY_SPECKS else SPECK
    part = np.zeros(count - 1, bool)
    joining = np.zeros(count - 1, bool)
    joining[main] = True
    while joining.any():
        part |= joining
        near_left, near_right = left[part].min(), right[part].max()
        near_top, near_bottom = top[part].min(), bottom[part].max()
        reach = np.where(cut, NEAR_AT_EDGE, NEAR) * max(near_right - near_left, near_bottom - near_top)
        gap_x = np.maximum(np.maximum(near_left - right, left - near_right), 0)
        gap_y = np.maximum(np.maximum(near_top - bottom, top - near_bottom), 0)
        joining = ~part & (area >= least * area[main]) & (np.hypot(gap_x, gap_y) < reach)
    keep = np.concatenate([[False], part])
    return np.where(keep[labels], 255, 0).astype(np.uint8)


def _stroke_picture(response: Response, mask: Mask) -> Grey:
    """The digit alone, white on black, with the soft edges of its strokes."""
    level = float(np.percentile(response[mask > 0], 60.0))
    around = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    return np.where(around > 0, np.clip(response * (255.0 / level), 0, 255), 0).astype(np.uint8)
