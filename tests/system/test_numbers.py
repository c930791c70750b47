"""The committed model on whole numbers: strings composed of MNIST's digits, apart and touching.

With DIGITS_TEST_MNIST=path/to/mnist.npz (or a folder with the four IDX files) many strings of MNIST's test digits are
read; without, a few strings of the digits that a package carries.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

from app.loading import Model, load_model
from app.rows import read_page
from app.settings import PROJECT_FOLDER
from model_training.data import load_dataset
from model_training.strings import SPACINGS, Spacing, compose

MNIST: Final = os.environ.get("DIGITS_TEST_MNIST")

COUNT: Final = 600 if MNIST else 60
"""Strings of each kind."""


@pytest.fixture(scope="module")
def model() -> Model:
    """The committed one."""
    return load_model(PROJECT_FOLDER / "artifacts" / "default")


@pytest.fixture(scope="module")
def digits(mnist_digits: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]:
    """What strings are composed of."""
    if MNIST is None:
        return mnist_digits, np.repeat(np.arange(10), len(mnist_digits) // 10)
    test = load_dataset("mnist", Path(MNIST)).test
    return test.pictures[..., 0], test.labels


def distance(one: str, other: str) -> int:
    """How many characters to insert, drop or replace (Levenshtein, 1966)."""
    costs = list(range(len(other) + 1))
    for row, character in enumerate(one, 1):
        previous, costs[0] = costs[0], row
        for column, wanted in enumerate(other, 1):
            previous, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, previous + (character != wanted)),
            )
    return costs[-1]


def right(
    model: Model, digits: tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]], spacing: Spacing
) -> tuple[float, float]:
    """Share of the strings, and of their digits, that are read right; of touching strings those in which any touch."""
    strings = wrong = whole = 0
    length = 0
    random = np.random.default_rng(SPACINGS.index(spacing))
    for _ in range(COUNT):
        string = compose(*digits, random, spacing)
        if spacing == "touching" and not string.touches:
            continue
        text = "\n".join(
            "".join(str(int(digit.probabilities.argmax())) for digit in row)
            for row in read_page(string.picture, model.classifier.classify).rows
        )
        strings += 1
        length += len(string.text)
        whole += text == string.text
        wrong += min(len(string.text), distance(string.text, text))
    return whole / strings, 1.0 - wrong / length


@pytest.mark.parametrize(
    ("spacing", "least_strings", "least_digits"),
    [("wide", 0.93, 0.98), ("normal", 0.95, 0.985), ("tight", 0.94, 0.985), ("touching", 0.74, 0.925)],
)
def test_strings(
    model: Model,
    digits: tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]],
    spacing: Spacing,
    least_strings: float,
    least_digits: float,
    record_property: Callable[[str, object], None],
) -> None:
    """Most strings are read whole, and nearly all their digits, however far apart they are."""
    of_strings, of_digits = right(model, digits, spacing)
    record_property(f"{spacing}_strings", of_strings)
    record_property(f"{spacing}_digits", of_digits)
    assert of_strings >= least_strings
    assert of_digits >= least_digits
