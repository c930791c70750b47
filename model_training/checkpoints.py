"""The state of a training on disk: killed at any moment, the same command takes up where the last whole epoch ended."""

import json
import math
import os
import time
from pathlib import Path
from typing import Any, Final

import keras

from app.artifact import write_atomically

History = dict[str, list[float]]
"""Figures by name, one a finished epoch: loss, val_loss and others, and seconds it took."""

STATE_FILE: Final = "state.json"
"""Names the last whole checkpoint; replaced last, so that it never names half a file."""


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps the whole training, optimizer included, after every epoch."""

    def __init__(self, folder: Path, fingerprint: str, history: History) -> None:
        super().__init__()
        self._folder = folder
        self._fingerprint = fingerprint
        self._history = history
        self._began = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Note the time."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep it.

        Raises:
            FloatingPointError: the weights are lost.
        """
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


def resume(checkpoints: Path, fingerprint: str) -> tuple[keras.Model, History] | None:
    """The model of the last whole epoch, with its optimizer, and the history; None of another training than this."""
    try:
        state: dict[str, Any] = json.loads((checkpoints / STATE_FILE).read_bytes())
    except FileNotFoundError:
        return None
    if state["fingerprint"] != fingerprint:
        return None
    return keras.models.load_model(checkpoints / state["checkpoint"], safe_mode=True), state["history"]
