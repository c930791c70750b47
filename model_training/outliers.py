"""Pictures that are no digits, made in code: what the network learns to be unsure about.

Outlier exposure (Hendrycks et al., 2019): the network is taught equal probabilities for letters and signs of many
scripts, scribbles, curls, hooks, crossed strokes, blots, textures, joined, mirrored and halved digits. Shapes that are
a digit's twin in somebody's hand (O, l, Z, S, b, q, ...) are left out.
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from app.contract import INPUT_SHAPE, SIDE
from app.errors import NoInkError
from app.normalization import normalize
from model_training.data import Digits, Pictures
from model_training.drawing import CANVAS, Canvas, Points, bent, through
from model_training.glyphs import other_glyphs

Random = np.random.Generator


def draw_outliers(digits: Digits, count: int, seed: int) -> Pictures:
    """Make `count` prepared pictures that are no digits, uint8 (count, 28, 28, 1).

    Args:
        digits: digits to join and to mirror, uint8 (n, 28, 28, 1).
        count: how many.
        seed: of the random choices.
    """
    return _draw(_KINDS, digits, count, np.random.default_rng([seed, 0x0071]))


def draw_letters(digits: Digits, count: int, seed: int) -> Pictures:
    """The same of what stands among digits in a row: letters and curls that might be some."""
    return _draw((_glyph, _glyph, _glyph, _curls, _squiggle), digits, count, np.random.default_rng([seed, 0x1E77]))


def _draw(
    kinds: tuple[Callable[[Digits, Random], Canvas], ...], digits: Digits, count: int, random: Random
) -> Pictures:
    pictures = np.empty((count, *INPUT_SHAPE), np.uint8)
    made = 0
    while made < count:
        kind = kinds[random.integers(len(kinds))]
        try:
            pictures[made] = normalize(kind(digits, random)).pixels
        except NoInkError:
            continue
        made += 1
    return pictures


def _glyph(_: Digits, random: Random) -> Canvas:
    glyphs = other_glyphs()
    return bent(glyphs[random.integers(len(glyphs))], random.uniform(0.0, 3.0), random)


def _scribble(_: Digits, random: Random) -> Canvas:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    corners = random.uniform(16, CANVAS - 16, (int(random.integers(6, 14)), 2))
    line = _smooth(through(corners, 120), int(random.choice([1, 7, 15])))
    _polyline(canvas, line, int(random.integers(2, 9)))
    return canvas


def _curls(_: Digits, random: Random) -> Canvas:
    """A few short smooth strokes, as letters of scripts nobody here can name."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    pen = int(random.integers(2, 10))
    for _stroke in range(int(random.integers(2, 5))):
        corners = random.uniform(14, CANVAS - 14, (int(random.integers(3, 6)), 2))
        _polyline(canvas, _smooth(through(corners, 60), 21), pen)
    return canvas


def _squiggle(_: Digits, random: Random) -> Canvas:
    """One line that turns more often than any digit does, sometimes with a dash beside it, as cursive scripts have."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    turns = int(random.integers(6, 10))
    reach = random.uniform(10, 26)
    x = CANVAS / 2 + reach * np.where(np.arange(turns) % 2, 1, -1) * random.uniform(0.6, 1.2, turns)
    x += np.linspace(0, random.uniform(-16, 16), turns)
    y = np.linspace(14, CANVAS - 14, turns) + random.normal(0, 3, turns)
    line = _smooth(through(np.stack([x, y], axis=1), 120), int(random.choice([5, 9, 15])))
    _polyline(canvas, line, int(random.integers(2, 9)))
    if random.random() < 0.5:
        start = random.uniform(16, CANVAS - 16, 2)
        _polyline(canvas, np.stack([start, start + random.uniform(-24, 24, 2)]), int(random.integers(2, 9)))
    return canvas


def _hook(_: Digits, random: Random) -> Canvas:
    """A bow that is wider than high and ends below, without a corner: a kana that a narrow 7 resembles."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    width = random.uniform(52, 66)
    height = width / random.uniform(1.25, 1.9)
    shoulder = random.uniform(0.05, 0.4)
    corners = np.array([[0, shoulder], [0.35, 0.06], [0.75, 0], [1, 0.25], [0.95, 0.6], [random.uniform(0.3, 0.75), 1]])
    corners += random.normal(0, 0.03, corners.shape)
    line = (corners - 0.5) * (width, height) + CANVAS / 2
    _polyline(canvas, _smooth(through(line, 100), 31), int(random.integers(2, 10)))
    return canvas


def _blot(_: Digits, random: Random) -> Canvas:
    """A filled shape, plain or shaded, as clothes and hands are."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.interp(np.linspace(0, 1, 64), np.linspace(0, 1, 9), random.uniform(12, 44, 9), period=1)
    outline = CANVAS / 2 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(canvas, [np.rint(outline).astype(np.int32)], 255)
    shade = cv2.resize(random.uniform(0.3, 1.0, (3, 3)), (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(canvas * shade, 0, 255), np.uint8)


def _crossing(_digits: Digits, random: Random) -> Canvas:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for _ in range(int(random.integers(3, 7))):
        _polyline(canvas, random.uniform(16, CANVAS - 16, (2, 2)), int(random.integers(2, 9)))
    if random.random() < 0.3:
        centre = tuple(int(place) for place in random.integers(30, CANVAS - 30, 2))
        cv2.circle(canvas, centre, int(random.integers(8, 24)), 255, 3, cv2.LINE_AA)
    return canvas


def _smooth(line: Points, window: int) -> Points:
    """The mean of so many neighbours of each point."""
    return np.asarray(cv2.blur(line, (1, window)))


def _polyline(canvas: Canvas, line: Points, pen: int) -> None:
    points = np.rint(line * 16).astype(np.int32)
    cv2.polylines(canvas, [points], isClosed=False, color=255, thickness=pen, lineType=cv2.LINE_AA, shift=4)


def _texture(_: Digits, random: Random) -> Canvas:
    rough = cv2.GaussianBlur(random.normal(0, 1, (CANVAS, CANVAS)), (0, 0), random.uniform(2, 9))
    blobs = np.where(rough > np.quantile(rough, random.uniform(0.5, 0.85)), 255, 0).astype(np.uint8)
    inner = np.zeros_like(blobs)
    inner[12:-12, 12:-12] = blobs[12:-12, 12:-12]
    return inner


def _joined(digits: Digits, random: Random) -> Canvas:
    """Two or three digits side by side, close enough to be taken for one thing."""
    chosen = [
        digits.pictures[index, ..., 0] for index in random.integers(len(digits), size=int(random.choice([2, 2, 3])))
    ]
    pieces = []
    for digit in chosen:
        columns = np.flatnonzero(digit.max(axis=0))
        pieces.append(digit[:, max(0, columns[0] - int(random.integers(0, 2))) : columns[-1] + 1])
    return np.pad(np.hstack(pieces), 4)


def _mirrored(digits: Digits, random: Random) -> Canvas:
    """Digits that are none in a mirror, or lying on their side."""
    while True:
        index = int(random.integers(len(digits)))
        label, picture = int(digits.labels[index]), digits.pictures[index, ..., 0]
        if label in _NONE_IN_A_MIRROR and random.random() < 0.5:
            return np.pad(picture[:, ::-1], 4)
        if label in _NONE_ON_ITS_SIDE:
            return np.pad(np.rot90(picture, int(random.choice([1, 3]))), 4)


def _halved(digits: Digits, random: Random) -> Canvas:
    """Digits cut through the middle, where what is left is no other digit."""
    while True:
        index = int(random.integers(len(digits)))
        rows, columns = _NO_DIGITS_LEFT.get(int(digits.labels[index]), (slice(0), slice(0)))
        half = digits.pictures[index, rows, columns, 0]
        if half.size:
            return np.pad(half, SIDE // 2)


_NONE_IN_A_MIRROR: Final = frozenset({3, 4, 7})
_NONE_ON_ITS_SIDE: Final = frozenset({3, 4, 5})
_WHOLE: Final = slice(SIDE)
_FIRST: Final = slice(SIDE // 2 - 1)
_SECOND: Final = slice(SIDE // 2 + 1, SIDE)
_NO_DIGITS_LEFT: Final = {
    0: (_FIRST, _WHOLE),
    2: (_SECOND, _WHOLE),
    3: (_SECOND, _WHOLE),
    4: (_WHOLE, _FIRST),
    5: (_FIRST, _WHOLE),
    8: (_WHOLE, _FIRST),
}
"""Which half of which digit: rows and columns."""
_KINDS: Final[tuple[Callable[[Digits, Random], Canvas], ...]] = (
    *([_glyph] * 6),
    _scribble,
    *([_curls] * 2),
    *([_squiggle] * 2),
    _hook,
    _crossing,
    _blot,
    _texture,
    _joined,
    _mirrored,
    _halved,
)
"""What is made, letters most often."""
