"""Thresholds keep the risks they are chosen for."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.judgement import judge, pair_probability
from model_training.thresholds import MISTAKE_RISK, PREPARED_REJECTION_RISK, REJECTION_RISK, choose_thresholds


def answers(seed: int, count: int, skill: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Probabilities and labels of a reader that is right as often as it says, more or less."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count).astype(np.uint8)
    logits = random.normal(0.0, 1.0, (count, 10))
    logits[np.arange(count), labels] += skill
    powers = np.exp(logits)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), labels


@given(seed=st.integers(0, 1000), skill=st.floats(0.0, 12.0))
def test_risks_are_kept(seed: int, skill: float) -> None:
    """On the digits they were chosen on, rejections and certain mistakes are no more than stated."""
    probabilities, labels = answers(seed, 2000, skill)
    thresholds = choose_thresholds(probabilities, labels)
    assert (thresholds.rejection_risk, thresholds.mistake_risk) == (REJECTION_RISK, MISTAKE_RISK)
    assert thresholds.prepared_rejection_risk == PREPARED_REJECTION_RISK
    pairs = pair_probability(probabilities)
    assert (pairs < thresholds.least_pair_probability).mean() <= REJECTION_RISK
    rejected = (pairs < thresholds.prepared_least_pair_probability).mean()
    assert REJECTION_RISK < rejected <= PREPARED_REJECTION_RISK
    certain = probabilities.max(axis=1) >= thresholds.least_confidence
    wrong = probabilities.argmax(axis=1) != labels
    assert (wrong & certain).sum() <= max(1, MISTAKE_RISK * certain.sum() + 1)


def test_a_reader_without_mistakes_is_always_certain() -> None:
    """Doubt is not spread beyond need."""
    probabilities, labels = answers(3, 2000, 30.0)
    thresholds = choose_thresholds(probabilities, labels)
    verdicts = [judge(row, thresholds, unchanged=True).verdict for row in probabilities]
    assert verdicts.count("digit") >= 0.997 * len(verdicts)
    assert verdicts.count("uncertain") == 0


def test_a_reader_that_is_always_wrong_is_never_certain() -> None:
    """Where every answer is a mistake, the threshold is out of reach."""
    probabilities, _ = answers(4, 100, 9.0)
    never = ((probabilities.argmax(axis=1) + 1) % 10).astype(np.uint8)
    assert choose_thresholds(probabilities, never).least_confidence == pytest.approx(1.0)
