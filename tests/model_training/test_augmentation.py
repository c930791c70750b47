"""Batches are pure functions of seed and number, and deformations stay digits."""

import dataclasses
from itertools import islice

import numpy as np
import pytest

from model_training import augmentation
from model_training.augmentation import deform, one_hot, steps_per_epoch, stream
from model_training.data import Dataset
from model_training.recipe import RECIPES, Recipe


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The default recipe with few drawn digits."""
    monkeypatch.setattr(augmentation, "POOL_SIZES", {"drawn": 40, "corrupted": 40, "outliers": 20})
    return dataclasses.replace(RECIPES["default"], batch_size=30)


def test_stream_resumes_where_it_was(few_digits: Dataset, recipe: Recipe) -> None:
    """Batch n is the same whether one starts at 0 or at n, across the end of an epoch."""
    whole = list(islice(stream(few_digits.train, recipe), 7))
    for start in (1, 3, 4, 6):
        pictures, labels = next(stream(few_digits.train, recipe, first_step=start))
        assert np.array_equal(pictures, whole[start][0])
        assert np.array_equal(labels, whole[start][1])


def test_an_epoch_shows_every_digit_once(few_digits: Dataset, recipe: Recipe) -> None:
    """Without variation an epoch is a permutation of the training digits, the last batch smaller."""
    plain = dataclasses.replace(recipe, augment=False, drawn_share=0.0, corrupted_share=0.0, outlier_share=0.0)
    steps = steps_per_epoch(few_digits.train, plain)
    assert steps == 4
    batches = list(islice(stream(few_digits.train, plain), steps))
    assert [len(labels) for _, labels in batches] == [30, 30, 30, 10]
    shown = np.concatenate([pictures for pictures, _ in batches]).reshape(100, -1)
    expected = few_digits.train.pictures.reshape(100, -1)
    assert np.array_equal(np.unique(shown, axis=0), np.unique(expected, axis=0))


def test_epochs_differ(few_digits: Dataset, recipe: Recipe) -> None:
    """The second epoch comes in another order and in other shapes."""
    batches = list(islice(stream(few_digits.train, recipe), 5))
    assert not np.array_equal(batches[0][0], batches[4][0])


@pytest.mark.parametrize("kind", ["drawn_share", "corrupted_share", "outlier_share"])
def test_pools_take_their_share(few_digits: Dataset, recipe: Recipe, kind: str) -> None:
    """With a share of one, nothing of the training digits is left; their own array stays as it was."""
    before = few_digits.train.pictures.copy()
    plain = dataclasses.replace(recipe, augment=False, drawn_share=0.0, corrupted_share=0.0, outlier_share=0.0)
    pictures, targets = next(stream(few_digits.train, dataclasses.replace(plain, **{kind: 1.0})))  # type: ignore[arg-type]
    known = {row.tobytes() for row in few_digits.train.pictures}
    unchanged = sum(picture.tobytes() in known for picture in pictures)
    # A mild corruption can be undone by the preparation.
    assert unchanged <= (5 if kind == "corrupted_share" else 0)
    certainty = targets.max(axis=1)
    assert np.allclose(certainty, 0.1 if kind == "outlier_share" else 1.0)
    assert np.array_equal(before, few_digits.train.pictures)


def test_deformed_digits_stay_visible(digits: Dataset) -> None:
    """No variation wipes a digit out or moves it off the picture."""
    random = np.random.default_rng(5)
    for picture in digits.train.pictures[:1000, ..., 0]:
        varied = deform(picture, random)
        assert varied.shape == (28, 28)
        assert varied.dtype == np.uint8
        assert varied.astype(int).sum() > 0.15 * picture.astype(int).sum()


def test_one_hot() -> None:
    """A label becomes a one in its place."""
    assert one_hot(np.array([0, 9], np.uint8)).tolist() == [[1.0] + [0.0] * 9, [0.0] * 9 + [1.0]]
