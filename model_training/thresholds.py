"""Where doubt begins: thresholds for stated risks, chosen on validation digits."""

from typing import Final

import numpy as np
import numpy.typing as npt

from app.artifact import Thresholds
from app.judgement import pair_probability

REJECTION_RISK: Final = 0.0035
"""Share of genuine digits that may be called none, among pictures that have MNIST's geometry already."""

PREPARED_REJECTION_RISK: Final = 0.008
"""The same among pictures that had to be prepared: people send them, and also send letters, scripts and scribbles."""

MISTAKE_RISK: Final = 0.001
"""Share of mistakes among answers that are called certain."""


def choose_thresholds(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> Thresholds:
    """Choose the thresholds that keep the risks and reject or doubt as much as they allow.

    Both risks of rejection are those of the digits given: prepared pictures are taken to be read as surely as these.

    Args:
        probabilities: float32 (n, 10), of genuine digits only.
        labels: uint8 (n,).
    """
    confidence = probabilities.max(axis=1)
    order = np.argsort(confidence)[::-1]
    mistakes = np.cumsum((probabilities.argmax(axis=1) != labels)[order])
    within = np.flatnonzero(mistakes <= MISTAKE_RISK * np.arange(1, len(order) + 1))
    pairs = pair_probability(probabilities)
    return Thresholds(
        least_pair_probability=float(np.quantile(pairs, REJECTION_RISK)),
        prepared_least_pair_probability=float(np.quantile(pairs, PREPARED_REJECTION_RISK)),
        least_confidence=float(confidence[order[within[-1]]]) if within.size else 1.0,
        rejection_risk=REJECTION_RISK,
        prepared_rejection_risk=PREPARED_REJECTION_RISK,
        mistake_risk=MISTAKE_RISK,
    )
