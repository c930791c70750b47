"""The reference for drift."""

import numpy as np
import pytest

from app.drift import CONFIDENCE, INK_SHARE, STROKE_WIDTH, VERDICT, bin_of, drift, features
from app.loading import Model
from model_training.data import Dataset, Digits
from model_training.inputs import BINS, measure_inputs


def test_reference_of_validation_digits(digits: Dataset, measured_model: Model) -> None:
    """Each feature has its bins, the shares sum to 1, ink share and stroke width fill theirs equally."""
    reference = measure_inputs(measured_model.classifier, measured_model.metadata.thresholds, digits.validation)
    assert [feature.name for feature in reference] == [INK_SHARE, STROKE_WIDTH, CONFIDENCE, VERDICT]
    for feature in reference:
        assert len(feature.shares) == len(feature.edges) + 1
        assert sum(feature.shares) == pytest.approx(1.0)
        assert list(feature.edges) == sorted(set(feature.edges))
    for feature in reference[:2]:
        assert feature.shares == pytest.approx([1 / BINS] * BINS, abs=0.01)


def test_same_digits_do_not_drift_and_bold_ones_do(digits: Dataset, measured_model: Model) -> None:
    """Other digits of the same kind are near the reference; filled squares are far from it."""
    reference = measure_inputs(measured_model.classifier, None, digits.validation)

    def index(pictures: np.ndarray) -> float:
        answers = measured_model.classifier.classify(pictures)
        counts = {feature.name: [0] * len(feature.shares) for feature in reference}
        for picture, answer in zip(pictures, answers, strict=True):
            found = features(picture, answer, None)
            for feature in reference:
                counts[feature.name][bin_of(found[feature.name], feature.edges)] += 1
        return drift(counts, reference, 1)[STROKE_WIDTH]

    assert index(digits.test.pictures) < 0.25
    squares = np.zeros((100, 28, 28, 1), np.uint8)
    squares[:, 4:24, 4:24] = 255
    assert index(squares) > 1.0


def test_without_thresholds_there_are_no_verdicts(few_digits: Dataset, measured_model: Model) -> None:
    """A model that gives none has none to watch, and equal values make fewer bins."""
    same = Digits(np.repeat(few_digits.validation.pictures[:1], 30, axis=0), few_digits.validation.labels[:30])
    reference = measure_inputs(measured_model.classifier, None, same)
    assert VERDICT not in {feature.name for feature in reference}
    assert len(reference[0].edges) < BINS - 1


def test_same_every_time(few_digits: Dataset, measured_model: Model) -> None:
    """Corruptions are drawn with a seed."""
    first, second = (measure_inputs(measured_model.classifier, None, few_digits.validation) for _ in range(2))
    assert first == second
