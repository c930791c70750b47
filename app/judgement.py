"""Probabilities -> verdict: a digit, an uncertain one, or none; pure functions."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from app.artifact import Thresholds

Verdict = Literal["digit", "uncertain", "not_a_digit"]

CANDIDATE_SHARE: Final = 0.05
"""A digit at least this probable is a candidate of an uncertain answer."""


MOST_LEFT_OUT: Final = 0.2
"""Another piece of ink larger than this share of the digit is another thing on the picture, not dirt."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer is worth."""

    verdict: Verdict
    reason: str
    """A sentence for people."""
    candidates: tuple[int, ...]
    """The digits it may be, the most probable first; empty unless uncertain."""


def judge(
    probabilities: npt.NDArray[np.float32], thresholds: Thresholds, left_out: float = 0.0, *, unchanged: bool
) -> Judgement:
    """Judge one answer.

    Two digits that look alike share the probability between them; what is no digit spreads it over many, since the
    network was taught to (outlier exposure, Hendrycks et al., 2019). Whoever sends pictures in MNIST's geometry has a
    data set of digits; all others come from people, who also send letters and scribbles, and are judged more strictly.

    Args:
        probabilities: float32 (10,).
        thresholds: the model's.
        left_out: area of the largest piece of ink that was left out, as a share of the digit's own.
        unchanged: whether the picture had MNIST's geometry already.
    """
    if left_out > MOST_LEFT_OUT:
        return Judgement("not_a_digit", "There is more than one thing on the picture. Send one digit at a time.", ())
    order = np.argsort(probabilities)[::-1]
    best, second = int(order[0]), int(order[1])
    least = thresholds.least_pair_probability if unchanged else thresholds.prepared_least_pair_probability
    if probabilities[best] + probabilities[second] < least:
        return Judgement("not_a_digit", "The picture resembles several digits a little and none of them well.", ())
    if probabilities[best] < thresholds.least_confidence:
        candidates = tuple(int(digit) for digit in order if probabilities[digit] >= CANDIDATE_SHARE)
        names = " or a ".join(map(str, candidates))
        return Judgement("uncertain", f"It may be a {names}.", candidates)
    return Judgement("digit", f"It is a {best}.", ())


def pair_probability(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sum of the two largest of each row: float32 (n, 10) -> (n,)."""
    two_largest = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two_largest.sum(axis=1), np.float32)
