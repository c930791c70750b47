"""Digits made in code: the shapes that most of the world writes and MNIST's American writers of the 1990s did not.

Ones with a flag or a foot, crossed sevens, slashed and open zeros, open and square fours, square sixes, nines with
straight stems, angular digits as displays show them. Half are drawn stroke by stroke: polylines in a unit square (x to
the right, y down), jittered, with a pen of random width. Half are digits of free fonts, handwritten ones most of them,
bent as a hand would. All go through the service's own preparation.
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contract import INPUT_SHAPE, LABELS
from app.errors import NoInkError
from app.normalization import normalize
from model_training.data import Digits
from model_training.glyphs import TILE, digit_glyphs

Points = npt.NDArray[np.float64]
"""float64 (n, 2): x and y."""

Random = np.random.Generator

Canvas = npt.NDArray[np.uint8]
"""uint8 (CANVAS, CANVAS), white ink on black, before preparation."""

CANVAS: Final = 96
"""Side of the drawing before preparation, in pixels."""

_SUBPIXEL_BITS: Final = 4


def draw_digits(count: int, seed: int) -> Digits:
    """Draw `count` digits, as many of each label as of any other (within one)."""
    random = np.random.default_rng([seed, 0xD16175])
    labels = np.resize(np.asarray(LABELS, np.uint8), count)
    pictures = np.empty((count, *INPUT_SHAPE), np.uint8)
    for index, label in enumerate(labels):
        pictures[index] = _draw(int(label), random)
    return Digits(pictures, labels)


def _draw(label: int, random: Random) -> npt.NDArray[np.uint8]:
    while True:
        canvas = _typed(label, random) if random.random() < 0.5 else _ink(_strokes(label, random), random)
        try:
            return normalize(canvas).pixels
        except NoInkError:  # pragma: no cover - a drawing that left the canvas; never seen, harmless
            continue


def _strokes(label: int, random: Random) -> list[Points]:
    return angular(label, random) if random.random() < 0.15 else _SHAPES[label](random)


def _typed(label: int, random: Random) -> Canvas:
    fonts = digit_glyphs()
    return bent(fonts[random.integers(len(fonts)), label], random.uniform(0.0, 2.0), random)


def bent(glyph: npt.NDArray[np.uint8], waver: float, random: Random) -> Canvas:
    """A glyph as a hand might have written it: another slant, other proportions, wavering lines, another pen.

    Args:
        glyph: uint8 (TILE, TILE), white ink on black.
        waver: standard deviation of the lines' displacement, in pixels of the canvas.
        random: decides the rest.
    """
    margin = (CANVAS - TILE) // 2
    canvas = np.pad(glyph, margin)
    coarse = random.normal(0.0, waver, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    y, x = np.indices((CANVAS, CANVAS), np.float32) - CANVAS / 2
    angle, slant, stretch = random.normal(0, 0.08), random.normal(0, 0.15), random.uniform(0.8, 1.5)
    from_x = stretch * np.cos(angle) * x - np.sin(angle) * y + slant * y + CANVAS / 2 + field[..., 0]
    from_y = np.sin(angle) * x + np.cos(angle) * y + CANVAS / 2 + field[..., 1]
    shaped = cv2.remap(canvas, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR)
    size = 2 * int(random.integers(0, 4)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(shaped, kernel), np.uint8)


def _ink(strokes: list[Points], random: Random) -> Canvas:
    """Deform the strokes as a hand would and draw them."""
    slant = random.normal(0.0, 0.15)
    angle = random.normal(0.0, 0.07)
    stretch = random.uniform(0.6, 1.1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = turn @ np.array([[stretch, -slant], [0.0, 1.0]])
    waves = random.normal(0.0, 0.018, (2, 2, 2))
    phases = random.uniform(0.0, 2 * np.pi, (2, 2, 2))
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    pen = random.uniform(0.03, 0.1) if random.random() < 0.5 else random.uniform(0.1, 0.26)
    size = CANVAS * random.uniform(0.5, 0.72)
    for stroke in strokes:
        # Points close enough to bend the line between them.
        points = (through(stroke, max(24, 3 * len(stroke))) - 0.5) @ shape.T
        for wave in range(2):
            for axis in range(2):
                swing = 2 * np.pi * (wave + 0.5) * (points + 0.5) + phases[wave, axis]
                points[:, axis] += np.sin(swing) @ waves[wave, axis]
        pixels = points * size + CANVAS / 2
        cv2.polylines(
            canvas,
            [np.rint(pixels * 2**_SUBPIXEL_BITS).astype(np.int32)],
            isClosed=False,
            color=255,
            thickness=max(1, round(pen * size * random.uniform(0.85, 1.15))),
            lineType=cv2.LINE_AA,
            shift=_SUBPIXEL_BITS,
        )
    return canvas


def through(corners: Points, count: int) -> Points:
    """The same polyline with `count` points, evenly many between any two corners: float64 (count, 2)."""
    steps = np.linspace(0.0, len(corners) - 1.0, count)
    return np.stack([np.interp(steps, np.arange(len(corners)), corners[:, axis]) for axis in range(2)], axis=1)


def _line(*points: tuple[float, float]) -> Points:
    return np.array(points, np.float64)


def _arc(x: float, y: float, width: float, height: float, start: float, end: float) -> Points:
    """Part of an ellipse around (x, y); angles in degrees, 0 to the right, growing clockwise."""
    angles = np.radians(np.linspace(start, end, 28))
    return np.stack([x + width / 2 * np.cos(angles), y + height / 2 * np.sin(angles)], axis=1)


def _joined(*parts: Points) -> Points:
    return np.concatenate(parts)


def _zero(random: Random) -> list[Points]:
    start = random.uniform(-150, -30)
    turn = random.uniform(325, 385) if random.random() < 0.88 else random.uniform(270, 325)
    strokes = [_arc(0.5, 0.5, random.uniform(0.4, 1.0), 1.0, start, start + turn)]
    if random.random() < 0.25:
        reach = random.uniform(0.2, 0.45)
        strokes.append(_line((0.5 + reach, 0.5 - reach), (0.5 - reach, 0.5 + reach)))
    return strokes


def _one(random: Random) -> list[Points]:
    x = 0.5
    flag = random.random() < 0.85
    stem = [(x, 0.0), (x + random.normal(0, 0.02), 1.0)]
    if flag and random.random() < 0.3:  # as printers and school hands make it: a short bar, level or nearly so
        reach = random.uniform(0.15, 0.32)
        stem.insert(0, (x - reach, random.uniform(-0.01, 0.5) * reach))
    elif flag:
        reach = random.uniform(0.08, 0.5)
        stem.insert(0, (x - reach, reach * random.uniform(0.3, 1.3)))
    strokes = [_line(*stem)]
    if random.random() < (0.6 if flag else 0.4):
        left, right = random.uniform(0.08, 0.55 if random.random() < 0.7 else 0.9, 2)
        height = 1.0 + random.normal(0, 0.02)
        strokes.append(_line((x - left, height), (x + right, height + random.normal(0, 0.03))))
    return strokes


def _two(random: Random) -> list[Points]:
    middle = random.uniform(0.22, 0.36)
    width = random.uniform(0.55, 0.85)
    hook = random.uniform(-200, -150) if random.random() < 0.6 else random.uniform(-130, -60)
    top = _arc(0.5, middle, width, 2 * middle, hook, random.uniform(10, 40))
    corner = (0.5 - width / 2 + random.normal(0, 0.04), 1.0)
    end = (0.5 + width / 2 + random.uniform(-0.05, 0.2), 1.0 + random.normal(0, 0.04))
    if random.random() < 0.35:
        loop = _arc(corner[0] + 0.1, 0.92, 0.24, 0.2, 60, 330)
        return [_joined(top, loop, _line((0.55, 0.95), end))]
    return [_joined(top, _line(corner, end))]


def _three(random: Random) -> list[Points]:
    waist = random.uniform(0.36, 0.5)
    lower = _arc(0.45, (waist + 1) / 2, random.uniform(0.6, 0.9), 1 - waist, -85, random.uniform(120, 170))
    if random.random() < 0.4:
        return [_joined(_line((0.15, 0.0), (0.75, 0.0 + random.normal(0, 0.03)), (0.42, waist)), lower)]
    upper = _arc(0.45, waist / 2, random.uniform(0.5, 0.75), waist, random.uniform(-170, -130), 85)
    pinch = random.uniform(0.0, 0.15)
    return [_joined(upper, _line((0.45 - pinch, waist)), lower)]


def _four(random: Random) -> list[Points]:
    bar = random.uniform(0.25, 0.78)
    stem = random.uniform(0.58, 0.75)
    right = stem + random.uniform(0.0, 0.3)
    style = random.random()
    if style < 0.35:  # closed: down the slope, across, then the stem from the top
        top = (stem + random.uniform(-0.05, 0.02), 0.0)
        return [_line(top, (0.1, bar), (right, bar)), _line((stem, random.uniform(0.0, 0.2)), (stem, 1.0))]
    if style < 0.75:  # open: a corner or a bowl, then a stem
        left = random.uniform(0.1, 0.3)
        start = (left + random.uniform(-0.02, 0.15), 0.0)
        return [_line(start, (left, bar), (right, bar)), _line((stem, random.uniform(0.0, 0.45)), (stem, 1.0))]
    # without lifting the pen
    top = (stem, 0.0)
    return [_line((stem, 1.0), top, (0.12, bar), (right, bar + random.normal(0, 0.02)))]


def _five(random: Random) -> list[Points]:
    left = random.uniform(0.15, 0.3)
    shoulder = random.uniform(0.34, 0.46)
    right = random.uniform(0.65, 0.95)
    bowl = _arc(
        0.42, (shoulder + 1) / 2, random.uniform(0.65, 0.9), 1 - shoulder + 0.06, -115, random.uniform(110, 165)
    )
    body = _joined(_line((left + random.uniform(-0.03, 0.06), 0.0), (left, shoulder + 0.06)), bowl)
    bar = _line((left, 0.0), (right, random.normal(0.0, 0.04)))
    return [_joined(bar[::-1], body)] if random.random() < 0.5 else [body, bar]


def _six(random: Random) -> list[Points]:
    waist = random.uniform(0.4, 0.58)
    if random.random() < 0.25:  # square
        right = random.uniform(0.7, 0.85)
        start = (random.uniform(0.2, right), 0.0)
        return [_line(start, (0.2, 0.02), (0.2, 1.0), (right, 1.0), (right, waist), (0.2, waist))]
    width = random.uniform(0.5, 0.8)
    middle = (waist + 1) / 2
    loop = _arc(0.5, middle, width, 1 - waist, 180, 180 - random.uniform(320, 370))
    start = (0.5 + random.uniform(-0.1, 0.3), 0.0)
    bend = (0.5 - width / 2 + random.uniform(0.02, 0.14), middle - random.uniform(0.25, 0.4))
    return [_joined(_line(start, bend), loop)]


def _seven(random: Random) -> list[Points]:
    right = random.uniform(0.75, 0.9)
    foot = (random.uniform(0.25, 0.6), 1.0)
    bend = (right - random.uniform(0.05, 0.25), random.uniform(0.25, 0.45))
    head = [(0.1, random.normal(0.0, 0.03)), (right, 0.0)]
    if random.random() < 0.3:
        head.insert(0, (0.1, random.uniform(0.06, 0.22)))
    strokes = [_line(*head, bend, foot) if random.random() < 0.4 else _line(*head, foot)]
    if random.random() < 0.6:
        height = random.uniform(0.4, 0.6)
        middle = right + (foot[0] - right) * height
        reach = random.uniform(0.12, 0.32)
        tilt = random.normal(0, 0.04)
        strokes.append(_line((middle - reach, height + tilt), (middle + reach, height - tilt)))
    return strokes


def _eight(random: Random) -> list[Points]:
    waist = random.uniform(0.4, 0.54)
    upper, lower = random.uniform(0.45, 0.75), random.uniform(0.55, 0.9)
    if random.random() < 0.5:  # two circles
        return [
            _arc(0.5, waist / 2, upper, waist, 90, 90 + random.uniform(345, 370)),
            _arc(0.5, (waist + 1) / 2, lower, 1 - waist, -90, -90 + random.uniform(345, 370)),
        ]
    # one stroke, crossing at the waist
    top = _arc(0.5, waist / 2, upper, waist, -20, -265)
    bottom = _arc(0.5, (waist + 1) / 2, lower, 1 - waist, -85, 260)
    return [_joined(top, bottom, _line((0.5 + upper / 2, waist / 2 - random.uniform(-0.05, 0.08))))]


def _nine(random: Random) -> list[Points]:
    waist = random.uniform(0.42, 0.6)
    width = random.uniform(0.5, 0.8)
    right = 0.5 + width / 2
    loop = _arc(0.5, waist / 2, width, waist, random.uniform(-60, 0), -random.uniform(335, 365))
    style = random.random()
    if style < 0.45:  # a straight stem
        return [_joined(loop, _line((right, waist / 2), (right + random.normal(0, 0.06), 1.0)))]
    if style < 0.75:  # a tail that curls back
        tail = _arc(0.5, 0.75, width, 0.5, 0, random.uniform(90, 170))
        return [_joined(loop, _line((right, waist / 2)), tail)]
    if style < 0.85:  # square
        return [_line((right, waist), (0.2, waist), (0.2, 0.0), (right, 0.0), (right, 1.0))]
    return [_joined(loop, _line((right, waist / 2), (random.uniform(0.3, 0.6), 1.0)))]


def angular(label: int, random: Random) -> list[Points]:
    """Upright and lying strokes alone, as in block letters and on displays: with corners, rounded, or apart.

    Returns:
        Polylines in the unit square, float64 (n, 2) each, x and y.
    """
    left, right = 0.2 + random.normal(0, 0.02), 0.8 + random.normal(0, 0.02)
    middle = random.uniform(0.42, 0.55)
    places = {
        "a": (left, 0.0),
        "b": (right, 0.0),
        "c": (left, middle),
        "d": (right, middle),
        "e": (left, 1.0),
        "f": (right, 1.0),
    }
    paths = [
        np.array([places[corner] for corner in path]) + random.normal(0, 0.012, (len(path), 2))
        for path in _ANGULAR[label][random.integers(len(_ANGULAR[label]))]
    ]
    if random.random() < 0.25:  # segments apart
        gap = random.uniform(0.1, 0.2)
        return [
            through(path[at : at + 2], 60)[round(60 * gap) : -round(60 * gap)]
            for path in paths
            for at in range(len(path) - 1)
        ]
    rounding = (1, int(random.choice([1, 1, 5, 9])))
    return [
        np.asarray(cv2.blur(through(path, 80), rounding, borderType=cv2.BORDER_REPLICATE), np.float64) for path in paths
    ]


_ANGULAR: Final[tuple[tuple[tuple[str, ...], ...], ...]] = (
    (("cabfec",),),
    (("bf",),),
    (("abdcef",),),
    (("abfe", "cd"),),
    (("acd", "bf"),),
    (("bacdfe",),),
    (("baefdc",), ("aefdc",)),
    (("abf",), ("abf",), ("cabf",)),
    (("cabfec", "cd"),),
    (("efbacd",), ("fbacd",)),
)
"""The ways to write each digit: a letter for each corner, and for the ends of the bar in the middle.

    a b
    c d
    e f
"""

_SHAPES: Final[tuple[Callable[[Random], list[Points]], ...]] = (
    _zero,
    _one,
    _two,
    _three,
    _four,
    _five,
    _six,
    _seven,
    _eight,
    _nine,
)
