"""Accuracy on corrupted digits, through the service's own preparation; in the spirit of MNIST-C (Mu, 2019)."""

from typing import Final

import numpy as np

from app.artifact import CorruptionScore, Score
from app.classifier import Classifier
from app.contract import INPUT_SHAPE
from app.errors import NoInkError
from app.normalization import normalize
from model_training.corruption import CORRUPTIONS
from model_training.data import Digits
from model_training.evaluation import score

STRENGTHS: Final = (0.2, 0.6, 1.0)
"""From barely visible to hard, still readable for a person."""

MOST_DIGITS: Final = 2_000

_SEED: Final = 0xC0FFEE


def measure_robustness(classifier: Classifier, digits: Digits) -> tuple[CorruptionScore, ...]:
    """Read the first digits of a set under every corruption at every strength; what shows no ink counts as wrong."""
    first = Digits(digits.pictures[:MOST_DIGITS], digits.labels[:MOST_DIGITS])
    return tuple(
        CorruptionScore(kind=kind, strength=strength, score=_measure(classifier, first, kind, strength))
        for kind in CORRUPTIONS
        for strength in STRENGTHS
    )


def mean_accuracy(scores: tuple[CorruptionScore, ...]) -> float:
    """Over all kinds and strengths."""
    return float(np.mean([part.score.share for part in scores]))


def _measure(classifier: Classifier, digits: Digits, kind: str, strength: float) -> Score:
    # The same seed for every row: a row's figure does not depend on the rows before it.
    random = np.random.default_rng(_SEED)
    prepared = np.zeros((len(digits), *INPUT_SHAPE), np.uint8)
    found = np.zeros(len(digits), bool)
    for index, picture in enumerate(digits.pictures):
        try:
            prepared[index] = normalize(CORRUPTIONS[kind](picture[..., 0], strength, random)).pixels
        except NoInkError:
            continue
        found[index] = True
    right = (classifier.classify(prepared).argmax(axis=1) == digits.labels) & found
    return score(int(right.sum()), len(digits))
