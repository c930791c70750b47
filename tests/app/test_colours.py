"""Ink is looked for in one colour where that shows it far better than the luma, and else in the luma."""

import cv2
import numpy as np
import pytest
from PIL import Image

from app.colours import clearest
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
