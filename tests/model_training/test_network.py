"""The networks have the shapes and sizes that the documents state."""

import keras
import numpy as np
import pytest

from app.compilation import multiply_adds
from model_training.network import build_network
from model_training.recipe import RECIPES, RecipeName


def test_paper_network_is_the_papers_listing() -> None:
    """Layer for layer what the paper's listing adds, behind the cast of the input."""
    network = build_network(RECIPES["paper"])
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds == ["Rescaling", "Conv2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense"]
    first, second, pooling, _, hidden, output = network.layers[1:]
    assert [(layer.filters, layer.kernel_size, layer.padding) for layer in (first, second)] == [
        (32, (3, 3), "valid")
    ] * 2
    assert pooling.pool_size == (2, 2)
    assert (hidden.units, output.units) == (128, 10)
    activations = [layer.activation.__name__ for layer in (first, second, hidden, output)]
    assert activations == ["sigmoid", "sigmoid", "sigmoid", "softmax"]


@pytest.mark.parametrize(
    ("recipe", "parameters", "products"), [("paper", 600_810, 6_094_208), ("default", 497_282, 9_053_024)]
)
def test_sizes_are_as_documented(recipe: RecipeName, parameters: int, products: int) -> None:
    """Parameter and multiply-add counts are pinned: a change of the network shows here first."""
    network = build_network(RECIPES[recipe])
    assert network.count_params() == parameters
    assert multiply_adds(network) == products


def test_scaling_is_part_of_the_graph() -> None:
    """The saved graph takes bytes: 255 becomes 1 in the default network and stays 255 in the paper's."""
    white = np.full((1, 28, 28, 1), 255, np.uint8)
    for name, expected in (("default", 1.0), ("paper", 255.0)):
        scaled = build_network(RECIPES[name]).get_layer("scaling")(white)  # type: ignore[index]
        assert float(keras.ops.max(scaled)) == pytest.approx(expected)
