"""Outliers are prepared like digits and are none."""

import numpy as np

from model_training.data import Dataset
from model_training.outliers import draw_outliers


def test_outliers_have_the_contracts_geometry(few_digits: Dataset) -> None:
    """Prepared pictures, hardly two alike, none of them a digit it was given."""
    outliers = draw_outliers(few_digits.train, 200, seed=2)
    assert outliers.shape == (200, 28, 28, 1)
    assert outliers.dtype == np.uint8
    assert len(np.unique(outliers.reshape(200, -1), axis=0)) >= 190
    known = {picture.tobytes() for picture in few_digits.train.pictures}
    assert not any(picture.tobytes() in known for picture in outliers)


def test_same_seed_same_outliers(few_digits: Dataset) -> None:
    """A seed promises its pictures."""
    first, again, other = (draw_outliers(few_digits.train, 20, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
