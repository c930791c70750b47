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

from app.artifact import write_atomically
from model_training.augmentation import one_hot, steps_per_epoch, stream
from model_training.data import Dataset
from model_training.network import build_network
from model_training.recipe import Recipe

History = dict[str, list[float]]
"""Figures by name, one a finished epoch: loss, accuracy, val_loss, val_accuracy, and seconds it took."""

STATE_FILE: Final = "state.json"
"""Names the last whole checkpoint; replaced last, so that it never names half a file."""

_JIT_COMPILE: Final = False
"""XLA takes five times as long on a CPU."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted network and how it got there."""

    network: keras.Model
    history: History


def train(recipe: Recipe, dataset: Dataset, checkpoints: Path) -> Trained:
    """Fit the recipe's network, or what is left of an interrupted fit.

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
        network = _compiled(build_network(recipe), recipe, steps)
        history: History = {}
    else:
        network = keras.models.load_model(checkpoints / state["checkpoint"], safe_mode=True)
        history = state["history"]
    done = len(history.get("loss", []))
    if done < recipe.epochs:
        network.fit(
            stream(dataset.train, recipe, first_step=done * steps),
            steps_per_epoch=steps,
            initial_epoch=done,
            epochs=recipe.epochs,
            validation_data=(dataset.validation.pictures, one_hot(dataset.validation.labels)),
            validation_batch_size=500,
            shuffle=False,
            callbacks=[_Checkpoint(checkpoints, fingerprint, history)],
        )
    return Trained(network, history)


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
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=_JIT_COMPILE,
    )
    return network


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
    facts = json.dumps([dataclasses.asdict(recipe), dataset.digest, keras.__version__], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def _read_state(checkpoints: Path, fingerprint: str) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((checkpoints / STATE_FILE).read_bytes())
    except FileNotFoundError:
        return None
    return state if state["fingerprint"] == fingerprint else None
