"""Ruled paper is known by the lines that leave the picture, and its ground lies between them."""

import cv2
import numpy as np
import pytest

from app.ground import Grey, Mask
from app.normalization import normalize
from app.paper import leaves_often, without_dark_lines
from app.rules import without_rules
from tests.pictures import pixels_of, seven

SIDE = 300


def lines(angle: float, step: float, *, squared: bool) -> Mask:
    """Rules that lean by so many degrees, 1 and 0."""
    rows, columns = np.indices((SIDE, SIDE))
    turn = np.radians(angle)
    found = (rows * np.cos(turn) - columns * np.sin(turn) + 9) % step < 2
    if squared:
        found |= (rows * np.sin(turn) + columns * np.cos(turn) + 9) % step < 2
    return np.asarray(found, np.uint8)


def sheet(angle: float, step: float = 25.0, *, squared: bool = True, ink: int = 60, rules: float = 180.0) -> Grey:
    """A seven on such paper, photographed in sidelight."""
    picture = np.where(lines(angle, step, squared=squared) > 0, rules, 240.0)
    picture = np.where(cv2.dilate(pixels_of(seven(SIDE, SIDE, 255, 0)), np.ones((10, 10))) > 0, float(ink), picture)
    light = np.linspace(1.0, 0.7, SIDE)[None, :]
    return np.asarray(cv2.GaussianBlur(picture * light, (0, 0), 0.8), np.float64).round().astype(np.uint8)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("angle", [0.0, 3.0, -8.0, 45.0, 88.0])
def test_rules_leave_often(angle: float, squared: bool) -> None:
    """However they lie."""
    assert leaves_often(lines(angle, 25.0, squared=squared))


def test_what_does_not() -> None:
    """Few lines, lines of one end, grain, and the strokes of a digit that fills its crop."""
    assert not leaves_often(lines(0.0, 120.0, squared=False))
    comb = lines(0.0, 25.0, squared=False)
    comb[:, 100:] = 0
    assert not leaves_often(comb)
    grain = np.random.default_rng(0).random((SIDE, SIDE)) < 0.05
    assert not leaves_often(grain.astype(np.uint8))
    eight = np.zeros((SIDE, SIDE), np.uint8)
    for middle in (75, 225):
        cv2.circle(eight, (150, middle), 76, 1, 20)
    assert not leaves_often(eight[:, 74:226])


@pytest.mark.parametrize("angle", [0.0, 5.0, -8.0])
def test_ground_between_rules(angle: float) -> None:
    """Of ruled paper nothing is left but the paper, and bold strokes; of other pictures all."""
    paper = without_dark_lines(sheet(angle))
    assert paper is not None
    light = 240 * np.linspace(1.0, 0.7, SIDE)[None, :]
    clear = cv2.dilate(pixels_of(seven(SIDE, SIDE, 255, 0)), np.ones((40, 40))) == 0
    assert np.percentile(np.abs(paper - light)[clear], 98) <= 10
    assert without_dark_lines(np.full((SIDE, SIDE), 200, np.uint8)) is None
    assert without_dark_lines(pixels_of(seven(40, 40))) is None


def test_grain_is_not_brightened() -> None:
    """The ground is as bright as the paper is on average, not as its brightest grain."""
    picture = sheet(4.0, ink=240)
    grained = np.clip(picture + np.random.default_rng(0).normal(0.0, 4.0, picture.shape), 0, 255).astype(np.uint8)
    paper = without_dark_lines(grained)
    assert paper is not None
    light = 240 * np.linspace(1.0, 0.7, SIDE)[None, :]
    assert abs(float(np.median(paper - light))) <= 4.0


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("angle", [0.0, 2.0, 5.0, -8.0, 12.0])
@pytest.mark.parametrize("ink", [40, 110])
def test_leaning_rules_are_dropped(angle: float, squared: bool, ink: int) -> None:
    """A digit on paper that leans is prepared as it is on plain paper."""
    plain = normalize(sheet(0.0, step=1e9, squared=squared, ink=ink)[4:, 4:]).pixels
    ruled = normalize(sheet(angle, squared=squared, ink=ink)).pixels
    assert np.abs(plain.astype(int) - ruled).mean() <= 12


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("angle", [0.0, 2.0, -6.0])
@pytest.mark.parametrize(("ink", "rules"), [(60, 60.0), (110, 60.0), (110, 110.0)])
def test_rules_as_dark_as_ink_are_thinner(angle: float, squared: bool, ink: int, rules: float) -> None:
    """So it is where the rules are as dark as the ink or darker, and thinner than the pen."""
    plain = normalize(sheet(0.0, step=1e9, squared=squared, ink=ink)[4:, 4:]).pixels
    ruled = normalize(sheet(angle, squared=squared, ink=ink, rules=rules)).pixels
    assert np.abs(plain.astype(int) - ruled).mean() <= 16


@pytest.mark.parametrize("column", [20, 90, 240])
@pytest.mark.parametrize("angle", [0.0, 3.0, -6.0])
def test_margin_is_none_of_the_digit(angle: float, column: int) -> None:
    """A bold line from edge to edge beside a small digit is left out, however near."""
    page = np.full((SIDE, SIDE), 240, np.uint8)
    page[180:280, 120:220] = pixels_of(seven(100, 100, 60, 240))
    plain = normalize(page).pixels
    down = np.tan(np.radians(angle)) * SIDE / 2
    cv2.line(page, (round(column - down), 0), (round(column + down), SIDE - 1), 100, 4)
    assert np.abs(plain.astype(int) - normalize(page).pixels).mean() <= 2


@pytest.mark.parametrize("angle", [40.0, 75.0, 90.0])
def test_shadow_across_ruled_paper(angle: float) -> None:
    """So it is where a shadow's edge crosses the paper."""
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    turn = np.radians(angle)
    shade = 1.0 - 0.4 / (1.0 + np.exp(-(rows * np.sin(turn) + columns * np.cos(turn) - 20) / 4))
    shaded = (sheet(5.0) * shade).astype(np.uint8)
    plain = normalize(sheet(0.0, step=1e9)[4:, 4:]).pixels
    assert np.abs(plain.astype(int) - normalize(shaded).pixels).mean() <= 12


def test_ink_as_faint_and_thin_as_the_rules_stays() -> None:
    """Where nothing stands out more than the rules, and nothing is wider, nothing is dropped."""
    response = lines(5.0, 25.0, squared=True).astype(np.float32) * 60
    cv2.line(response, (100, 100), (140, 200), 62.0, 2)
    assert np.array_equal(without_rules(response), response)
