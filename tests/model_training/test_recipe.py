"""The recipes are what the documents say."""

import dataclasses
from typing import get_args

import pytest

from model_training.recipe import RECIPES, RecipeName


def test_recipes_are_known_by_their_names() -> None:
    """Every name the command line offers is a recipe, under its own name."""
    assert set(RECIPES) == set(get_args(RecipeName))
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_paper_recipe_is_the_papers() -> None:
    """Batch size 64, five epochs, raw input, nothing added to the data."""
    paper = RECIPES["paper"]
    assert (paper.batch_size, paper.epochs, paper.input_scale) == (64, 5, 1.0)
    assert not paper.augment
    assert (paper.drawn_share, paper.corrupted_share, paper.outlier_share) == (0.0, 0.0, 0.0)
    assert paper.label_smoothing == 0.0
    assert not paper.cosine
    assert paper.source == "mnist"


def test_default_recipe_is_the_one_that_is_told_of() -> None:
    """Two networks for 80 epochs; a sixth of their pictures are no digits."""
    default = RECIPES["default"]
    assert (default.epochs, default.peers, default.outlier_share) == (80, 2, 0.17)


def test_recipes_cannot_be_changed() -> None:
    """A recipe is a value."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECIPES["paper"].epochs = 6  # type: ignore[misc]


def test_lessons_need_peers() -> None:
    """A network alone has nobody to learn from."""
    with pytest.raises(ValueError, match="at least two peers"):
        dataclasses.replace(RECIPES["default"], peers=1)
