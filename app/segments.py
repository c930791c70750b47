"""What the columns of a row say about each stretch of it, as pure functions.

A stretch reads as one symbol where some neighbouring columns are its middle and all others are the middle of nothing:
the sum over such readings that connectionist temporal classification takes (Graves et al., 2006), reduced to its
largest term.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from app.contract import NOTHING, OTHER

LEAST: Final = 1e-6
"""No probability counts as less."""


def segment_scores(
    columns: npt.NDArray[np.float32], stretches: Sequence[tuple[int, int]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How well each stretch reads as one of each symbol, and as nothing, in nats, 0 at best.

    Args:
        columns: probabilities of the symbols, float32 (columns, SYMBOLS).
        stretches: of each the first column and the one behind the last.

    Returns:
        float64 (stretches, OTHER + 1), of the digits and of OTHER; and float64 (stretches,), of nothing.
    """
    logs = np.log(np.maximum(columns.astype(np.float64), LEAST))
    empty = np.concatenate([[0.0], np.cumsum(logs[:, NOTHING])])
    first, last = np.array(stretches, np.int64).reshape(-1, 2).T
    nothing = empty[np.maximum(first, last)] - empty[first]
    gains = logs[:, : OTHER + 1] - logs[:, NOTHING:]
    best = np.full((len(stretches), OTHER + 1), np.log(LEAST))
    for start in np.unique(first):
        here = np.flatnonzero((first == start) & (last > start))
        if here.size:
            best[here] = _best_runs(gains[start : last[here].max()])[last[here] - start - 1]
    return nothing[:, None] + best, nothing


def _best_runs(gains: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The largest sum of neighbouring rows up to each row (Kadane's algorithm), for each column by itself."""
    run = np.full(gains.shape[1], -np.inf)
    best = np.full(gains.shape, -np.inf)
    most = run.copy()
    for row, gain in enumerate(gains):
        run = np.maximum(run, 0.0) + gain
        most = np.maximum(most, run)
        best[row] = most
    return best
