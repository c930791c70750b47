"""What lies under the ink: estimates of a picture's ground, from the simplest to the most supple."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from app.discs import closed, opened

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width), 0 black to 255 white."""

Mask = npt.NDArray[np.uint8]
"""uint8 (height, width), not zero where there is ink."""

Level = npt.NDArray[np.float32]
"""float32 (height, width), the ground's grey under each pixel; (1, 1) where it is the same everywhere."""

Sample = TypeVar("Sample", bound=np.generic)

Coordinates = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

FRAME_PERCENTILE: Final = 70.0
"""Share of the picture's frame that must follow a smooth surface; ink and edges may take the rest."""

MOST_SAMPLES: Final = 512
"""So many samples and up to twice as many tell as much of a surface as all pixels."""

CLEAN_STEP: Final = 16.0
"""Grey levels by which ink and shadows leave that surface, and grain does not."""

CLEAN_SHARE: Final = 0.03
"""Share of the frame that does so at most where neither ink nor a shadow reaches it."""

FLAT_GROUND: Final = 8.0
"""Grey levels by which it may leave that surface; beyond, there are shadows with edges."""

PLAIN_SHARE: Final = 0.3
"""Share of the frame that is ground, all of one grey, in a small picture that ink fills."""

SATURATED_SHARE: Final = 0.15
"""The same where the ground is black or white."""

SATURATED: Final = 4.0
"""Grey levels from black or white; what is photographed is seldom nearer, a canvas is."""

SMALL_SIDE: Final = 40
"""Pixels; pictures up to this size are crops of digits rather than photographs with shadows."""

FULL_INK: Final = 0.45
"""Half of the ink has at least this share of the contrast of the strongest, even where strokes are all edge."""

SCANNED: Final = 0.95
"""Share of a picture's pixels that are black or white where it has no greys but at the edges of strokes."""

STROKE_DEPTH: Final = 0.18
"""Greatest depth of strokes, as a share of the picture's longer side: half of most pens. Shadows are deeper."""

BOLD_DEPTH: Final = 0.28
"""The same of the boldest pens."""

BOLD_INK: Final = 0.92
"""Three quarters of a bold pen's ink have at least this share of the contrast of the strongest; of a shadow and the
strokes in it or beside it, less have."""

GRAIN_SIDE: Final = 5
"""Pixels over which grain evens out; at GROUND_SIDE even the soft edges of strokes are wider."""

SOFT_SHARE: Final = 0.03
"""Width of the soft edges of strokes, as a share of the picture's longer side."""

BAR_SHARE: Final = 0.9
"""Share of an edge along which a bar lies at least."""

EVEN_SHARE: Final = 0.15
"""Ground that leaves a smooth surface by at most this share of the ink's contrast is one all the same."""

SLOPE_SHARE: Final = 0.4
"""From its darkest to its brightest, uneven ground differs by at most this share of the ink's contrast; fog by more."""

PIECE_SHARE: Final = 0.01
"""Area of what counts as a piece of ink or ground, as a share of the picture."""

GROUND_WINDOW: Final = 0.3
"""Window of the ground estimate, as a share of the shorter side: wider than strokes, narrower than shadows."""

WIDER: Final = 1.6
"""So many times as wide as known strokes is the window, and by MARGIN pixels more."""

MARGIN: Final = 4

DARKEST_GROUND: Final = 40.0
"""A ground darker than this counts as this bright, so that the noise of night is not taken for ink."""

_SQUARE: Final = np.ones((3, 3), np.uint8)

_RIDGE: Final = 1e-6 * np.eye(6)
"""Added to the normal equations, so that few samples have one solution too."""

_KNOWN_SHAPES: Final = 8
"""Who sends many pictures sends them in few sizes: for so many of them, what depends on the size alone is kept."""

GROUND_SIDE: Final = 384
"""Pixels of the longer side at which strokes are told from ground and shadows are followed; in larger pictures it would
take seconds."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A smooth surface through samples."""

    picture: Level
    """Its grey levels; (1, 1) where it is flat, which broadcasts."""
    rest: Coordinates
    """How far each sample is from it, in grey levels."""


def smooth_ground(grey: Grey) -> Surface:
    """A quadratic surface through the picture's frame, which is mostly ground."""
    rows, columns, basis = _frame_samples(grey.shape)
    return fit_surface(basis, grey[rows, columns].astype(np.float64), grey.shape)


def has_clean_frame(surface: Surface) -> bool:
    """Whether neither ink nor a shadow reaches a picture's frame, through which the surface was laid."""
    return bool(np.count_nonzero(surface.rest > CLEAN_STEP) <= CLEAN_SHARE * surface.rest.size)


def may_have_shadows(grey: Grey) -> bool:
    """Whether what is dark in a picture may be a shadow: in none of a few pixels, nor in one in black and white."""
    return max(grey.shape) > SMALL_SIDE and bool(np.mean((grey <= SATURATED) | (grey >= 255 - SATURATED)) < SCANNED)


def fit_surface(basis: Coordinates, values: Coordinates, shape: tuple[int, int]) -> Surface:
    """A quadratic surface through samples of a picture, most of them ground.

    Iteratively reweighted least squares with Cauchy's weights, so that ink among the samples counts little.

    Args:
        basis: `quadratic_basis` of the samples.
        values: the samples, grey levels, float64 (n,).
        shape: height and width of the surface, in pixels.
    """
    if values.min() == values.max():
        return Surface(np.full((1, 1), values[0], np.float32), np.zeros_like(values))
    fit: npt.NDArray[np.float64] = np.zeros(basis.shape[1])
    fit[0] = percentile(values, 50.0)
    for _ in range(4):
        residual = values - basis @ fit
        weights = 1.0 / (1.0 + (residual / (2.0 * max(robust_deviation(residual), 1.0))) ** 2)
        weighted = basis.T * weights
        # OpenCV's solver: with six unknowns the checks around LAPACK's take longer than the work.
        _, solved = cv2.solve(weighted @ basis + _RIDGE, (weighted @ values)[:, None], flags=cv2.DECOMP_CHOLESKY)
        fit = np.asarray(solved, np.float64)[:, 0]
    constant, x1, y1, x2, xy, y2 = fit.astype(np.float32)
    x, y = _axes(shape)
    picture = (constant + (x1 + x2 * x) * x) + (y1 + y2 * y) * y + (xy * y) * x
    return Surface(picture, np.abs(values - basis @ fit))


def quadratic_basis(rows: Coordinates, columns: Coordinates) -> Coordinates:
    """What a quadratic surface is composed of, at samples of a picture: float64 (n, 6).

    Args:
        rows: of the samples, float64 (n,), 0 at the top edge to 1 at the bottom one.
        columns: the same from left to right.
    """
    return np.stack([np.ones_like(columns), columns, rows, columns * columns, columns * rows, rows * rows], axis=1)


@lru_cache(_KNOWN_SHAPES)
def _frame_samples(shape: tuple[int, int]) -> tuple[Places, Places, Coordinates]:
    """Rows and columns of samples of the frame of pictures of one shape, and the basis there."""
    height, width = shape
    band = max(1, min(height, width) // 16)
    frame = np.zeros(shape, bool)
    frame[:band], frame[-band:], frame[:, :band], frame[:, -band:] = True, True, True, True
    rows, columns = np.nonzero(frame)
    stride = max(1, len(rows) // MOST_SAMPLES)
    # In step with the pixels that rows have at both sides, all samples would lie at one of them.
    while math.gcd(stride, 2 * band) > 1:
        stride += 1
    rows, columns = rows[::stride], columns[::stride]
    return rows, columns, _basis_at(rows, columns, shape)


def _basis_at(rows: Places, columns: Places, shape: tuple[int, ...]) -> Coordinates:
    """`quadratic_basis` at pixels of a picture: float64 (n, 6)."""
    height, width = shape
    return quadratic_basis(rows / max(height - 1, 1), columns / max(width - 1, 1))


@lru_cache(_KNOWN_SHAPES)
def _axes(shape: tuple[int, int]) -> tuple[Level, Level]:
    """Columns, (1, width), and rows, (height, 1), of pictures of one shape, from 0 to 1."""
    height, width = shape
    x = np.linspace(0.0, 1.0, width, dtype=np.float32)[None, :]
    return x, np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]


def parted_ground(grey: Grey) -> tuple[Level, bool] | None:
    """The ground of a picture that strokes part into ink and ground (Otsu, 1979); None if they do not.

    Where strokes reach the edges, as in tight crops, the frame tells little of the ground. The ink is the part with the
    lesser product of thickness, number of pieces, and share of the frame; it is nowhere as thick as a shadow, or nearly
    so and of one grey. The ground is as even as paper.

    Returns:
        A smooth surface through the ground, grey levels, float32 (height, width), or (1, 1) where it is flat, and
        whether the ink is darker.
    """
    small = shrunk(grey, GROUND_SIDE)
    height, width = small.shape
    longer = max(height, width)
    is_small = longer <= SMALL_SIDE
    may_be_shadow = may_have_shadows(small)
    ink, ground, dark = _parts(small)
    if may_be_shadow and ink.deepest > BOLD_DEPTH * longer:
        return None
    # What lies along the edges alone, or along a whole one beside other ink, is padding or a shadow.
    if not (ink.mask[height // 2].any() and ink.mask[:, width // 2].any()) or ink.has_bar:
        return None
    # The soft edges of strokes are neither.
    size = max(3, int(SOFT_SHARE * longer) | 1)
    kernel = np.ones((size, size), np.uint8)
    rows, columns = np.nonzero(cv2.erode(ground.mask, kernel))
    if not rows.size:
        return None
    # Every so many pixels may lie in one column.
    picked = np.random.default_rng(0).integers(len(rows), size=MOST_SAMPLES)
    rows, columns = rows[picked], columns[picked]
    surface = fit_surface(_basis_at(rows, columns, small.shape), small[rows, columns].astype(np.float64), small.shape)
    residual = np.abs(small - surface.picture)
    contrast = float(residual[ink.mask > 0].mean())
    if may_be_shadow and ink.deepest > STROKE_DEPTH * longer:
        # Without grain, and in relation to its ground: sidelight takes from both alike.
        evened = cv2.blur(residual, (GRAIN_SIDE, GRAIN_SIDE)) / np.maximum(surface.picture if dark else 1.0, 1.0)
        full = evened[cv2.erode(ink.mask, kernel) > 0]
        if percentile(full, 25.0) < BOLD_INK * percentile(full, 98.0):
            return None
    slope = float(np.ptp(surface.picture))
    # What is uneven may be grain or a soft edge, what slopes may be sidelight; fog over a small picture is both.
    is_fog = is_small and slope > SLOPE_SHARE * contrast
    most = FLAT_GROUND if is_fog else max(FLAT_GROUND, EVEN_SHARE * contrast)
    if percentile(surface.rest, FRAME_PERCENTILE) > most or slope > contrast:
        return None
    is_whole = small is grey or surface.picture.size == 1
    return surface.picture if is_whole else np.asarray(cv2.resize(surface.picture, grey.shape[::-1]), np.float32), dark


def is_cut_by_strokes(grey: Grey) -> bool:
    """Whether strokes reach a picture's edges and are all its ink, none of it as deep as a shadow or a sheet."""
    if has_clean_frame(smooth_ground(grey)):
        return False
    ink, _, _ = _parts(grey)
    return ink.deepest <= BOLD_DEPTH * max(grey.shape) and not ink.has_bar


def _parts(grey: Grey) -> tuple["_Part", "_Part", bool]:
    """Ink and ground of a picture, parted by Otsu's threshold, and whether the ink is darker."""
    _, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    parts = [_Part.of(np.asarray(part, np.uint8)) for part in (cv2.bitwise_not(light), light)]
    dark = parts[0].bulk <= parts[1].bulk
    ink, ground = parts if dark else reversed(parts)
    return ink, ground, dark


@dataclass(frozen=True, slots=True)
class _Part:
    """The lighter or the darker part of a picture."""

    mask: Mask
    deepest: float
    """Greatest distance of its pixels to the other part, in pixels; it goes on beyond the picture's edges."""
    has_bar: bool
    """Whether one of several pieces lies along a whole edge of the picture."""
    bulk: float
    """Mean of these distances, times the number of its pieces, times its share of the picture's frame: small for the
    connected strokes of a digit, which reach the edges here and there."""

    @classmethod
    def of(cls, mask: Mask) -> "_Part":
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        pieces = int((stats[1:, cv2.CC_STAT_AREA] >= PIECE_SHARE * mask.size).sum())
        edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
        has_bar = pieces > 1 and any(np.bincount(edge)[1:].max(initial=0) >= BAR_SHARE * edge.size for edge in edges)
        share = float((frame_of(mask) > 0).mean())
        bulk = cv2.mean(distance, mask)[0] * pieces * share
        return cls(mask, float(distance.max()), has_bar, bulk)


def plain_ground(grey: Grey) -> tuple[Level, bool] | None:
    """The one grey of the ground of a small picture that ink fills, and whether the ink is darker; None if it has none.

    In larger pictures what has few greys may be a shadow.
    """
    if max(grey.shape) > SMALL_SIDE:
        return None
    frame = frame_of(grey).astype(np.float32)
    levels = [percentile(frame, share) for share in (5.0, 95.0)]
    shares = [float((np.abs(frame - level) <= FLAT_GROUND).mean()) for level in levels]
    best = int(np.argmax(shares))
    ground = levels[best]
    is_saturated = min(ground, 255.0 - ground) <= SATURATED
    if shares[best] < (SATURATED_SHARE if is_saturated else PLAIN_SHARE):
        return None
    contrast = np.abs(grey - np.float32(ground))
    ink = contrast[contrast > min(FLAT_GROUND, float(contrast.max()) / 2)]
    if percentile(ink, 50.0) < FULL_INK * float(ink.max()):
        return None
    return np.full((1, 1), ground, np.float32), ground > float(grey.mean())


def frame_of(picture: npt.NDArray[Sample]) -> npt.NDArray[Sample]:
    """The outermost pixels of a picture, each once where it has two rows and columns: (height, width) -> (n,)."""
    return np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])


def steepness(picture: Grey) -> Grey:
    """By how much the brightest of each 3x3 pixels exceeds the darkest: uint8 (height, width)."""
    return np.asarray(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _SQUARE), np.uint8)


def in_full_light(response: Level, ground: Level) -> Level:
    """Dark ink takes its share of the light there is: in relation to its ground, ink in a shadow counts like any.

    Light ink on a dark band of the picture is the same upside down.

    Args:
        response: how far each pixel stands out, in grey levels, float32 (height, width).
        ground: what it stands out from.
    """
    return np.asarray(response * (255.0 / np.maximum(ground, DARKEST_GROUND)), np.float32)


def local_ground(grey: Grey, dark: bool, stroke: float | None = None) -> Level:
    """The ground under the ink by grey-scale closing (dark ink) or opening (light ink): follows shadow edges.

    Args:
        grey: uint8 (height, width).
        dark: whether the ink is darker than its ground.
        stroke: width of strokes, as a share of the longer side, to follow shadows that are hardly wider; None if it is
            not known.
    """
    small = shrunk(grey, GROUND_SIDE)
    size = min(small.shape) * GROUND_WINDOW if stroke is None else WIDER * stroke * max(small.shape) + MARGIN
    window = max(3, int(size) | 1)
    evened = np.asarray(cv2.medianBlur(small, 3), np.uint8)
    ground = closed(evened, window) if dark else opened(evened, window)
    soft = cv2.GaussianBlur(ground, (0, 0), max(0.5, window / 24)).astype(np.float32)
    return np.asarray(soft if small is grey else cv2.resize(soft, grey.shape[::-1]), np.float32)


def shrunk(grey: Grey, side: int) -> Grey:
    """At most `side` pixels on the longer side: uint8 (height, width); a smaller picture stays as it is."""
    scale = max(grey.shape) / side
    if scale <= 1.0:
        return grey
    height, width = grey.shape
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def percentile(values: npt.NDArray[np.floating] | Grey, share: float) -> float:
    """As np.percentile of all values, share from 0 to 100, without the checks, which take longer than the work."""
    place = (values.size - 1) * share / 100.0
    below = int(place)
    above = min(below + 1, values.size - 1)
    ordered = np.partition(values, (below, above), axis=None)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * (place - below)


def robust_deviation(residual: npt.NDArray[np.floating]) -> float:
    """The standard deviation of what is normal in a residual, from its median absolute deviation."""
    return 1.4826 * percentile(np.abs(residual), 50.0)


def uncut(ink: Mask, around: Mask | None = None) -> Mask:
    """The connected pieces of ink, 0 or 255, that do not reach the picture's frame, or what is not 0 in a mask."""
    count, labels = cv2.connectedComponents(ink, connectivity=8)
    reached = frame_of(np.asarray(labels)) if around is None else labels[around > 0]
    shade = np.full(count, 255, np.uint8)
    shade[np.unique(reached)] = 0
    shade[0] = 0
    return np.asarray(shade[labels], np.uint8)


def longest(mask: Mask) -> int:
    """The longer side of the longest connected piece, in pixels."""
    stats = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    return int(stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(initial=0))


def mean_depth(mask: Mask) -> float:
    """Mean distance of the ink's pixels to the nearest pixel without ink; outside the picture there is none."""
    surrounded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(surrounded, cv2.DIST_L2, 3)
    return cv2.mean(distance, surrounded)[0]


def stroke_width(mask: Mask) -> float:
    """Width of strokes in pixels: the mean distance to the edge of a strip is a quarter of it, from pixels' middles."""
    return 4.0 * (mean_depth(mask) - 0.5)
