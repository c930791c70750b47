"""Composed strings as the service reads them: what it does not find counts as not read."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.loading import Model
from model_training import string_scores
from model_training.data import Dataset
from model_training.string_scores import distance, measure_strings, read_text
from model_training.strings import String, compose


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "", 0), ("2047", "2047", 0), ("2047", "247", 1), ("2047", "20347", 1), ("2047", "2147", 1), ("12", "", 2)],
)
def test_distance(one: str, other: str, expected: int) -> None:
    """Each character to insert, drop or replace counts one, in either direction."""
    assert distance(one, other) == distance(other, one) == expected


def test_string_without_ink(tiny_model: Model, few_digits: Dataset) -> None:
    """A string on which the service finds no ink is read as nothing."""
    digits = few_digits.test
    string = compose(digits.pictures[..., 0], digits.labels, np.random.default_rng(1), "normal", "white")
    assert read_text(tiny_model, replace(string, picture=np.full_like(string.picture, 255))) == ""


def test_what_is_not_found_is_wrong(tiny_model: Model, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement ends with a figure whatever the service makes of the strings: what it refuses is all wrong."""

    def blank(*arguments: Any) -> String:
        string = compose(*arguments)
        return replace(string, picture=np.full_like(string.picture, 255))

    monkeypatch.setattr(string_scores, "STRINGS", 3)
    monkeypatch.setattr(string_scores, "compose", blank)
    for part in measure_strings(tiny_model, few_digits.test):
        assert (part.strings.correct, part.digits.correct) == (0, 0)
        assert part.digits.count >= 2
