"""Fits a recipe's network; killed at any moment, the same command takes up where the last whole epoch ended."""

import dataclasses
import hashlib
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
from keras import ops

from app.artifact import write_atomically
from model_training.augmentation import one_hot, steps_per_epoch, stream
from model_training.data import Dataset
from model_training.network import build_peers, peers_of
from model_training.recipe import Recipe

History = dict[str, list[float]]
"""Figures by name, one a finished epoch: loss, accuracy, val_loss, val_accuracy, and seconds it took."""

STATE_FILE: Final = "state.json"
"""Names the last whole checkpoint; replaced last, so that it never names half a file."""

LOGS_FOLDER: Final = "tensorboard"
"""Folder of the TensorBoard files, inside that of the checkpoints."""

_JIT_COMPILE: Final = False
"""XLA takes five times as long on a CPU."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Fitted networks and how they got there."""

    networks: keras.Model
    """All of them side by side, with their optimizer: uint8 (n, 28, 28, 1) -> float32 (n, peers, 10)."""
    history: History
    """Of the networks' mean."""

    @property
    def peers(self) -> tuple[keras.Model, ...]:
        """Each of them, uint8 (n, 28, 28, 1) -> float32 (n, 10)."""
        return peers_of(self.networks)


def train(recipe: Recipe, dataset: Dataset, checkpoints: Path) -> Trained:
    """Fit the recipe's networks, or what is left of an interrupted fit.

    Args:
        recipe: what to train.
        dataset: what to train it on; validation digits are scored after every epoch, never learnt from.
        checkpoints: folder of this training's checkpoints, emptied of those of another recipe or data.
    """
    fingerprint = _fingerprint(recipe, dataset)
    checkpoints.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    state = _read_state(checkpoints, fingerprint)
    steps = steps_per_epoch(dataset.train, recipe)
    if state is None:
        networks = _compiled(build_peers(recipe), recipe, steps)
        history: History = {}
    else:
        networks = keras.models.load_model(checkpoints / state["checkpoint"], safe_mode=True)
        history = state["history"]
    done = len(history.get("loss", []))
    if done < recipe.epochs:
        networks.fit(
            stream(
                dataset.train,
                recipe,
                first_step=done * steps,
                corrections=dataset.corrections.learnt if dataset.corrections is not None else None,
            ),
            steps_per_epoch=steps,
            initial_epoch=done,
            epochs=recipe.epochs,
            validation_data=(dataset.validation.pictures, one_hot(dataset.validation.labels)),
            validation_batch_size=500,
            shuffle=False,
            callbacks=[
                _Checkpoint(checkpoints, fingerprint, history),
                _curves_to(logs_folder(recipe, dataset, checkpoints)),
            ],
        )
    return Trained(networks, history)


def logs_folder(recipe: Recipe, dataset: Dataset, checkpoints: Path) -> Path:
    """Where a training's TensorBoard files lie: those of each recipe and data apart, an interrupted one's together."""
    return checkpoints / LOGS_FOLDER / _fingerprint(recipe, dataset)[:8]


def _curves_to(folder: Path) -> keras.callbacks.Callback:
    """What writes the figures of each epoch for TensorBoard."""
    return keras.callbacks.TensorBoard(folder, write_graph=False)


def _compiled(network: keras.Model, recipe: Recipe, steps: int) -> keras.Model:
    warmup = steps if recipe.cosine else 0
    rate: Any = recipe.learning_rate
    if recipe.cosine:
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=recipe.learning_rate / 100,
            decay_steps=max(1, recipe.epochs * steps - warmup),
            warmup_target=recipe.learning_rate,
            warmup_steps=warmup,
        )
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=PeersLoss(recipe.lesson_share, recipe.label_smoothing),
        metrics=[accuracy],
        jit_compile=_JIT_COMPILE,
    )
    return network


@keras.saving.register_keras_serializable(package="digits")
class PeersLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Cross entropy of each peer with its target: the label, and to some share what its peers answer on average.

    Deep mutual learning (Zhang et al., 2018): networks that learn from each other's doubt generalise better than any
    of them alone. The lesson is taken as it is: no gradient flows into the peers that give it.
    """

    def __init__(self, lesson_share: float, label_smoothing: float, **options: Any) -> None:
        super().__init__(**options)
        self._lesson_share = lesson_share
        self._label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """float32 (n, 10) and (n, peers, 10) -> (n, peers)."""
        target = y_true[:, None] * (1.0 - self._label_smoothing) + self._label_smoothing / y_true.shape[-1]
        peers = y_pred.shape[1]
        if self._lesson_share:
            others = (ops.sum(y_pred, axis=1, keepdims=True) - y_pred) / (peers - 1)
            target = (1.0 - self._lesson_share) * target + self._lesson_share * ops.stop_gradient(others)
        else:
            target = ops.broadcast_to(target, ops.shape(y_pred))
        return keras.losses.categorical_crossentropy(target, y_pred)

    def get_config(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {
            **super().get_config(),
            "lesson_share": self._lesson_share,
            "label_smoothing": self._label_smoothing,
        }


@keras.saving.register_keras_serializable(package="digits")  # type: ignore[untyped-decorator]
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Share of right answers, mean over the peers: float32 (n, 10) and (n, peers, 10) -> (n,)."""
    right = ops.equal(ops.argmax(y_true, axis=-1)[:, None], ops.argmax(y_pred, axis=-1))
    return ops.mean(ops.cast(right, "float32"), axis=-1)


class _Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps the whole training, optimizer included, after every epoch."""

    def __init__(self, folder: Path, fingerprint: str, history: History) -> None:
        super().__init__()
        self._folder = folder
        self._fingerprint = fingerprint
        self._history = history
        self._began = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {**(logs or {}), "seconds": round(time.monotonic() - self._began, 1)}
        for name, value in figures.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"{name} is {value} after epoch {epoch + 1}: lower the learning rate.")
            self._history.setdefault(name, []).append(float(value))
        checkpoint = f"epoch-{epoch + 1:04d}.keras"
        partial = self._folder / f"partial-{os.getpid()}.keras"
        self.model.save(partial)
        os.replace(partial, self._folder / checkpoint)
        state = {"fingerprint": self._fingerprint, "checkpoint": checkpoint, "history": self._history}
        write_atomically(self._folder / STATE_FILE, json.dumps(state, indent=1).encode())
        for stale in self._folder.glob("*.keras"):
            if stale.name != checkpoint:
                stale.unlink()


def _fingerprint(recipe: Recipe, dataset: Dataset) -> str:
    """What must be the same for a checkpoint to be taken up."""
    facts = [dataclasses.asdict(recipe), dataset.digest, keras.__version__]
    if dataset.corrections is not None:
        facts.append(dataset.corrections.digest)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read_state(checkpoints: Path, fingerprint: str) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((checkpoints / STATE_FILE).read_bytes())
    except FileNotFoundError:
        return None
    return state if state["fingerprint"] == fingerprint else None
