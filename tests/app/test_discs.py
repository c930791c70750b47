"""Discs by runs of pixels: the very pictures that OpenCV makes pixel by pixel, and sooner."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.discs import FEW, Grey, closed, dilated, opened


def grain(height: int, width: int, seed: int) -> Grey:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def disc(size: int) -> Grey:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


odd = st.integers(0, FEW).map(lambda half: 2 * half + 1)


@given(st.integers(1, 70), st.integers(1, 70), odd, st.integers(0, 99))
def test_any_picture_and_disc(height: int, width: int, size: int, seed: int) -> None:
    """Whatever the picture and the disc, be it larger than the picture: OpenCV finds the same."""
    picture = grain(height, width, seed)
    assert np.array_equal(dilated(picture, size), cv2.dilate(picture, disc(size)))
    assert np.array_equal(closed(picture, size), cv2.morphologyEx(picture, cv2.MORPH_CLOSE, disc(size)))
    assert np.array_equal(opened(picture, size), cv2.morphologyEx(picture, cv2.MORPH_OPEN, disc(size)))


@pytest.mark.parametrize(("shape", "size"), [((384, 288), 85), ((384, 384), 115), ((30, 384), FEW + 2)])
def test_photographs(shape: tuple[int, int], size: int) -> None:
    """So it is at the sizes of photographs, and the picture itself is left as it was."""
    picture = np.asarray(cv2.blur(grain(*shape, 0), (9, 9)), np.uint8)
    before = picture.copy()
    assert np.array_equal(closed(picture, size), cv2.morphologyEx(picture, cv2.MORPH_CLOSE, disc(size)))
    assert np.array_equal(picture, before)
