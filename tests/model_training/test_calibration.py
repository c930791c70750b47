"""The temperature is found again, and folding it into the weights gives its answers."""

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_training.calibration import LEAST, MOST, at_temperature, fit_temperature, fold_temperature


@pytest.fixture(scope="module")
def logits() -> npt.NDArray[np.float64]:
    """Of 20,000 imagined pictures."""
    return np.random.default_rng(1).normal(0.0, 2.0, (20_000, 10))


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    powers = np.exp(logits)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def drawn(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Labels as often as the probabilities say."""
    lot = np.random.default_rng(2).random((len(probabilities), 1))
    return np.asarray(np.minimum((probabilities.cumsum(axis=1) < lot).sum(axis=1), 9), np.uint8)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 3.0])
def test_known_temperature_is_found(logits: npt.NDArray[np.float64], temperature: float) -> None:
    """Answers that are so many times too sure of themselves are cooled by as much; honest ones stay as they are."""
    labels = drawn(softmax(logits))
    assert fit_temperature(softmax(temperature * logits), labels) == pytest.approx(temperature, rel=0.03)


def test_temperature_has_bounds() -> None:
    """Answers that are always right ask for no temperature at all, always wrong ones for an endless one."""
    answers = np.full((20, 10), 0.02, np.float32)
    answers[:, 3] = 0.82
    assert fit_temperature(answers, np.full(20, 3, np.uint8)) == pytest.approx(LEAST, abs=0.01)
    assert fit_temperature(answers, np.full(20, 4, np.uint8)) == pytest.approx(MOST, abs=0.01)


def test_labels_that_do_not_occur_are_no_obstacle(logits: npt.NDArray[np.float64]) -> None:
    """A few held-out digits need not show all ten."""
    labels = np.array([7, 7, 1], np.uint8)
    assert LEAST <= fit_temperature(softmax(logits[:3]), labels) <= MOST


def test_temperature_one_changes_nothing(logits: npt.NDArray[np.float64]) -> None:
    """The same probabilities, up to rounding."""
    answers = softmax(logits)
    same = at_temperature(answers, 1.0)
    assert same.dtype == np.float64
    assert same == pytest.approx(answers, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.5, 4.0])
def test_temperature_keeps_sums_and_order(logits: npt.NDArray[np.float64], temperature: float) -> None:
    """Each row sums to 1 and names the same digit; heat lowers the confidence, cold raises it."""
    answers = softmax(logits)
    changed = at_temperature(answers, temperature)
    assert changed.sum(axis=1) == pytest.approx(1.0)
    assert np.array_equal(changed.argmax(axis=1), answers.argmax(axis=1))
    assert ((changed.max(axis=1) < answers.max(axis=1)) == (temperature > 1)).all()


def test_certainty_stays_finite() -> None:
    """A probability of exactly 0 has no logarithm, and is taken for next to nothing."""
    certain = np.eye(10, dtype=np.float32)
    for temperature in (LEAST, 1.0, MOST):
        changed = at_temperature(certain, temperature)
        assert np.isfinite(changed).all()
        assert changed.sum(axis=1) == pytest.approx(1.0)
        assert np.array_equal(changed.argmax(axis=1), np.arange(10))


def test_folded_network_answers_at_its_temperature() -> None:
    """Probabilities come out as if they had been changed afterwards, for no more work; earlier layers stay."""
    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )
    network.layers[-1].bias.assign(np.linspace(-1, 1, 10))
    hidden = network.layers[0].get_weights()
    inputs = np.random.default_rng(4).normal(0.0, 3.0, (50, 4)).astype(np.float32)
    before = np.asarray(network(inputs))
    fold_temperature(network, 2.5)
    after = np.asarray(network(inputs))
    assert after == pytest.approx(at_temperature(before, 2.5), abs=1e-6)
    assert np.abs(after - before).max() > 0.1
    for now, then in zip(network.layers[0].get_weights(), hidden, strict=True):
        assert np.array_equal(now, then)
