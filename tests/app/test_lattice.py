"""The classifier and the network for rows as two experts: both count, and either may be wrong."""

import numpy as np
import numpy.typing as npt
import pytest

from app.contract import OTHER
from app.lattice import WORST, Candidate, Lattice, Seen, best_chain, seen_alone, seen_in_row
from app.normalization import Box
from app.pieces import Piece

INK = Piece(np.full((4, 4), 255, np.uint8), np.full((4, 4), 255, np.uint8), Box(0, 0, 4, 4))


def lattice(*spans: tuple[int, int], cut: bool = True) -> Lattice:
    """Candidates between these places, of equal cost."""
    return Lattice(max(last for _, last in spans) + 1, tuple(Candidate(*span, INK, 0.1, 5.0, cut) for span in spans))


def certain(*digits: int) -> npt.NDArray[np.float32]:
    """A classifier's answers, nearly sure."""
    return np.array([[0.91 if digit == column else 0.01 for column in range(10)] for digit in digits], np.float32)


def in_row(*symbols: int) -> npt.NDArray[np.float64]:
    """How well stretches read, as one symbol perfectly and as any other not at all."""
    return np.array([[0.0 if symbol == column else -30.0 for column in range(OTHER + 1)] for symbol in symbols])


def test_agreement() -> None:
    """What both say is sure, and scores best."""
    seen = seen_in_row(lattice((0, 1)), certain(7), in_row(7), np.array([-9.0]))
    assert seen.probabilities[0].argmax() == 7
    assert seen.probabilities[0].max() > 0.95
    assert seen.probabilities.sum() == pytest.approx(1.0)
    assert seen.scores[0] == pytest.approx(np.log(0.91))


def test_no_digit() -> None:
    """Cut ink that the network for rows calls none, and the classifier anything a little, has even probabilities."""
    seen = seen_in_row(lattice((0, 1)), np.full((1, 10), 0.1, np.float32), in_row(OTHER), np.array([-9.0]))
    assert seen.probabilities[0] == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_whole_ink_is_the_classifiers() -> None:
    """Where nothing was cut its probabilities stay; what the row says still counts for how well it fits in."""
    seen = seen_in_row(lattice((0, 1), cut=False), certain(7), in_row(1), np.array([-9.0]))
    assert np.array_equal(seen.probabilities, certain(7))
    assert seen.scores[0] < -4


def test_one_expert_alone_may_be_wrong() -> None:
    """However sure the network for rows is, it costs a candidate WORST at most."""
    sure, surer = (
        seen_in_row(lattice((0, 1)), certain(7), in_row(1) * factor, np.array([-9.0 * factor]))
        for factor in (1.0, 99.0)
    )
    assert sure.scores == pytest.approx(surer.scores)
    assert surer.leaving_out[0] == WORST


def test_chain_follows_both() -> None:
    """Of two ways to read a row the one wins that both experts together like better."""
    spans = lattice((0, 2), (0, 1), (1, 2))
    whole, parts = certain(8, 3, 3), in_row(OTHER, 3, 3)
    alone = Seen(whole, np.log(np.array([0.9, 0.3, 0.3])), np.zeros(3))
    assert best_chain(spans, alone) == [0]
    assert best_chain(spans, seen_in_row(spans, whole, parts, np.full(3, -9.0))) == [1, 2]


def test_alone() -> None:
    """Without a network for rows nothing speaks against leaving ink out, and doubt lowers the score."""
    seen = seen_alone(np.concatenate([certain(7), np.full((1, 10), 0.1, np.float32)]))
    assert seen.scores[0] > -0.3 > seen.scores[1]
    assert not seen.leaving_out.any()
