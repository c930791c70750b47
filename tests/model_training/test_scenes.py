"""Scenes are pictures as somebody might send them, the same every time."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from model_training.data import Digits
from model_training.scenes import SCENES, digits_for


@pytest.mark.parametrize("scene", SCENES)
def test_scenes_are_pictures_of_the_digit(mnist_digits: npt.NDArray[np.uint8], scene: str) -> None:
    """Grey, drawn anew each time but for those that leave nothing to chance, and the same from the same seed."""
    digit = mnist_digits[1_000]
    first, second = (SCENES[scene](digit, np.random.default_rng(1)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.ndim == 2
    assert np.ptp(first) > 20
    assert np.array_equal(first, second)


def test_sticks_are_left_out(mnist_digits: npt.NDArray[np.uint8]) -> None:
    """A one as straight as a stick goes, all else stays in its order; of stretched crops it is the hardest."""
    stick = np.zeros((28, 28), np.uint8)
    cv2.line(stick, (14, 4), (14, 23), 255, 3)
    pictures = np.stack([mnist_digits[0], stick, mnist_digits[4_999]])[..., None]
    digits = Digits(pictures, np.array([0, 1, 9], np.uint8))
    assert digits_for("cropped to the ink, stretched to a square", digits) is digits
    kept = digits_for("in the box of a form", digits)
    assert kept.labels.tolist() == [0, 9]
    assert np.array_equal(kept.pictures, pictures[[0, 2]])
