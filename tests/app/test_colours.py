"""Ink is looked for in one colour where that shows it far better than the luma, and else in the luma."""

import cv2
import numpy as np
import pytest
from PIL import Image

from app.colours import clearest
from app.normalization import normalize
from tests.pictures import seven

Colour = tuple[int, int, int]

WHITE: Colour = (244, 243, 238)
BLUE_SQUARES: Colour = (150, 180, 225)


def drawing(ink: Colour, paper: Colour = WHITE, squares: Colour | None = None, side: int = 240) -> Image.Image:
    """A seven on paper, which may be squared."""
    sheet = Image.new("RGB", (side, side), paper)
    if squares is not None:
        for place in range(10, side, 24):
            sheet.paste(squares, (place, 0, place + 2, side))
            sheet.paste(squares, (0, place, side, place + 2))
    sheet.paste(Image.new("RGB", sheet.size, ink), mask=seven(side, side, ink=255, ground=0))
    return sheet


def softened(picture: Image.Image) -> Image.Image:
    """With the edges that a lens leaves."""
    return Image.fromarray(np.asarray(cv2.GaussianBlur(np.asarray(picture), (0, 0), 1.0), np.uint8))


@pytest.mark.parametrize(
    ("picture", "colour"),
    [
        (drawing((250, 225, 60)), "B"),
        (drawing((250, 225, 60), side=28), "B"),
        (drawing((250, 150, 40), squares=BLUE_SQUARES), "B"),
        (drawing((250, 150, 40), squares=(185, 185, 190)), "B"),
        (drawing((80, 200, 230), squares=(225, 170, 170)), "R"),
        (drawing((250, 225, 60), paper=(175, 225, 150)), "B"),
        (drawing((178, 30, 20), paper=(110, 75, 50)), "R"),
    ],
)
def test_one_colour(picture: Image.Image, colour: str) -> None:
    """Yellow on white; orange on blue squares, which are fainter in blue; red on brown of the same lightness."""
    assert clearest(softened(picture)).tobytes() == softened(picture).getchannel(colour).tobytes()


@pytest.mark.parametrize(
    "picture",
    [
        drawing((40, 40, 45)),
        drawing((40, 60, 170)),
        drawing((40, 40, 45), squares=BLUE_SQUARES),
        drawing((40, 60, 170), squares=BLUE_SQUARES),
        drawing((40, 140, 70)),
        drawing((240, 240, 240), paper=(50, 85, 65)),
        drawing((230, 235, 240), paper=(225, 230, 235)),
        Image.new("RGB", (60, 60), (200, 30, 20)),
        Image.new("RGB", (2, 90), (200, 30, 20)),
        Image.new("RGB", (1, 1), (200, 30, 20)),
    ],
)
def test_luma(picture: Image.Image) -> None:
    """Ink that shows well, or as little in any colour, is looked for in all of them together."""
    assert clearest(softened(picture)).tobytes() == softened(picture).convert("L").tobytes()


def test_grain_of_one_colour_is_no_ink() -> None:
    """Blue is the noisiest colour of a photograph in the evening: black ink is not looked for there."""
    picture = np.asarray(drawing((60, 60, 60))).astype(float)
    noise = np.random.default_rng(0).normal(0.0, (4.0, 3.0, 14.0), picture.shape)
    shot = Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8))
    assert clearest(shot).tobytes() == shot.convert("L").tobytes()


def shaded(picture: Image.Image, light: float = 0.6) -> Image.Image:
    """With a round soft shadow across the ink, as a head casts it, the same on all colours."""
    width, height = picture.size
    shadow = cv2.circle(np.zeros((height, width), np.float32), (width // 3, height // 2), height // 4, 1.0, -1)
    shadow = cv2.GaussianBlur(shadow, (0, 0), 9)[..., None]
    return Image.fromarray((np.asarray(picture) * (1.0 - (1.0 - light) * shadow)).astype(np.uint8))


def spread(picture: Image.Image) -> float:
    """Grey levels between the darkest and the brightest of a picture's ground, which is most of it."""
    low, high = np.percentile(np.asarray(picture), (12, 98))
    return float(high - low)


@pytest.mark.parametrize("ink", [(205, 50, 45), (80, 175, 90), (80, 150, 215), (240, 140, 50)])
@pytest.mark.parametrize("paper", [WHITE, (225, 215, 190)])
def test_shadow_has_no_colour(ink: Colour, paper: Colour) -> None:
    """Coloured ink is looked for in its colour where light is uneven; what is found there is as even as the paper."""
    picture = softened(shaded(drawing(ink, paper)))
    found = clearest(picture)
    assert spread(picture.convert("L")) > 60
    assert spread(found) < 12
    alone, read = normalize(np.asarray(drawing(ink, paper).convert("L"))), normalize(np.asarray(found))
    assert read.inverted
    assert float(np.abs(alone.pixels.astype(float) - read.pixels).mean()) < 12


@pytest.mark.parametrize("ink", [(240, 140, 50), (80, 150, 215)])
def test_grey_table_has_no_colour(ink: Colour) -> None:
    """A sheet on one ends where the table begins only in the luma."""
    picture = Image.new("RGB", (320, 320), (90, 90, 92))
    picture.paste(drawing(ink), (80, 80))
    found = np.asarray(clearest(softened(picture)))
    assert abs(float(found[40, 40]) - float(found[100, 100])) < 12


@pytest.mark.parametrize(
    "other",
    [
        drawing((40, 40, 45)),
        drawing((40, 40, 45), squares=(120, 160, 230)),
        drawing((110, 110, 112)),
    ],
)
@pytest.mark.parametrize("mark", [(200, 45, 40), (40, 90, 200)])
def test_what_is_grey_is_ink_too(other: Image.Image, mark: Colour) -> None:
    """A teacher's mark beside a digit in black or pencil does not make it vanish."""
    other = other.copy()
    other.paste(mark, (180, 190, 215, 196))
    picture = softened(shaded(other))
    assert clearest(picture).tobytes() == picture.convert("L").tobytes()


def test_bold_black_ink_is_no_shadow() -> None:
    """It is as wide as what casts none, but its edges are many and hard."""
    picture = Image.new("RGB", (240, 240), WHITE)
    picture.paste((40, 40, 45), (30, 20, 200, 90))
    picture.paste((40, 40, 45), (120, 90, 200, 220))
    picture.paste((200, 45, 40), (40, 150, 62, 156))
    shot = softened(picture)
    assert clearest(shot).tobytes() == shot.convert("L").tobytes()


def test_coloured_pen_beside_black_ink() -> None:
    """What the picture's edge cuts is no digit in colour."""
    picture = drawing((60, 60, 62))
    picture.paste((200, 45, 40), (0, 200, 90, 216))
    shot = softened(shaded(picture))
    assert clearest(shot).tobytes() == shot.convert("L").tobytes()


@pytest.mark.parametrize("side", [28, 60, 90])
def test_small_pictures_keep_their_greys(side: int) -> None:
    """Their colours are coarser than their greys."""
    picture = softened(shaded(drawing((40, 70, 150), side=side)))
    assert clearest(picture).tobytes() == picture.convert("L").tobytes()


@pytest.mark.parametrize("shape", [(100, 1), (100, 2), (400, 3), (97, 98), (2000, 20)])
def test_any_shape(shape: tuple[int, int]) -> None:
    """However narrow and colourful: there is an answer of the same size."""
    noise = np.random.default_rng(3).integers(0, 256, (*shape, 3)).astype(np.uint8)
    assert clearest(Image.fromarray(noise)).size == (shape[1], shape[0])
