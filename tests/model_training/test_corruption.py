"""Corruptions change pictures, less when weak and more when strong, and leave digits to read."""

import numpy as np
import pytest

from model_training.corruption import CORRUPTIONS, corrupt_digits
from model_training.data import Dataset

RESIZED = {"stretch", "coarse grid"}
"""These crop and resize."""


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - RESIZED))
def test_corruption_grows_with_its_strength(name: str, few_digits: Dataset) -> None:
    """Strong is farther from the original than weak, on the whole; shape and type stay."""
    changes = []
    for strength in (0.0, 1.0):
        random = np.random.default_rng(1)
        change = 0.0
        for picture in few_digits.train.pictures[..., 0]:
            corrupted = CORRUPTIONS[name](picture, strength, random)
            assert corrupted.shape == (28, 28)
            assert corrupted.dtype == np.uint8
            change += float(np.abs(corrupted.astype(float) - picture).mean())
        changes.append(change)
    assert changes[1] > 0.0
    # Edges are found or not: strength only decides which faint ones count.
    assert changes[1] > changes[0] or name == "edges"


def resized(name: str, strength: float, digits: Dataset) -> list[tuple[int, ...]]:
    random = np.random.default_rng(1)
    pictures = [CORRUPTIONS[name](picture, strength, random) for picture in digits.train.pictures[..., 0]]
    assert all(picture.dtype == np.uint8 and picture.max() > 60 for picture in pictures)
    return [picture.shape for picture in pictures]


def test_stretched_digits_become_square(few_digits: Dataset) -> None:
    """At full strength all of them are, at none they keep their proportions."""
    assert all(height == width for height, width in resized("stretch", 1.0, few_digits))
    slender = [width / height for height, width in resized("stretch", 0.0, few_digits)]
    assert min(slender) < 0.4


def test_coarse_grids_get_coarser(few_digits: Dataset) -> None:
    """About eight pixels at full strength, about eighteen at none."""
    assert max(max(shape) for shape in resized("coarse grid", 1.0, few_digits)) <= 12
    assert min(max(shape) for shape in resized("coarse grid", 0.0, few_digits)) >= 16


def test_corrupted_digits_are_prepared_and_labelled(few_digits: Dataset) -> None:
    """The pool holds prepared pictures with their labels, the same for the same seed."""
    first, again = (corrupt_digits(few_digits.train, 60, seed=3) for _ in range(2))
    assert first.pictures.shape == (60, 28, 28, 1)
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.labels, again.labels)
    assert set(first.labels.tolist()) <= set(few_digits.train.labels.tolist())
    assert all(picture.max() > 200 for picture in first.pictures)
