"""Fits a recipe's network; killed at any moment, the same command takes up where the last whole epoch ended."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
from keras import ops

from model_training.augmentation import one_hot, sample, steps_per_epoch, stream
from model_training.checkpoints import Checkpoint, History, resume
from model_training.data import Dataset
from model_training.network import build_peers, peers_of
from model_training.recipe import Recipe

LOGS_FOLDER: Final = "tensorboard"
"""Folder of the TensorBoard files, inside that of the checkpoints."""

JIT_COMPILE: Final = False
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
    steps = steps_per_epoch(dataset.train, recipe)
    resumed = resume(checkpoints, fingerprint)
    networks, history = resumed if resumed is not None else (_compiled(build_peers(recipe), recipe, steps), {})
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
                Checkpoint(checkpoints, fingerprint, history),
                curves_to(_logs_folder(checkpoints, fingerprint)),
            ],
        )
    return Trained(networks, history)


def logs_folder(recipe: Recipe, dataset: Dataset, checkpoints: Path) -> Path:
    """Where a training's TensorBoard files lie: those of each recipe and data apart, an interrupted one's together."""
    return _logs_folder(checkpoints, _fingerprint(recipe, dataset))


def _logs_folder(checkpoints: Path, fingerprint: str) -> Path:
    return checkpoints / LOGS_FOLDER / fingerprint[:8]


def curves_to(folder: Path) -> keras.callbacks.Callback:
    """What writes the figures of each epoch for TensorBoard."""
    return keras.callbacks.TensorBoard(folder, write_graph=False)


def _compiled(network: keras.Model, recipe: Recipe, steps: int) -> keras.Model:
    rate: Any = recipe.learning_rate
    if recipe.cosine:
        rate = warm_cosine(recipe.learning_rate, recipe.epochs * steps, steps)
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=PeersLoss(recipe.lesson_share, recipe.label_smoothing),
        metrics=[accuracy],
        jit_compile=JIT_COMPILE,
    )
    return network


def warm_cosine(peak: float, steps: int, warmup: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """A learning rate that rises for `warmup` of the steps, then falls to zero along a cosine (Loshchilov, 2017)."""
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / 100,
        decay_steps=max(1, steps - warmup),
        warmup_target=peak,
        warmup_steps=warmup,
    )


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


def _fingerprint(recipe: Recipe, dataset: Dataset) -> str:
    """What must be the same for a checkpoint to be taken up."""
    # The network for rows is trained by itself.
    facts = [dataclasses.asdict(dataclasses.replace(recipe, rows=None)), dataset.digest, keras.__version__]
    facts.append(hashlib.sha256(sample(dataset.train, recipe).tobytes()).hexdigest())
    if dataset.corrections is not None:
        facts.append(dataset.corrections.digest)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
