"""Pictures of a few pixels that were enlarged get their own pixels back; what shows more than those is left alone."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.enlargement import without_blur, without_squares
from app.ground import SMALL_SIDE
from app.normalization import normalize
from tests.pictures import pixels_of, seven

Grey = npt.NDArray[np.uint8]


def few_pixels(height: int = 8, width: int = 8, seed: int = 0) -> Grey:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def squares(picture: Grey, side: int) -> Grey:
    return picture.repeat(side, axis=0).repeat(side, axis=1)


def grained(picture: Grey, deviation: float) -> Grey:
    noise = np.random.default_rng(1).normal(0.0, deviation, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def soft(side: int, interpolation: int = cv2.INTER_LINEAR) -> Grey:
    """A seven of twelve pixels that fills its picture, enlarged."""
    picture = pixels_of(seven(400, 400))
    left, top, width, height = cv2.boundingRect(255 - picture)
    crop = picture[top : top + height, left : left + width]
    small = cv2.resize(crop, (12, 12), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=interpolation), np.uint8)


class TestSquares:
    @given(st.integers(1, SMALL_SIDE), st.integers(1, SMALL_SIDE), st.integers(2, 20), st.integers(0, 99))
    def test_squares_are_pixels_again(self, height: int, width: int, side: int, seed: int) -> None:
        """Whatever a small picture shows, enlarged by whole pixels it comes back, or as even fewer of them."""
        small = few_pixels(height, width, seed)
        found = without_squares(squares(small, side))
        assert max(found.shape) <= SMALL_SIDE
        assert np.array_equal(squares(found, side * height // len(found)), squares(small, side))

    @pytest.mark.parametrize("place", [(0, 0), (37, 61), (199, 199)])
    def test_one_other_pixel(self, place: tuple[int, int]) -> None:
        """What is no square anywhere is no such picture."""
        picture = squares(few_pixels(10, 10), 20)
        picture[place] ^= 255
        assert without_squares(picture) is picture

    def test_pictures_of_more_pixels(self) -> None:
        """Only pictures of a few pixels are taken back: of more, it makes no difference."""
        picture = squares(few_pixels(SMALL_SIDE + 1, 20), 8)
        assert without_squares(picture) is picture

    @pytest.mark.parametrize("side", [2, 10, 50])
    def test_enlarged_digits_of_mnist_are_those(self, mnist_digits: npt.NDArray[np.uint8], side: int) -> None:
        """They pass through unchanged, whatever the size at which somebody saved them."""
        for digit in mnist_digits[::500]:
            found = normalize(squares(digit, side))
            assert found.unchanged
            assert np.array_equal(found.pixels[..., 0], digit)
            assert found.crop_box.height == side * normalize(digit).crop_box.height


class TestBlur:
    @pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
    @pytest.mark.parametrize("side", [48, 64, 128, 384])
    @pytest.mark.parametrize("grain", [0.0, 2.0])
    def test_soft_pictures_are_small_ones(self, interpolation: int, side: int, grain: float) -> None:
        """However far a picture of a few pixels was enlarged, and on whatever grain it lies."""
        picture = grained(soft(side, interpolation), grain)
        assert without_blur(picture).shape == (SMALL_SIDE, SMALL_SIDE)

    @pytest.mark.parametrize("grain", [0.0, 2.0, 20.0])
    @pytest.mark.parametrize("side", [SMALL_SIDE, 64, 200])
    def test_sharp_pictures_stay(self, side: int, grain: float) -> None:
        """Strokes with edges show more than a few pixels could, and a picture that has few loses nothing."""
        picture = grained(pixels_of(seven(side, side)), grain)
        assert without_blur(picture) is picture

    @pytest.mark.parametrize("grain", [0.0, 2.0])
    def test_small_writing_in_uneven_light_stays(self, grain: float) -> None:
        """A small faint digit is little beside the shadow on its sheet; it is all that there is to read."""
        light = np.linspace(250, 90, 384)[None, :] * np.ones((384, 1))
        light[100:140, 150:190] -= 40 * (pixels_of(seven(40, 40)) < 128)
        picture = grained(light.astype(np.uint8), grain)
        assert without_blur(picture) is picture

    def test_squared_paper_stays(self) -> None:
        """Lines that fill a picture are no grain."""
        sheet = np.full((300, 300), 240, np.uint8)
        sheet[::15], sheet[:, ::15] = 180, 180
        assert without_blur(sheet) is sheet

    def test_noise_stays(self) -> None:
        """In pure noise something may be written."""
        noise = grained(np.full((200, 200), 128, np.uint8), 30.0)
        assert without_blur(noise) is noise
