"""A picture's colours -> the one grey in which its ink shows best, as a pure function."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from PIL import Image

from app.ground import Grey, Mask, percentile, shrunk, steepness

Colours = Sequence[Grey]
"""Red, green and blue."""

Gains = tuple[float, float, float]
"""What red, green and blue are multiplied by for paper to be grey."""

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

LEAST_SIDE: Final = 96
"""Pixels; smaller pictures are crops of digits in even light, and their colours are coarser than their greys."""

LOOK_SIDE: Final = 192
"""Pixels of the longer side at which coloured ink is told from shadows and from what is written in grey."""

NIGHT: Final = 16
"""Grey levels added to each colour, so that dark pixels have none by chance."""

PAPER: Final = 230
"""The level of what has the paper's colour; white is for canvases."""

WINDOW: Final = 0.14
"""What is narrower than this share of the longer side may be strokes."""

VIVID: Final = 40.0
"""Levels by which coloured ink stands out from paper at least."""

VIVIDER: Final = 1.2
"""It stands out by so many times as many as in the luma."""

LEAST_REACH: Final = 0.06
"""Length of a coloured stroke at least, as a share of the longer side."""

UNEVEN: Final = 12.0
"""Grey levels between the darkest and the brightest ground at least where coloured ink is looked for."""

UNEVEN_SHARE: Final = 0.25
"""The same as a share of what ink stands out by in the luma; more even ground hides nothing."""

OTHER_EDGE: Final = 1 / 3
"""Edges of this share of the coloured ink's steepness, or of more, may be those of other ink."""

MOST_OTHER: Final = 0.15
"""Share of such edges around something narrow, in relation to the coloured ink's, beyond which there is other ink."""

MOST_EDGES: Final = 3.0
"""The same of all such edges: those of a sheet on a grey table are so many, those of a bold digit more."""

_SQUARE: Final = np.ones((3, 3), np.uint8)
_NEAR: Final = np.ones((5, 5), np.uint8)


def clearest(image: Image.Image) -> Image.Image:
    """The luma, or the one colour in which ink shows far better: yellow ink on white, orange ink on blue squares.

    Where the ground is uneven and all ink is coloured, it is how far each pixel has the paper's colour: grey shadows,
    light that falls off and grey tables have, whatever their brightness.

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
    if max(image.size) >= LEAST_SIDE:
        gains = _gains_of_coloured_ink(colours, np.asarray(luma))
        if gains is not None:
            return Image.fromarray(_paleness(colours, gains))
    steepest, clearness = _edges(np.asarray(luma))
    if steepest > PLAIN:
        return luma
    found = [_edges(colour)[1] for colour in colours]
    best = int(np.argmax(found))
    return channels[best] if found[best] > GAIN * clearness else luma


def _edges(plane: Grey) -> tuple[float, float]:
    """How steep the edges of ink are, in grey levels, and in relation to what else there is in the picture's frame."""
    steps = steepness(plane)
    band = max(1, round(FRAME_SHARE * min(steps.shape)))
    inside = steps[band:-band, band:-band]
    around = cv2.norm(steps, cv2.NORM_L2SQR) - cv2.norm(inside, cv2.NORM_L2SQR)
    stride = max(1, max(steps.shape) // ENOUGH)
    steepest = percentile(steps[::stride, ::stride].astype(np.float32), EDGES)
    return steepest, float(steepest / (np.sqrt(around / (steps.size - inside.size)) + GRAIN))


def _gains_of_coloured_ink(colours: Colours, luma: Grey) -> Gains | None:
    """What makes the paper grey where all ink is coloured and the ground uneven; None elsewhere."""
    small = _smoothed(shrunk(luma, LOOK_SIDE))
    window = np.ones((int(WINDOW * max(small.shape)) | 1,) * 2, np.uint8)
    ground = np.asarray(cv2.morphologyEx(small, cv2.MORPH_CLOSE, window), np.uint8)
    unevenness = percentile(ground, 98.0) - percentile(ground, 2.0)
    if unevenness < UNEVEN:
        return None
    few = [shrunk(colour, LOOK_SIDE) for colour in colours]
    gains = _gains(few)
    pale = _smoothed(_paleness(few, gains))
    vivid = np.asarray(cv2.morphologyEx(pale, cv2.MORPH_BLACKHAT, window), np.uint8)
    strokes = _inner_strokes(vivid)
    if not cv2.hasNonZero(strokes):
        return None
    ink = percentile(vivid[strokes > 0], 80.0)
    if ink < VIVID:
        return None
    strokes = np.asarray(strokes & (vivid > ink / 2), np.uint8)
    darkness = np.asarray(cv2.subtract(ground, small), np.uint8)
    contrast = percentile(darkness[strokes > 0], 50.0)
    if not GRAIN < contrast < ink / VIVIDER or unevenness < UNEVEN_SHARE * contrast:
        return None
    return None if _is_among_others(strokes, vivid, darkness, steepness(small), steepness(pale)) else gains


def _is_among_others(strokes: Mask, vivid: Grey, darkness: Grey, steps: Grey, pale_steps: Grey) -> bool:
    """Whether there are edges beside coloured strokes, of ink without colour, that shadows do not have.

    Args:
        strokes: the coloured ones.
        vivid: by how much each pixel is more colourful than what is around it.
        darkness: by how much it is darker.
        steps: `steepness` of the luma.
        pale_steps: that of the colours.
    """
    edge = steepness(strokes) > 0
    least = max(OTHER_EDGE * percentile(steps[edge], 50.0), GRAIN)
    others = (steps > least) & (pale_steps < VIVID / 2) & (cv2.dilate(vivid, _NEAR) < VIVID / 2)
    narrow = others & (cv2.dilate(darkness, _SQUARE) > least)
    edges = np.count_nonzero(edge)
    return bool(np.count_nonzero(narrow) > MOST_OTHER * edges or np.count_nonzero(others) > MOST_EDGES * edges)


def _smoothed(plane: Grey) -> Grey:
    return np.asarray(cv2.medianBlur(plane, 3), np.uint8)


def _gains(colours: Colours) -> Gains:
    """What gives most of a picture no colour, at most so much that nothing exceeds white."""
    parts = np.stack([colour.ravel()[::4] for colour in colours], axis=1).astype(np.float32) + NIGHT
    parts /= parts.mean(axis=1, keepdims=True)
    typical = [percentile(parts[:, index], 50.0) for index in range(3)]
    full = 255.0 / (255.0 + NIGHT) * min(typical)
    return full / typical[0], full / typical[1], full / typical[2]


def _paleness(colours: Colours, gains: Gains) -> Grey:
    """PAPER for what has the paper's colour, in whatever light, and the less the more colourful a pixel is."""
    balanced = [
        cv2.convertScaleAbs(colour, alpha=gain, beta=NIGHT * gain) for colour, gain in zip(colours, gains, strict=True)
    ]
    least, most = (either(either(balanced[0], balanced[1]), balanced[2]) for either in (cv2.min, cv2.max))
    return np.asarray(cv2.divide(least, most, scale=PAPER), np.uint8)


def _inner_strokes(vivid: Grey) -> Mask:
    """What is long enough for a stroke and not cut by the picture's edge, as coloured rules, pens and tables are."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((vivid > VIVID / 2).astype(np.uint8), connectivity=8)
    height, width = vivid.shape
    left, top, wide, high, _ = stats.T
    inner = (left > 0) & (top > 0) & (left + wide < width) & (top + high < height)
    inner &= np.maximum(wide, high) >= LEAST_REACH * max(vivid.shape)
    return np.asarray(inner[labels], np.uint8)
