"""Composed strings are what they say: so many digits, as far apart as asked for, each pixel with its owner."""

import numpy as np
import numpy.typing as npt
import pytest

from model_training.strings import GROUNDS, LENGTHS, SPACINGS, Spacing, String, compose

LABELS = np.repeat(np.arange(10), 500)


def composed(digits: npt.NDArray[np.uint8], spacing: Spacing, seed: int = 0, ground: str = "black") -> String:
    return compose(digits, LABELS, np.random.default_rng(seed), spacing, ground)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_same_seed_same_string(mnist_digits: npt.NDArray[np.uint8], spacing: Spacing, ground: str) -> None:
    """A string follows from its seed, on any ground."""
    one, other = (composed(mnist_digits, spacing, 3, ground) for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert one.picture.dtype == np.uint8
    assert (one.text, one.touches) == (other.text, other.touches)
    assert not np.array_equal(one.picture, composed(mnist_digits, spacing, 4, ground).picture)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_owners(mnist_digits: npt.NDArray[np.uint8], spacing: Spacing) -> None:
    """Each digit of the text owns bright pixels, and lies to the right of the one before it."""
    for seed in range(20):
        string = composed(mnist_digits, spacing, seed)
        assert LENGTHS[0] <= len(string.text) <= LENGTHS[1]
        middles = [float(np.nonzero(string.owners == place)[1].mean()) for place in range(len(string.text))]
        assert middles == sorted(middles)
        assert string.picture[string.owners >= 0].mean() > 120
        assert string.picture[string.owners < 0].mean() < 15


def test_spacing(mnist_digits: npt.NDArray[np.uint8]) -> None:
    """Only touching strings touch: of two neighbours each has a pixel beside one of the other's."""
    touching = [composed(mnist_digits, "touching", seed) for seed in range(20)]
    assert sum(string.touches for string in touching) > 10
    for string in touching:
        assert string.touches == any(near(string.owners, place) <= 2 for place in range(len(string.text) - 1)), (
            string.text
        )
    for spacing in SPACINGS[:3]:
        assert not any(composed(mnist_digits, spacing, seed).touches for seed in range(20))


def near(owners: npt.NDArray[np.int8], place: int) -> float:
    """Pixels between a digit and the next one."""
    one, other = (np.argwhere(owners == index) for index in (place, place + 1))
    return float(np.abs(one[:, None] - other[None]).max(axis=2).min())
