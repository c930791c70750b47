"""Pictures that are no digits, made in code: what the network learns to be unsure about.

Outlier exposure (Hendrycks et al., 2019): the network is taught equal probabilities for letters and signs of the fonts
that ship with Matplotlib, scribbles, crossed strokes, textures, joined and mirrored digits. Shapes that are a digit's
twin in somebody's hand (O, l, Z, S, b, q, ...) are left out.
"""

import string
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from app.contract import INPUT_SHAPE
from app.errors import NoInkError
from app.normalization import normalize
from model_training.data import Digits, Pictures

Random = np.random.Generator
Canvas = npt.NDArray[np.uint8]
"""uint8 (height, width), white ink on black, before preparation."""

CANVAS: Final = 96

_TWINS: Final = frozenset("OoQDBCcIiJlLjSsZzBbGgqpPyYUuVvTtrafhn") | frozenset(
    "ΟοΘθσδΒΙιΖζΠπτνυξφΦВРОоСсЗзбЧчЭэГгТтЬьЪъЫыр"
)
"""Letters that are some digit in some hand."""

_GREEK: Final = "".join(map(chr, [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA)]))
_CYRILLIC: Final = "".join(map(chr, range(0x410, 0x450)))
_SIGNS: Final = "#$%&*+=@<>~^{}§±÷∑∞∂√∫≈≠≤≥★♥♦♣♠☺☂✓✗→←↑↓©®¶"
_GLYPHS: Final = sorted((set(string.ascii_letters + _GREEK + _CYRILLIC + _SIGNS)) - _TWINS)
_FONTS: Final = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf")


def draw_outliers(digits: Digits, count: int, seed: int) -> Pictures:
    """Make `count` prepared pictures that are no digits, uint8 (count, 28, 28, 1).

    Args:
        digits: digits to join and to mirror, uint8 (n, 28, 28, 1).
        count: how many.
        seed: of the random choices.
    """
    random = np.random.default_rng([seed, 0x0071])
    pictures = np.empty((count, *INPUT_SHAPE), np.uint8)
    made = 0
    while made < count:
        kind = _KINDS[random.integers(len(_KINDS))]
        try:
            pictures[made] = normalize(kind(digits, random)).pixels
        except NoInkError:
            continue
        made += 1
    return pictures


def _glyph(_: Digits, random: Random) -> Canvas:
    canvas = Image.new("L", (CANVAS, CANVAS))
    font = _font(str(random.choice(_FONTS)))
    glyph = _GLYPHS[random.integers(len(_GLYPHS))]
    ImageDraw.Draw(canvas).text((CANVAS / 2, CANVAS / 2), glyph, 255, font, anchor="mm")
    return _bent(np.asarray(canvas, np.uint8), random)


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), 64)


def _bent(canvas: Canvas, random: Random) -> Canvas:
    """As a hand might have written it: another slant, other proportions, another pen, wavering lines."""
    coarse = random.normal(0.0, 3.5, (5, 5, 2)).astype(np.float32)
    field = cv2.resize(coarse, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    y, x = np.indices((CANVAS, CANVAS), np.float32) - CANVAS / 2
    angle, slant, stretch = random.normal(0, 0.12), random.normal(0, 0.15), random.uniform(0.9, 1.5)
    from_x = stretch * np.cos(angle) * x - np.sin(angle) * y + slant * y + CANVAS / 2 + field[..., 0]
    from_y = np.sin(angle) * x + np.cos(angle) * y + CANVAS / 2 + field[..., 1]
    bent = cv2.remap(canvas, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_LINEAR)
    size = int(random.integers(1, 5))
    change = cv2.dilate if random.random() < 0.6 else cv2.erode
    return np.asarray(change(bent, np.ones((size, size), np.uint8)), np.uint8)


def _scribble(_: Digits, random: Random) -> Canvas:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    corners = random.uniform(16, CANVAS - 16, (int(random.integers(6, 14)), 2))
    steps = np.linspace(0, len(corners) - 1, 120)
    line = np.stack([np.interp(steps, np.arange(len(corners)), corners[:, axis]) for axis in range(2)], axis=1)
    line = np.asarray(cv2.blur(line, (1, int(random.choice([1, 7, 15])))))
    _polyline(canvas, line, random)
    return canvas


def _crossing(_digits: Digits, random: Random) -> Canvas:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for _ in range(int(random.integers(3, 7))):
        _polyline(canvas, random.uniform(16, CANVAS - 16, (2, 2)), random)
    if random.random() < 0.3:
        centre = tuple(int(place) for place in random.integers(30, CANVAS - 30, 2))
        cv2.circle(canvas, centre, int(random.integers(8, 24)), 255, 3, cv2.LINE_AA)
    return canvas


def _polyline(canvas: Canvas, line: npt.NDArray[np.float64], random: Random) -> None:
    points = np.rint(line * 16).astype(np.int32)
    cv2.polylines(
        canvas, [points], isClosed=False, color=255, thickness=int(random.integers(2, 9)), lineType=cv2.LINE_AA, shift=4
    )


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


_NONE_IN_A_MIRROR: Final = frozenset({3, 4, 7})
_NONE_ON_ITS_SIDE: Final = frozenset({3, 4, 5})
_KINDS: Final[tuple[Callable[[Digits, Random], Canvas], ...]] = (
    _glyph,
    _glyph,
    _glyph,
    _scribble,
    _crossing,
    _texture,
    _joined,
    _mirrored,
)
"""What is made, letters most often."""
