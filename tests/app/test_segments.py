"""What the columns of a row say about each stretch of it."""

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from app.contract import NOTHING, OTHER, SYMBOLS
from app.segments import LEAST, segment_scores


def columns(count: int, seed: int = 1) -> npt.NDArray[np.float32]:
    """Any probabilities."""
    return np.random.default_rng(seed).dirichlet(np.ones(SYMBOLS), count).astype(np.float32)


def best_reading(found: npt.NDArray[np.float32], symbol: int) -> float:
    """The best of all ways to read these columns as a run of one symbol among nothing, tried one by one."""
    logs = np.log(found.astype(np.float64))
    readings = []
    for first, last in product(range(len(found)), repeat=2):
        if first <= last:
            inside = logs[first : last + 1, symbol].sum()
            readings.append(inside + logs[:first, NOTHING].sum() + logs[last + 1 :, NOTHING].sum())
    return float(max(readings))


def test_every_reading_is_considered() -> None:
    """The score of a stretch is that of its best reading, for each symbol."""
    found = columns(9)
    stretches = [(0, 9), (0, 1), (3, 7), (3, 9), (8, 9)]
    symbols, nothing = segment_scores(found, stretches)
    assert symbols.shape == (5, OTHER + 1)
    for row, (first, last) in enumerate(stretches):
        part = found[first:last]
        assert symbols[row] == pytest.approx([best_reading(part, symbol) for symbol in range(OTHER + 1)])
        assert nothing[row] == pytest.approx(np.log(part[:, NOTHING].astype(np.float64)).sum())


def test_empty_stretch() -> None:
    """Where there is no column, or the ends are the wrong way round, nothing stands, and no symbol."""
    symbols, nothing = segment_scores(columns(5), [(2, 2), (4, 1)])
    assert symbols == pytest.approx(np.full((2, OTHER + 1), np.log(LEAST)))
    assert nothing == pytest.approx([0.0, 0.0])


def test_certain_columns() -> None:
    """Columns that are certain, with probabilities of 0, give finite scores: 0 for what is there."""
    found = np.zeros((6, SYMBOLS), np.float32)
    found[:, NOTHING] = 1.0
    found[2:4] = 0.0
    found[2:4, 7] = 1.0
    symbols, nothing = segment_scores(found, [(0, 6), (0, 2)])
    assert symbols[0, 7] == pytest.approx(0.0)
    assert np.isfinite(symbols).all()
    assert symbols[0, :7].max() < -10
    assert nothing == pytest.approx([2 * np.log(LEAST), 0.0])


def test_no_stretches() -> None:
    """No candidates have no scores."""
    symbols, nothing = segment_scores(columns(5), [])
    assert (symbols.shape, nothing.shape) == ((0, OTHER + 1), (0,))
