"""Figures are what their names say."""

import dataclasses

import numpy as np
import pytest

from app.artifact import Thresholds
from app.loading import Model
from model_training import evaluation
from model_training.data import Dataset
from model_training.evaluation import (
    DisagreementError,
    evaluate,
    expected_calibration_error,
    score,
)


def test_score_is_wilsons() -> None:
    """9,950 of 10,000: the interval is the published formula's."""
    result = score(9_950, 10_000)
    z, n, p = 1.959964, 10_000, 0.995
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert result.share == 0.995
    assert (result.low, result.high) == pytest.approx((middle - reach, middle + reach), abs=1e-6)


def test_calibration_error_of_known_answers() -> None:
    """Always 80% sure and right 6 times of 10: the error is 0.2; right 8 times of 10: none."""
    probabilities = np.full((10, 10), 0.2 / 9, np.float32)
    probabilities[:, 3] = 0.8
    for right, expected in ((6, 0.2), (8, 0.0)):
        labels = np.array([3] * right + [4] * (10 - right), np.uint8)
        assert expected_calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-6)


def test_certainty_counts_in_the_last_bin() -> None:
    """A confidence of exactly 1 is measured like any other."""
    certain = np.eye(10, dtype=np.float32)[[1, 2]]
    assert expected_calibration_error(certain, np.array([1, 3], np.uint8)) == pytest.approx(0.5)


def test_evaluation_agrees_with_the_answers(few_digits: Dataset, measured_model: Model) -> None:
    """Counts, matrix, precision and recall all follow from the same answers."""
    result, probabilities = evaluate(measured_model, few_digits, {"loss": [1.0], "seconds": [2.0]})
    answers, labels = probabilities.argmax(axis=1), few_digits.test.labels
    matrix = np.array(result.confusion)
    assert matrix.sum() == len(few_digits.test)
    assert result.test.correct == int((answers == labels).sum()) == int(np.trace(matrix))
    assert result.validation.count == len(few_digits.validation)
    assert (result.png.correct, result.png.count) == (50, 50)
    assert result.training_seconds == 2.0
    for row in result.digits:
        assert row.count == int((labels == row.digit).sum())
        answered = int((answers == row.digit).sum())
        right = int(matrix[row.digit, row.digit])
        assert row.recall == pytest.approx(right / row.count)
        assert row.precision == pytest.approx(right / answered if answered else 0.0)


def test_input_path_that_changes_digits_is_found(
    few_digits: Dataset, measured_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If pictures sent as PNG read otherwise than arrays, there is no evaluation."""
    monkeypatch.setattr(evaluation, "read_file", lambda *_: None)
    with pytest.raises(DisagreementError, match="50 of 50 test digits"):
        evaluate(measured_model, few_digits, {})


def test_verdicts_are_counted(few_digits: Dataset, measured_model: Model) -> None:
    """Rejected and certain answers follow from the thresholds: impossible ones reject all, none doubts nothing."""
    for least, rejected, certain in ((1.1, 50, 0), (0.0, 0, 50)):
        # Test digits are not prepared: the second threshold must not matter.
        thresholds = Thresholds(
            least_pair_probability=least,
            prepared_least_pair_probability=1.1 - least,
            least_confidence=0.0,
            rejection_risk=0.0,
            prepared_rejection_risk=0.0,
            mistake_risk=0.0,
        )
        metadata = measured_model.metadata.model_copy(update={"thresholds": thresholds})
        result, _ = evaluate(dataclasses.replace(measured_model, metadata=metadata), few_digits, {})
        assert result.rejected is not None
        assert result.rejected.correct == rejected
        assert result.certain == (score(result.test.correct, certain) if certain else None)


def test_model_without_thresholds_gives_no_verdicts(few_digits: Dataset, tiny_model: Model) -> None:
    """Then there is nothing to count."""
    result, _ = evaluate(tiny_model, few_digits, {})
    assert (result.rejected, result.certain) == (None, None)
