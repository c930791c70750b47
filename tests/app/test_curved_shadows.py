"""Shadows of any shape that reach a picture's frame are told from ink, however bold."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.curved_shadows import bright_spot, strokes_in_shadow
from app.ground import smooth_ground
from app.normalization import normalize
from tests.pictures import canvas, with_stroke

Grey = npt.NDArray[np.uint8]

SIDE = 200

PAPER = 210


def seven(pen: int) -> Grey:
    """A seven on white paper."""
    return with_stroke(canvas(SIDE, SIDE, PAPER), [(60, 60), (130, 60), (90, 150)], ink=60, pen=pen)


def lit(sheet: Grey, middle: tuple[int, int], radius: int, light: float) -> Grey:
    """A round part of it has so much light, with soft edges, and everything has grain."""
    part = cv2.circle(np.zeros((SIDE, SIDE), np.float32), middle, radius, 1.0, -1)
    part = cv2.GaussianBlur(part, (0, 0), 4)
    noise = np.random.default_rng(1).normal(0, 3, sheet.shape)
    return np.clip(sheet * (1 - (1 - light) * part) + noise, 0, 255).astype(np.uint8)


def has_one(picture: Grey) -> bool:
    """Whether the picture has a shadow, and a surface through its frame that takes no notice of it."""
    surface = smooth_ground(picture)
    assert np.percentile(surface.rest, 70) < 8
    return strokes_in_shadow(picture, surface) is not None


@pytest.mark.parametrize("middle", [(100, 210), (-10, 60), (185, 30)])
@pytest.mark.parametrize("light", [0.75, 0.6, 0.3, 0.2])
def test_shadow_is_seen(middle: tuple[int, int], light: float) -> None:
    """Fainter than the ink or as dark, below the digit, beside it and in a corner; the digit is read without it."""
    picture = lit(seven(8), middle, 50, light)
    assert has_one(picture)
    alone, found = normalize(lit(seven(8), middle, 50, 1.0)), normalize(picture)
    assert float(np.abs(alone.pixels.astype(float) - found.pixels).mean()) < 12


@pytest.mark.parametrize("middle", [(45, 140), (120, 100), (150, 60)])
@pytest.mark.parametrize("light", [0.75, 0.6, 0.52])
def test_shadow_inside_is_seen(middle: tuple[int, int], light: float) -> None:
    """Beside the digit or across its strokes, and nowhere near the picture's frame: of fingers, of a lamp's arm."""
    picture = lit(seven(8), middle, 28, light)
    assert has_one(picture)
    alone, found = normalize(lit(seven(8), middle, 28, 1.0)), normalize(picture)
    assert float(np.abs(alone.pixels.astype(float) - found.pixels).mean()) < 12


@pytest.mark.parametrize("pen", [8, 20])
def test_darker_sheet_is_no_shadow(pen: int) -> None:
    """Its edges are hard: what stands on it is read as ever, a card in a telephone's window or the page around it."""
    page = canvas(SIDE, SIDE, 235)
    page[40:170, 40:150] = seven(pen)[40:170, 40:150] // 2
    assert not has_one(page)


@pytest.mark.parametrize("light", [1.1, 1.2])
def test_glare_is_no_ink(light: float) -> None:
    """Nor a shadow: what is brighter than the paper does not hide dark ink."""
    picture = lit(seven(8), (180, 180), 50, light)
    assert not has_one(picture)
    alone, found = normalize(lit(seven(8), (180, 180), 50, 1.0)), normalize(picture)
    assert found.inverted
    assert float(np.abs(alone.pixels.astype(float) - found.pixels).mean()) < 12


@pytest.mark.parametrize("pen", [3, 8, 20, 36])
def test_ink_is_no_shadow(pen: int) -> None:
    """However bold; nor where the picture's frame cuts it."""
    sheet = lit(seven(pen), (0, 0), 1, 1.0)
    assert not has_one(sheet)
    left, top = 60 - pen // 4, 60 - pen // 4
    assert not has_one(np.ascontiguousarray(sheet[top:, :]))
    assert not has_one(np.ascontiguousarray(sheet[:, left:]))


def test_small_pictures_have_none() -> None:
    """A crop of a few pixels shows no shadows that could be told from strokes."""
    picture = lit(seven(8), (100, 210), 50, 0.5)
    small = np.asarray(cv2.resize(picture, (40, 40), interpolation=cv2.INTER_AREA), np.uint8)
    assert strokes_in_shadow(small, smooth_ground(small)) is None


def test_drawings_cast_none() -> None:
    """Strokes of a translucent brush overlap on a white canvas: nothing of that is a shadow."""
    brush = with_stroke(canvas(SIDE, SIDE), [(-20, 60), (130, 60)], ink=150, pen=50)
    picture = np.asarray(cv2.GaussianBlur(brush, (0, 0), 4), np.uint8)
    picture = with_stroke(picture, [(120, 70), (90, 150)], ink=40, pen=8)
    assert not has_one(picture)
    assert has_one(np.minimum(picture, PAPER))


def test_light_ink_is_not_dark() -> None:
    """On a dark board, what is light beside a light stroke is no glare on dark ink."""
    assert not has_one(255 - lit(seven(8), (100, 210), 50, 0.6))


@pytest.mark.parametrize(("faint", "strong"), [(50, 50), (20, 4)])
def test_uneven_ink_is_no_shadow(faint: int, strong: int) -> None:
    """Of a marker that runs dry, the stronger part is as deep as the rest; a faint stroke to the edge is not deep."""
    picture = with_stroke(canvas(SIDE, SIDE, PAPER), [(-20, 60), (130, 60)], ink=130, pen=faint)
    assert not has_one(with_stroke(picture, [(130, 70), (125, 80)], ink=60, pen=strong))


def test_bold_ink_beside_a_shadow() -> None:
    """Ink that is stronger needs not be thin."""
    assert has_one(lit(seven(38), (210, 100), 70, 0.7))


@pytest.mark.parametrize("shape", [(1, 384), (384, 2), (20, 2000)])
def test_long_pictures(shape: tuple[int, int]) -> None:
    """However narrow: there is an answer."""
    picture = np.random.default_rng(1).integers(60, 200, shape).astype(np.uint8)
    assert strokes_in_shadow(picture, smooth_ground(picture)) is None


@pytest.mark.parametrize("spread", [12, 25, 50])
@pytest.mark.parametrize("middle", [(90, 60), (100, 130)])
@pytest.mark.parametrize("light", [40, 80, 140])
def test_flash(middle: tuple[int, int], light: int, spread: int) -> None:
    """A soft bright spot across dark strokes is not taken for light ink, and none of them is lost in it."""
    rows, columns = np.indices((SIDE, SIDE))
    spot = light * np.exp(-((columns - middle[0]) ** 2 + (rows - middle[1]) ** 2) / (2 * spread**2))
    plain, flashed = lit(seven(8), middle, 50, 1.0), np.clip(lit(seven(8), middle, 50, 1.0) - 40.0 + spot, 0, 255)
    alone, found = normalize(plain), normalize(flashed.astype(np.uint8))
    assert found.inverted
    assert float(np.abs(alone.pixels.astype(float) - found.pixels).mean()) < 20


@pytest.mark.parametrize("spread", [25, 40])
@pytest.mark.parametrize("middle", [(90, 60), (100, 130)])
def test_pencil_by_flash(middle: tuple[int, int], spread: int) -> None:
    """However faint and small beside the spot: the spot is round, which no stroke is."""
    rows, columns = np.indices((SIDE, SIDE))
    spot = 110 * np.exp(-((columns - middle[0]) ** 2 + (rows - middle[1]) ** 2) / (2 * spread**2))
    sheet = with_stroke(canvas(SIDE, SIDE, 170), [(75, 70), (115, 70), (95, 120)], ink=130, pen=5)
    plain = lit(sheet, middle, 50, 1.0)
    alone, found = normalize(plain), normalize(np.clip(plain - 30.0 + spot, 0, 255).astype(np.uint8))
    assert found.inverted
    assert float(np.abs(alone.pixels.astype(float) - found.pixels).mean()) < 20


@pytest.mark.parametrize("pen", [8, 20, 32])
def test_light_ink_is_no_spot(pen: int) -> None:
    """However bold: its edges are hard."""
    board = lit(255 - seven(pen), (100, 100), 50, 1.0)
    assert bright_spot(board, smooth_ground(board)) is None
    assert not normalize(board).inverted


@pytest.mark.parametrize("soft", [3, 5, 8])
def test_soft_light_ink(soft: int) -> None:
    """Out of focus, it is as soft as a spot, but a stroke."""
    blurred = np.asarray(cv2.GaussianBlur(255 - seven(24), (0, 0), soft), np.uint8)
    board = lit(blurred, (100, 100), 50, 1.0)
    assert not normalize(board).inverted


def test_soft_light_zero() -> None:
    """It is round, but its ring is longer than it is deep, and nothing dark is written."""
    ring = cv2.ellipse(canvas(SIDE, SIDE, 90), (100, 100), (45, 60), 0, 0, 360, 200, 26)
    board = lit(np.asarray(cv2.GaussianBlur(ring, (0, 0), 5), np.uint8), (100, 100), 50, 1.0)
    assert not normalize(board).inverted


@pytest.mark.parametrize("spread", [45, 65])
def test_flash_in_a_dark_room(spread: int) -> None:
    """The light falls on the digit alone: around it, paper is as dark as its ink."""
    rows, columns = np.indices((SIDE, SIDE))
    light = 0.15 + 0.85 * np.exp(-((columns - 100) ** 2 + (rows - 100) ** 2) / (2 * spread**2))
    plain = lit(seven(8), (100, 100), 50, 1.0)
    alone, found = normalize(plain), normalize((plain * light).astype(np.uint8))
    assert found.inverted
    assert float(np.abs(alone.pixels.astype(float) - found.pixels).mean()) < 20
