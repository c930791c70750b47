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

from app.artifact import StringsScore
from app.loading import load_model
from app.settings import PROJECT_FOLDER
from model_training import string_scores
from model_training.data import Digits, load_dataset
from model_training.string_scores import measure_strings

MNIST: Final = os.environ.get("DIGITS_TEST_MNIST")

COUNT: Final = 600 if MNIST else 60
"""Strings of each kind."""


@pytest.fixture(scope="module")
def scores(mnist_digits: npt.NDArray[np.uint8]) -> dict[str, StringsScore]:
    """What the committed model makes of them, by spacing."""
    if MNIST is None:
        labels = np.repeat(np.arange(10, dtype=np.uint8), len(mnist_digits) // 10)
        digits = Digits(mnist_digits[..., None], labels)
    else:
        digits = load_dataset("mnist", Path(MNIST)).test
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(string_scores, "STRINGS", COUNT)
        measured = measure_strings(load_model(PROJECT_FOLDER / "artifacts" / "default"), digits)
    return {part.spacing: part for part in measured}


@pytest.mark.parametrize(
    ("spacing", "least_strings", "least_digits"),
    [("wide", 0.93, 0.98), ("normal", 0.95, 0.985), ("tight", 0.94, 0.985), ("touching", 0.87, 0.965)],
)
def test_strings(
    scores: dict[str, StringsScore],
    spacing: str,
    least_strings: float,
    least_digits: float,
    record_property: Callable[[str, object], None],
) -> None:
    """Most strings are read whole, and nearly all their digits, however far apart they are."""
    found = scores[spacing]
    record_property(f"{spacing}_strings", found.strings.share)
    record_property(f"{spacing}_digits", found.digits.share)
    assert found.strings.share >= least_strings
    assert found.digits.share >= least_digits
