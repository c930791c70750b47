"""What doubt costs and what it is worth: accuracy against coverage, false accepts against false rejects."""

from typing import Final

import numpy as np
import numpy.typing as npt

from app.artifact import Score, Thresholds
from app.judgement import judge
from app.loading import Model
from model_training.data import Digits
from model_training.evaluation import Probabilities, score
from model_training.outliers import draw_outliers

OTHERS: Final = 2_000
"""How many pictures of no digits are drawn."""

_SEED: Final = 0xD0B7
"""Not that of any recipe: these are other pictures than those trained on."""

Curve = npt.NDArray[np.float64]
"""float64 (n,)."""


def classify_others(model: Model, digits: Digits) -> Probabilities:
    """What the model says about freshly drawn pictures of no digits, float32 (OTHERS, 10).

    Args:
        model: to ask.
        digits: to join, mirror and halve; not those trained on.
    """
    return model.classifier.classify(draw_outliers(digits, OTHERS, _SEED))


def refused_others(others: Probabilities, thresholds: Thresholds) -> Score:
    """How many of them are called no digit; draw_outliers had to prepare every one, so they are judged as such."""
    refused = sum(judge(row, thresholds, unchanged=False).verdict == "not_a_digit" for row in others)
    return score(refused, len(others))


def coverage_curve(probabilities: Probabilities, labels: npt.NDArray[np.uint8]) -> tuple[Curve, Curve]:
    """Share of pictures answered, the most confident first, and share of mistakes among the answered, each (n,)."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    wrong = (probabilities.argmax(axis=1) != labels)[order]
    answered = np.arange(1, len(labels) + 1)
    return answered / len(labels), np.cumsum(wrong) / answered


def rejection_curve(digits: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> tuple[Curve, Curve]:
    """False rejects and false accepts as the threshold of a score rises over all its values.

    Args:
        digits: scores of digits, float32 (n,); higher is more like a digit.
        others: scores of pictures of no digits, float32 (m,).

    Returns:
        Share of digits below the threshold and share of others not below it, each (n + m,).
    """
    thresholds = np.sort(np.concatenate([digits, others]))
    rejected = np.searchsorted(np.sort(digits), thresholds) / len(digits)
    accepted = 1.0 - np.searchsorted(np.sort(others), thresholds) / len(others)
    return rejected, accepted
