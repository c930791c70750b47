"""What the service's input is expected to be like: the reference that it measures drift against."""

from typing import Final

import numpy as np
import numpy.typing as npt

from app.artifact import FeatureReference, Thresholds
from app.classifier import Classifier
from app.drift import CONFIDENCE, INK_SHARE, STROKE_WIDTH, VERDICT, VERDICTS, features
from app.judgement import judge
from model_training.corruption import corrupt_digits
from model_training.data import Digits

BINS: Final = 10
"""Of ink share and stroke width, equally filled."""

CONFIDENCE_EDGES: Final = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Not equally filled: most answers are so sure that a tenth of them would differ from the next by rounding alone."""

_SEED: Final = 0xD21F7
"""Not that of any recipe: these are other corruptions than those trained on."""


def measure_inputs(
    classifier: Classifier, thresholds: Thresholds | None, validation: Digits
) -> tuple[FeatureReference, ...]:
    """The features of validation digits, as they are and corrupted, in equal numbers.

    Those as they are stand for clients with a data set of digits, the corrupted ones, which the service had to
    prepare, for people's pictures. Of neither was learnt. Without thresholds there are no verdicts to watch.
    """
    corrupted = corrupt_digits(validation, len(validation), _SEED)
    rows = [
        row
        for digits, unchanged in ((validation, True), (corrupted, False))
        for row in _features(classifier, thresholds, digits, unchanged=unchanged)
    ]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    edges = {
        INK_SHARE: _equal_parts(columns[INK_SHARE]),
        STROKE_WIDTH: _equal_parts(columns[STROKE_WIDTH]),
        CONFIDENCE: CONFIDENCE_EDGES,
        VERDICT: tuple(index + 0.5 for index in range(len(VERDICTS) - 1)),
    }
    return tuple(_reference(name, values, edges[name]) for name, values in columns.items())


def _features(
    classifier: Classifier, thresholds: Thresholds | None, digits: Digits, *, unchanged: bool
) -> list[dict[str, float]]:
    answers = classifier.classify(digits.pictures)
    verdicts = [None if thresholds is None else judge(row, thresholds, unchanged=unchanged).verdict for row in answers]
    return [
        features(picture, answer, verdict)
        for picture, answer, verdict in zip(digits.pictures, answers, verdicts, strict=True)
    ]


def _equal_parts(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """The edges of BINS equally filled bins; fewer where many values are the same."""
    return tuple(np.unique(np.quantile(values, np.arange(1, BINS) / BINS)).tolist())


def _reference(name: str, values: npt.NDArray[np.float64], edges: tuple[float, ...]) -> FeatureReference:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return FeatureReference(name=name, edges=edges, shares=tuple((counts / len(values)).tolist()))
