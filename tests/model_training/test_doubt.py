"""What doubt costs and is worth, on answers counted by hand."""

import numpy as np
import pytest

from app.artifact import Thresholds
from app.loading import Model
from model_training import doubt
from model_training.data import Dataset
from model_training.doubt import classify_others, coverage_curve, refused_others, rejection_curve
from model_training.evaluation import score
from model_training.outliers import draw_outliers


def test_coverage_begins_with_the_most_confident() -> None:
    """Answers join in the order of their confidence; the share of mistakes is that among those so far."""
    answers = np.zeros((4, 10), np.float32)
    for row, (digit, confidence) in enumerate([(1, 0.6), (2, 0.9), (3, 0.7), (4, 0.8)]):
        answers[row, digit] = confidence
    labels = np.array([1, 2, 3, 5], np.uint8)
    coverage, mistaken = coverage_curve(answers, labels)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert mistaken == pytest.approx([0.0, 1 / 2, 1 / 3, 1 / 4])


def test_equally_confident_answers_keep_their_order() -> None:
    """Which of them comes first is no accident of the sorting: here the first half of each kind is wrong."""
    confidence = np.resize(np.array([0.6, 0.9], np.float32), 2000)
    answers = np.zeros((2000, 10), np.float32)
    answers[:, 0] = confidence
    labels = np.repeat(np.array([1, 0], np.uint8), 1000)
    _, mistaken = coverage_curve(answers, labels)
    assert (mistaken[:500] == 1.0).all()
    assert mistaken[999] == 0.5
    assert mistaken[1499] == pytest.approx(1000 / 1500)


def test_rejection_by_threshold() -> None:
    """At each score as the threshold: digits below it are rejected, others not below it accepted."""
    digits = np.array([0.9, 0.5, 0.8, 1.0], np.float32)
    others = np.array([0.6, 0.2], np.float32)
    rejected, accepted = rejection_curve(digits, others)
    # Thresholds 0.2, 0.5, 0.6, 0.8, 0.9 and 1.
    assert rejected.tolist() == [0.0, 0.0, 0.25, 0.25, 0.5, 0.75]
    assert accepted.tolist() == [1.0, 0.5, 0.5, 0.0, 0.0, 0.0]


def test_rejection_of_scores_that_are_told_apart() -> None:
    """There is a threshold that rejects no digit and accepts nothing else."""
    rejected, accepted = rejection_curve(np.array([0.8, 0.9], np.float32), np.array([0.1, 0.3], np.float32))
    assert (0.0, 0.0) in zip(rejected, accepted, strict=True)


def test_refused_others_are_counted() -> None:
    """What spreads its probability over many digits is refused, as prepared pictures are; two likely ones are not."""
    thresholds = Thresholds(
        least_pair_probability=0.0,
        prepared_least_pair_probability=0.7,
        least_confidence=0.9,
        rejection_risk=0.0,
        prepared_rejection_risk=0.0,
        mistake_risk=0.0,
    )
    others = np.full((3, 10), 0.1, np.float32)
    others[1, :2] = 0.4
    assert refused_others(others, thresholds) == score(2, 3)


def test_others_are_drawn_and_classified(
    few_digits: Dataset, measured_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many answers as pictures are drawn, of other pictures each but the same every time."""
    monkeypatch.setattr(doubt, "OTHERS", 12)
    others = classify_others(measured_model, few_digits.test)
    assert others.shape == (12, 10)
    assert others.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert len(np.unique(others, axis=0)) == 12
    assert np.array_equal(classify_others(measured_model, few_digits.test), others)


def test_others_are_not_those_trained_on(
    few_digits: Dataset, measured_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No recipe's seed draws the same pictures."""
    monkeypatch.setattr(doubt, "OTHERS", 3)
    others = classify_others(measured_model, few_digits.test)
    trained_on = measured_model.classifier.classify(draw_outliers(few_digits.test, 3, 1))
    assert not np.array_equal(others, trained_on)
