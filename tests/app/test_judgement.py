"""Verdicts follow from the probabilities and the thresholds, and from nothing else."""

import numpy as np
import numpy.typing as npt
import pytest

from app.artifact import Thresholds
from app.judgement import judge, pair_probability

THRESHOLDS = Thresholds(
    least_pair_probability=0.7,
    prepared_least_pair_probability=0.8,
    least_confidence=0.9,
    rejection_risk=0.003,
    prepared_rejection_risk=0.008,
    mistake_risk=0.001,
)


def probabilities(**named: float) -> npt.NDArray[np.float32]:
    """Ten probabilities: those of the digits d0 to d9 that are named, the rest shared evenly by the others."""
    given = {int(name[1:]): value for name, value in named.items()}
    rest = (1.0 - sum(given.values())) / (10 - len(given))
    return np.array([given.get(digit, rest) for digit in range(10)], np.float32)


def test_a_sure_answer_is_a_digit() -> None:
    """High confidence is a digit, without candidates."""
    judgement = judge(probabilities(d7=0.97), THRESHOLDS, unchanged=False)
    assert (judgement.verdict, judgement.reason, judgement.candidates) == ("digit", "It is a 7.", ())


def test_two_likely_digits_are_uncertain() -> None:
    """Two that share the probability are both named, the likelier first."""
    judgement = judge(probabilities(d4=0.4, d9=0.55), THRESHOLDS, unchanged=False)
    assert (judgement.verdict, judgement.candidates) == ("uncertain", (9, 4))
    assert judgement.reason == "It may be a 9 or a 4."


def test_one_likely_digit_can_be_uncertain() -> None:
    """A single candidate below the threshold stays uncertain."""
    judgement = judge(probabilities(d4=0.85), THRESHOLDS, unchanged=False)
    assert (judgement.verdict, judgement.candidates) == ("uncertain", (4,))


def test_spread_probability_is_no_digit() -> None:
    """What resembles many digits is none."""
    for named in ({}, {"d3": 0.5}, {"d3": 0.45, "d5": 0.3}):
        judgement = judge(probabilities(**named), THRESHOLDS, unchanged=False)
        assert (judgement.verdict, judgement.candidates) == ("not_a_digit", ())
        assert judgement.reason.endswith(".")


@pytest.mark.parametrize(("confidence", "verdict"), [(0.8999, "uncertain"), (0.9001, "digit")])
def test_confidence_just_beside_the_threshold(confidence: float, verdict: str) -> None:
    """Both sides of the bound."""
    assert judge(probabilities(d1=confidence), THRESHOLDS, unchanged=False).verdict == verdict


@pytest.mark.parametrize(
    ("unchanged", "pair", "verdict"),
    [
        (True, 0.699, "not_a_digit"),
        (True, 0.701, "uncertain"),
        (False, 0.799, "not_a_digit"),
        (False, 0.801, "uncertain"),
    ],
)
def test_pair_just_beside_the_threshold(unchanged: bool, pair: float, verdict: str) -> None:
    """Both sides of the other, which is stricter where the picture had to be prepared."""
    assert judge(probabilities(d1=pair / 2, d7=pair / 2), THRESHOLDS, unchanged=unchanged).verdict == verdict


def test_pair_probability_is_the_sum_of_the_two_largest() -> None:
    """Row by row."""
    rows = np.stack([probabilities(d0=0.6, d9=0.3), probabilities(d5=1.0)])
    assert pair_probability(rows) == pytest.approx([0.9, 1.0])


@pytest.mark.parametrize(("left_out", "verdict"), [(0.2, "digit"), (0.21, "not_a_digit")])
def test_another_thing_on_the_picture(left_out: float, verdict: str) -> None:
    """However sure the answer, two things are not one digit."""
    assert judge(probabilities(d7=0.97), THRESHOLDS, left_out, unchanged=True).verdict == verdict
