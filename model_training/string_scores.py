"""How a published model reads composed strings of digits, apart and touching."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from app.artifact import StringsScore
from app.errors import PictureError
from app.loading import Model
from app.rows import read_page
from model_training.data import Digits
from model_training.evaluation import score
from model_training.strings import SPACINGS, Spacing, String, compose

STRINGS: Final = 600
"""Strings of each spacing."""


def measure_strings(model: Model, digits: Digits) -> tuple[StringsScore, ...]:
    """Read STRINGS strings of each spacing, the same ones every time."""
    return tuple(_measure(model, digits, spacing, STRINGS) for spacing in SPACINGS)


def _measure(model: Model, digits: Digits, spacing: Spacing, count: int) -> StringsScore:
    strings = whole = length = wrong = 0
    for string in _strings(digits, spacing, count):
        text = read_text(model, string)
        strings += 1
        length += len(string.text)
        whole += text == string.text
        wrong += min(len(string.text), distance(string.text, text))
    return StringsScore(
        spacing=spacing, strings=score(whole, max(1, strings)), digits=score(length - wrong, max(1, length))
    )


def _strings(digits: Digits, spacing: Spacing, count: int) -> Iterator[String]:
    """Of touching strings only those in which any touch."""
    random = np.random.default_rng(SPACINGS.index(spacing))
    for _ in range(count):
        string = compose(digits.pictures[..., 0], digits.labels, random, spacing)
        if spacing != "touching" or string.touches:
            yield string


def read_text(model: Model, string: String) -> str:
    """The most probable digits on a picture, rows between newlines; none where the service finds no ink."""
    read_strip = model.row_reader.read if model.row_reader is not None else None
    try:
        rows = read_page(string.picture, model.classifier.classify, read_strip).rows
    except PictureError:
        return ""
    return "\n".join("".join(str(int(digit.probabilities.argmax())) for digit in row) for row in rows)


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
