"""Temperature scaling (Guo et al., On calibration of modern neural networks, 2017)."""

from typing import Final

import keras
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from app.contract import LABELS

LEAST: Final = 0.25
MOST: Final = 4.0
"""Bounds of the temperature: beyond, something else is wrong with a network."""

_SMALLEST: Final = 1e-12


def fit_temperature(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> float:
    """The temperature that makes held-out answers most likely; above 1 the network was too sure of itself.

    Args:
        probabilities: softmax answers at temperature 1, float32 (n, 10).
        labels: uint8 (n,), not trained on.
    """

    def loss(temperature: float) -> float:
        return float(log_loss(labels, at_temperature(probabilities, temperature), labels=LABELS))

    return float(minimize_scalar(loss, bounds=(LEAST, MOST), method="bounded").x)


def at_temperature(probabilities: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float64]:
    """Softmax answers at another temperature: float32 (n, 10) -> float64 (n, 10)."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float64)


def fold_temperature(network: keras.Model, temperature: float) -> None:
    """Divide the weights of the last, softmax layer by the temperature, so that answering costs nothing more."""
    last = network.layers[-1]
    last.set_weights([weights / temperature for weights in last.get_weights()])
