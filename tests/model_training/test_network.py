"""The networks have the shapes and sizes that the documents state."""

import dataclasses

import keras
import numpy as np
import numpy.typing as npt
import pytest

from app.compilation import multiply_adds
from model_training.network import build_network, build_peers, peers_of
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


@pytest.fixture(scope="module")
def networks() -> keras.Model:
    """Three peers."""
    keras.utils.set_random_seed(1)
    return build_peers(dataclasses.replace(RECIPES["smoke"], peers=3))


@pytest.fixture(scope="module")
def pictures() -> npt.NDArray[np.uint8]:
    """Four of noise."""
    return np.random.default_rng(1).integers(0, 256, (4, 28, 28, 1), np.uint8)


class TestPeers:
    def test_they_answer_side_by_side(self, networks: keras.Model, pictures: npt.NDArray[np.uint8]) -> None:
        """The stacked answers are those of each peer, in order; each takes bytes and gives probabilities."""
        answers = np.asarray(networks(pictures))
        assert answers.shape == (4, 3, 10)
        assert answers.sum(axis=-1) == pytest.approx(1.0, abs=1e-5)
        peers = peers_of(networks)
        assert len(peers) == 3
        for index, peer in enumerate(peers):
            assert np.asarray(peer(pictures)) == pytest.approx(answers[:, index], abs=1e-6)

    def test_they_begin_apart(self, networks: keras.Model, pictures: npt.NDArray[np.uint8]) -> None:
        """Each has its own name and its own random weights."""
        answers = np.asarray(networks(pictures))
        assert len({peer.name for peer in peers_of(networks)}) == 3
        assert np.abs(answers[:, 0] - answers[:, 1]).max() > 1e-4
        assert np.abs(answers[:, 0] - answers[:, 2]).max() > 1e-4
        assert np.abs(answers[:, 1] - answers[:, 2]).max() > 1e-4

    def test_each_is_the_recipes_network(self, networks: keras.Model) -> None:
        """The same layers and sizes, so that a peer's weights fit the network that is published."""
        single = build_network(RECIPES["smoke"])
        assert networks.count_params() == 3 * single.count_params()
        for peer in peers_of(networks):
            assert [weight.shape for weight in peer.get_weights()] == [weight.shape for weight in single.get_weights()]

    def test_one_is_a_peer_too(self, pictures: npt.NDArray[np.uint8]) -> None:
        """A recipe of one network has the same shape of answers."""
        networks = build_peers(RECIPES["smoke"])
        assert np.asarray(networks(pictures)).shape == (4, 1, 10)
        assert len(peers_of(networks)) == 1
