"""The committed model on digits of other hands than MNIST's: scikit-learn's, by 43 writers in Turkey."""

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from app.loading import load_model
from app.normalization import normalize
from app.settings import PROJECT_FOLDER

COUNT = 300


def on_paper(digit: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """One of scikit-learn's 8x8 digits of 16 grey levels, dark on white, as large as on a form."""
    grey = np.rint(255 - digit * (255 / 16)).astype(np.uint8)
    large = cv2.resize(grey, (160, 160), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(large, 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=255), np.uint8)


def test_digits_of_other_writers_are_read() -> None:
    """At least 95 of 100, though each was stored in 64 pixels; MNIST's makers and scikit-learn's never met."""
    digits = load_digits()
    classifier = load_model(PROJECT_FOLDER / "artifacts" / "default").classifier
    prepared = np.stack([normalize(on_paper(digit)).pixels for digit in digits.images[:COUNT]])
    answers = classifier.classify(prepared).argmax(axis=1)
    assert (answers == digits.target[:COUNT]).mean() >= 0.95
