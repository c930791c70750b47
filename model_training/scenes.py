"""Digits in what people crop, scan, photograph and draw them in: each scene as its picture would be sent.

Each takes MNIST's picture of a digit, uint8 (28, 28), white on black, and a random generator, and returns uint8
(height, width). None of them is part of the training: they show what the preparation is worth.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from model_training.corruption import Picture, Random, cropped
from model_training.data import Digits

Scene = Callable[[Picture, Random], Picture]

Level = npt.NDArray[np.floating]
"""Some number of each pixel, floating point (height, width)."""

_INK: Final = 127
"""Pixels brighter than this are ink."""


_STRETCHED: Final = "cropped to the ink, stretched to a square"


def digits_for(scene: str, digits: Digits) -> Digits:
    """Those that are put in a scene: but for ones as straight as a stick, of whose crops nothing else is left.

    Stretched crops are what these suffer from most.
    """
    if scene == _STRETCHED:
        return digits
    shapes = [_tight(picture).shape for picture in digits.pictures[..., 0]]
    kept = np.array([2 * width > height for height, width in shapes], bool)
    return Digits(digits.pictures[kept], digits.labels[kept])


def _enlarged(digit: Picture, side: int) -> npt.NDArray[np.float32]:
    """The ink of a larger digit, from 0 to 1: float32 (side, side)."""
    large = cv2.resize(digit.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large / 255, 0.0, 1.0), np.float32)


def _shot(picture: Level, random: Random) -> Picture:
    """A picture with the noise of a scanner or a camera."""
    return np.clip(picture + random.normal(0.0, 3.0, picture.shape), 0, 255).astype(np.uint8)


def _tight(digit: Picture) -> Picture:
    """The digit alone, cropped to its ink."""
    return cropped(digit, _INK)


def _size(crop: Picture, longer: int) -> tuple[int, int]:
    """Width and height of a crop whose longer side is to have so many pixels."""
    scale = longer / max(crop.shape)
    return max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))


def _black_and_white(digit: Picture, size: tuple[int, int]) -> Picture:
    """The digit at another size, black on white without any grey."""
    large = cv2.resize(digit, (digit.shape[1] * 8, digit.shape[0] * 8), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    return np.where(small >= 110, np.uint8(0), np.uint8(255))


def _cropped_scan(digit: Picture, _: Random) -> Picture:
    """Cropped to the ink and scanned in black and white, 20 pixels long."""
    crop = _tight(digit)
    return _black_and_white(crop, _size(crop, 20))


def _large_scan(digit: Picture, _: Random) -> Picture:
    """The same in coarse pixels, light on dark, as a viewer enlarges them."""
    crop = 255 - _cropped_scan(digit, _)
    return np.asarray(cv2.resize(crop, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST), np.uint8)


def _enlarged_crop(digit: Picture, _: Random) -> Picture:
    """Cropped to the ink of a picture that was enlarged, light on dark with soft edges."""
    return _tight(np.asarray(cv2.resize(digit, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR), np.uint8))


def _stretched(digit: Picture, random: Random) -> Picture:
    """Cut out by its contour, resized to a square whatever its proportions, light on dark, perhaps with a margin."""
    side, margin = random.integers(16, 33), random.integers(0, 7)
    crop = _tight(np.asarray(255 * _enlarged(digit, 224), np.uint8))
    square = np.asarray(cv2.resize(crop, (int(side), int(side)), interpolation=cv2.INTER_AREA), np.uint8)
    return np.pad(np.where(square >= 110, np.uint8(255), np.uint8(0)) if random.random() < 0.5 else square, margin)


def _few_pixels(digit: Picture, random: Random) -> Picture:
    """Cropped to the ink, 12 pixels long, and enlarged until it is soft, on paper with some grain."""
    crop = _tight(digit)
    small = cv2.resize(crop, _size(crop, 12), interpolation=cv2.INTER_AREA)
    return _shot(215 - 0.6 * cv2.resize(small, None, fx=16, fy=16, interpolation=cv2.INTER_LINEAR), random)


def _crop_in_sidelight(digit: Picture, random: Random) -> Picture:
    """Cropped to the ink of a photograph, whose one side is darker."""
    ink = _tight(np.asarray(255 * _enlarged(digit, 224), np.uint8)) / 255
    light = np.linspace(random.uniform(200, 240), random.uniform(130, 170), ink.shape[1])
    return _shot(light * (1 - 0.7 * ink), random)


def _bold_and_close(digit: Picture, random: Random) -> Picture:
    """By a bold marker, on paper in uneven light, cropped into the edges of its strokes."""
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    ink = _tight(np.asarray(255 * cv2.dilate(_enlarged(digit, 224), pen), np.uint8))[3:-3, 3:-3] / 255
    light = np.linspace(random.uniform(180, 235), random.uniform(165, 180), ink.shape[0])[:, None]
    return _shot(light * (1 - random.uniform(0.5, 0.8) * ink), random)


def _on_paper(digit: Picture, width: int = 112, down: int = 0, right: int = 0) -> npt.NDArray[np.float64]:
    """Dark on white paper, in the middle or moved from there: float64 (112, width)."""
    sheet = np.full((112, width), 245.0)
    left = (width - 96) // 2 + right
    sheet[8 + down : 104 + down, left : left + 96] -= 215 * _enlarged(digit, 96)
    return sheet


def _in_a_box(digit: Picture, random: Random) -> Picture:
    """In the box of a form."""
    sheet = _on_paper(digit)
    inset, pen, grey = random.integers(3, 8), random.integers(1, 3), random.uniform(20, 160)
    cv2.rectangle(sheet, (int(inset), int(inset)), (111 - int(inset), 111 - int(inset)), float(grey), int(pen))
    return _shot(sheet, random)


def _in_a_cell(digit: Picture, random: Random) -> Picture:
    """In a cell of a comb, or in half of one, near its lines or on them, which are finer than most pens.

    Neither a line below alone, hardly longer than the digit, nor one with a single low side is among them: it may be
    the base of a two by a broad nib.
    """
    down, right = random.integers(-8, 9, 2)
    sheet = _on_paper(digit, down=down, right=right)
    start, end = ((0, 4), (0, 3), (1, 4))[random.integers(3)]
    first, last = int(random.integers(4, 14)), int(random.integers(98, 108))
    high = int(random.integers(4, 80 if end - start == 4 else 14))
    corners = [(first, high), (first, last), (last, last), (last, high)][start:end]
    grey, pen = random.uniform(20, 150), int(random.integers(1, 3))
    cv2.polylines(sheet, [np.array(corners, np.int32)], isClosed=False, color=grey, thickness=pen)
    return _shot(sheet, random)


def _on_a_form_askew(digit: Picture, random: Random) -> Picture:
    """In a row of cells, a comb, or between or above lines, in ink or pencil, on a page that is turned and curls."""
    sheet = np.full((320, 380), 240.0)
    size = int(random.integers(90, 130))
    top, left = 160 - size // 2 + int(random.integers(-4, 5)), 190 - size // 2 + int(random.integers(-6, 7))
    sheet[top : top + size, left : left + size] -= random.uniform(70, 210) * _enlarged(digit, size)
    first, last = 150 - size // 2, 172 + size // 2 - int(random.integers(0, 12))
    sides = [190 + size * half // 2 for half in (-3, -1, 1, 3)]
    lying = [last] if random.random() < 0.5 else [first, last]
    high = (None, first, int(random.integers(first + size // 2, last - 30)))[random.integers(3)]
    lines = [((sides[0], row), (sides[-1], row)) for row in lying]
    lines += [((side, high), (side, last)) for side in sides] if high is not None else []
    grey, pen = random.uniform(20, 120), int(random.integers(1, 4))
    for start, end in lines:
        cv2.line(sheet, start, end, grey, pen)
    turn = cv2.getRotationMatrix2D((190, 160), random.uniform(-7, 7), 1.0)
    turned = cv2.warpAffine(sheet.astype(np.float32), turn, (380, 320), borderMode=cv2.BORDER_REPLICATE)
    rows, columns = np.indices(turned.shape)
    moved = np.asarray(rows + random.uniform(-14, 14) * np.sin(np.pi * columns / 380), np.float32)
    across = np.asarray(columns, np.float32)
    bent = cv2.remap(turned, across, moved, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _shot(np.asarray(cv2.GaussianBlur(bent, (0, 0), 0.8), np.float32), random)


def _on_a_line(digit: Picture, random: Random) -> Picture:
    """On a line from edge to edge, or just above it."""
    sheet = _on_paper(digit, width=180, down=int(random.integers(-8, 9)))
    row, grey, pen = int(random.integers(98, 108)), random.uniform(20, 150), int(random.integers(1, 4))
    cv2.line(sheet, (0, row), (179, row), grey, pen)
    return _shot(sheet, random)


def _on_dark_squares(digit: Picture, random: Random) -> Picture:
    """On squares that are as dark as the ink, in lines thinner than the pen's."""
    sheet = _on_paper(digit)
    step = int(random.integers(24, 34))
    sheet[step // 2 :: step] = sheet[:, step // 2 :: step] = random.uniform(20, 90)
    return _shot(sheet, random)


def _between_lines(digit: Picture, random: Random) -> Picture:
    """In a crop that has left up to three lines of a form along its edges."""
    sheet = np.full((110, 110), 240.0)
    sheet[7:-7, 7:-7] -= 205 * _enlarged(digit, 96)
    for turns in random.permutation(4)[: random.integers(1, 4)]:
        sheet = np.asarray(np.rot90(sheet, turns)).copy()
        start, pen = random.integers(0, 5), random.integers(1, 4)
        sheet[start : start + pen] = random.uniform(20, 160)
        sheet = np.asarray(np.rot90(sheet, -turns)).copy()
    return _shot(sheet, random)


def _on_squared_paper(digit: Picture, random: Random) -> Picture:
    """On squared paper, by pens as wide as its lines are or wider."""
    step = int(random.integers(14, 30))
    paper = np.full((160, 160), 238.0)
    paper[::step], paper[:, ::step], paper[1::step] = 190, 190, 205
    ink = _enlarged(digit, 160)
    return _shot(paper * (1 - ink) + random.uniform(30, 90) * ink, random)


def _on_paper_askew(digit: Picture, random: Random) -> Picture:
    """Somewhere on ruled or squared paper that leans in the picture, in sidelight or across a shadow's edge."""
    ink = np.zeros((320, 320), np.float32)
    size = int(random.integers(90, 230))
    top, left = random.integers(0, 320 - size, 2)
    ink[top : top + size, left : left + size] = _enlarged(digit, size)
    angle, step, pen = np.radians(random.uniform(-8, 8)), random.uniform(16, 40), random.uniform(1, 3)
    rows, columns = np.indices(ink.shape)
    turned = rows * np.cos(angle) - columns * np.sin(angle), rows * np.sin(angle) + columns * np.cos(angle)
    lines = [np.clip((pen + 1) / 2 - np.abs(place % step - step / 2), 0, 1) for place in turned]
    paper = 240 - random.uniform(30, 80) * (lines[0] if random.random() < 0.5 else np.maximum(*lines))
    light = 1 - random.uniform(0, 0.4) * columns / 320
    if random.random() < 0.5:
        side, edge = random.uniform(0, 2 * np.pi), random.uniform(-60, 60)
        across = (rows - 160) * np.sin(side) + (columns - 160) * np.cos(side) - edge
        light = 1 - random.uniform(0.3, 0.5) / (1 + np.exp(-across / random.uniform(2, 8)))
    return _shot(cv2.GaussianBlur((paper * (1 - ink) + random.uniform(30, 110) * ink) * light, (0, 0), 0.7), random)


def _on_a_table(digit: Picture, random: Random) -> Picture:
    """On a sheet that lies askew on a dark table."""
    turn = cv2.getRotationMatrix2D((120, 120), random.uniform(-8, 8), 1)
    sheet = np.zeros((240, 240), np.float32)
    top, bottom, left, right = random.integers(5, 40, 4)
    sheet[top:-bottom, left:-right] = 1.0
    share = cv2.warpAffine(sheet, turn, (240, 240))
    page = 225 - 160 * np.pad(_enlarged(digit, 150), 45)
    return _shot((70 + random.normal(0, 10, share.shape)) * (1 - share) + page * share, random)


def _on_a_desk(digit: Picture, random: Random) -> Picture:
    """On a sheet that lies askew among other things on a desk of two greys; the picture's edges may cut it."""
    rows, columns = np.indices((320, 320))
    side = random.uniform(0, 2 * np.pi)
    across = (rows - 160) * np.sin(side) + (columns - 160) * np.cos(side)
    near, far = random.uniform(30, 120, 2)
    desk = np.where(across > random.uniform(-80, 80), np.float32(near), np.float32(far))
    for _ in range(random.integers(0, 6)):
        middle, axes = random.integers(0, 320, 2), random.integers(8, 45, 2)
        cv2.ellipse(desk, middle.tolist(), axes.tolist(), random.uniform(0, 180), 0, 360, random.uniform(20, 190), -1)
    top, bottom, left, right = random.integers(-60, 70, 4)
    sheet = np.zeros((480, 480), np.float32)
    sheet[80 + top : 400 - bottom, 80 + left : 400 - right] = 1.0
    turn = cv2.getRotationMatrix2D((240, 240), random.uniform(-12, 12), 1)
    share = np.asarray(cv2.warpAffine(sheet, turn, (480, 480))[80:400, 80:400], np.float32)
    first = np.maximum((top, left), 0)
    room = 320 - np.maximum((bottom, right), 0) - first
    size = int(random.uniform(0.45, 0.85) * room.min())
    row, column = first + (room - size) // 2
    ink = np.zeros((320, 320), np.float32)
    ink[row : row + size, column : column + size] = _enlarged(digit, size)
    light = random.uniform(195, 240) * (1 - random.uniform(0, 0.25) * columns / 320)
    page = light * (1 - random.uniform(0.5, 0.8) * ink)
    return _shot(np.asarray(cv2.GaussianBlur(desk * (1 - share) + page * share, (0, 0), 0.8), np.float64), random)


def _half_in_a_shadow(digit: Picture, random: Random) -> Picture:
    """On paper with the edge of a shadow somewhere on it."""
    return _in_shadow(digit, random, np.inf)


def _under_a_strip_of_shadow(digit: Picture, random: Random) -> Picture:
    """On paper across which lies the shadow of a pen or of a window's frame."""
    return _in_shadow(digit, random, random.uniform(0.05, 0.4))


def _under_a_hands_shadow(digit: Picture, random: Random) -> Picture:
    """On paper on which lies the shadow of a few fingers from one side."""
    sheet, rows, columns = _in_the_light(digit, random)
    side = random.uniform(0, 2 * np.pi)
    shade = np.zeros_like(sheet)
    for _ in range(random.integers(1, 5)):
        angle, away, radius = side + random.uniform(-0.6, 0.6), random.uniform(0.3, 0.6), random.uniform(0.1, 0.35)
        distance = np.hypot(rows - away * np.sin(angle), columns - away * np.cos(angle))
        shade = np.maximum(shade, 1 / (1 + np.exp((distance - radius) / 0.025)))
    return _shot(sheet * (1 - random.uniform(0.3, 0.6) * shade), random)


def _in_shadow(digit: Picture, random: Random, width: float) -> Picture:
    """On paper in a shadow.

    Args:
        digit: as of any scene.
        random: decides the rest.
        width: of the shadow, as a share of the picture; infinite where it goes on beyond.
    """
    sheet, rows, columns = _in_the_light(digit, random)
    angle = random.uniform(0, 2 * np.pi)
    across = rows * np.sin(angle) + columns * np.cos(angle) - random.uniform(-0.4, 0.4)
    softness = random.uniform(0.005, 0.08)
    shade = 1 / (1 + np.exp(-across / softness)) - 1 / (1 + np.exp((width - across) / softness))
    return _shot(sheet * (1 - random.uniform(0.3, 0.6) * shade), random)


def _in_the_light(digit: Picture, random: Random) -> tuple[Level, Level, Level]:
    """Dark on paper, with more or less space around it, and each pixel's row and column there, from -0.5 to 0.5."""
    ink = np.pad(_enlarged(digit, 224), int(random.integers(0, 120)))
    paper, pen = random.uniform(170, 225), random.uniform(0.2, 0.5)
    rows, columns = np.indices(ink.shape) / len(ink) - 0.5
    return paper * (1 - (1 - pen) * ink), rows, columns


def _by_flash(digit: Picture, random: Random) -> Picture:
    """On paper that reflects a flash or a lamp: a soft spot on it or near it; or lit by that alone, in a dark room."""
    sheet, rows, columns = _in_the_light(digit, random)
    down, right = random.normal(0.0, 0.15, 2)
    spread = random.uniform(0.05, 0.25)
    spot = np.exp(-((rows - down) ** 2 + (columns - right) ** 2) / (2 * spread**2))
    if spread < 0.2:
        return _shot(sheet + random.uniform(60, 140) * spot, random)
    return _shot(sheet * (0.2 + 0.8 * np.exp(-(rows**2 + columns**2) / (2 * spread**2))), random)


def _in_the_dark(digit: Picture, random: Random) -> Picture:
    """On paper in a dark room, by a camera that leaves it dark, with the noise that this has."""
    sheet, _, _ = _in_the_light(digit, random)
    return _shot(sheet * random.uniform(0.12, 0.25) + random.normal(0.0, random.uniform(2.0, 6.0), sheet.shape), random)


def _in_faint_pencil(digit: Picture, random: Random) -> Picture:
    """Small, in pencil, on a sheet that is darker on one side."""
    sheet = np.linspace(random.uniform(205, 235), random.uniform(160, 190), 240)[None, :] * np.ones((240, 1))
    top, left = random.integers(20, 130, 2)
    sheet[top : top + 90, left : left + 90] -= random.uniform(30, 60) * _enlarged(digit, 90)
    return _shot(sheet, random)


def _in_chalk(digit: Picture, random: Random) -> Picture:
    """Light on a board that is not wiped clean."""
    board = 55 + cv2.GaussianBlur(random.normal(0, 60, (200, 200)), (0, 0), 9)
    grain = random.uniform(0.7, 1.0, board.shape)
    return _shot(board + random.uniform(110, 170) * np.pad(_enlarged(digit, 140), 30) * grain, random)


SCENES: Final[Mapping[str, Scene]] = MappingProxyType(
    {
        "cropped to the ink, black and white": _cropped_scan,
        "the same in coarse pixels": _large_scan,
        "cropped to the ink, enlarged": _enlarged_crop,
        _STRETCHED: _stretched,
        "cropped to the ink, a few pixels enlarged": _few_pixels,
        "cropped to the ink, in sidelight": _crop_in_sidelight,
        "bold, cropped close": _bold_and_close,
        "in the box of a form": _in_a_box,
        "in a cell of a comb": _in_a_cell,
        "on a form that lies askew": _on_a_form_askew,
        "on a line": _on_a_line,
        "between lines of a form": _between_lines,
        "on squared paper": _on_squared_paper,
        "on ruled paper that leans": _on_paper_askew,
        "on dark squares": _on_dark_squares,
        "on a sheet on a table": _on_a_table,
        "on a sheet on a desk, among other things": _on_a_desk,
        "half in a shadow": _half_in_a_shadow,
        "under a strip of shadow": _under_a_strip_of_shadow,
        "under the shadow of a hand": _under_a_hands_shadow,
        "by flash": _by_flash,
        "in a dark room": _in_the_dark,
        "in faint pencil": _in_faint_pencil,
        "in chalk on a board": _in_chalk,
    }
)
"""Every scene by name."""
