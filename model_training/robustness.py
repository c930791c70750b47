"""Accuracy on corrupted digits, in the spirit of MNIST-C (Mu, 2019), and on digits in scenes that people send."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from app.artifact import CorruptionScore, SceneScore, Score
from app.classifier import Classifier
from app.contract import INPUT_SHAPE
from app.errors import NoInkError
from app.normalization import normalize
from model_training.corruption import CORRUPTIONS, Picture, Random
from model_training.data import Digits
from model_training.evaluation import score
from model_training.scenes import SCENES, digits_for

STRENGTHS: Final = (0.2, 0.6, 1.0)
"""From barely visible to hard, still readable for a person."""

MOST_DIGITS: Final = 2_000

MOST_DIGITS_IN_SCENES: Final = 1_000
"""Fewer: their pictures are larger."""

_SEED: Final = 0xC0FFEE


def measure_robustness(classifier: Classifier, digits: Digits) -> tuple[CorruptionScore, ...]:
    """Read the first digits of a set under every corruption at every strength; what shows no ink counts as wrong."""
    first = _first(digits, MOST_DIGITS)
    return tuple(
        CorruptionScore(
            kind=kind,
            strength=strength,
            score=_measure(classifier, first, partial(_corrupted, kind, strength)),
        )
        for kind in CORRUPTIONS
        for strength in STRENGTHS
    )


def _corrupted(kind: str, strength: float, digit: Picture, random: Random) -> Picture:
    return CORRUPTIONS[kind](digit, strength, random)


def mean_accuracy(scores: tuple[CorruptionScore, ...] | tuple[SceneScore, ...]) -> float:
    """Over all rows."""
    return float(np.mean([part.score.share for part in scores]))


def measure_scenes(classifier: Classifier, digits: Digits) -> tuple[SceneScore, ...]:
    """Read the first digits of a set, mostly but for sticks, in every scene; what shows no ink counts as wrong."""
    first = _first(digits, MOST_DIGITS_IN_SCENES)
    return tuple(
        SceneScore(scene=name, score=_measure(classifier, digits_for(name, first), scene))
        for name, scene in SCENES.items()
    )


def _first(digits: Digits, count: int) -> Digits:
    return Digits(digits.pictures[:count], digits.labels[:count])


def _measure(classifier: Classifier, digits: Digits, change: Callable[[Picture, Random], Picture]) -> Score:
    # The same seed for every row: a row's figure does not depend on the rows before it.
    random = np.random.default_rng(_SEED)
    prepared = np.zeros((len(digits), *INPUT_SHAPE), np.uint8)
    found = np.zeros(len(digits), bool)
    for index, picture in enumerate(digits.pictures):
        try:
            prepared[index] = normalize(change(picture[..., 0], random)).pixels
        except NoInkError:
            continue
        found[index] = True
    right = (classifier.classify(prepared).argmax(axis=1) == digits.labels) & found
    return score(int(right.sum()), len(digits))
