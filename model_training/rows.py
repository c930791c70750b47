"""Fits the network that reads whole rows; killed at any moment, the same command takes up where it was."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from app.artifact import ROWS_FILE, read_artifact
from app.contract import STRIP_HEIGHT, STRIP_SHAPE, STRIP_WINDOW
from app.errors import ArtifactError
from model_training.checkpoints import Checkpoint, History, resume
from model_training.data import Dataset
from model_training.network import build_row_network
from model_training.recipe import RowRecipe
from model_training.strips import Batch, LabelledStrip, batches, compose_strips, make_strips
from model_training.training import JIT_COMPILE, curves_to, warm_cosine

STRIPS_FOLDER: Final = "strips"
"""Folder of the strips, inside that of the checkpoints."""

_PROBES: Final = 200
"""Strips that the two forms of the network are compared on."""

_SAMPLE: Final = 50
"""Strips that show whether the code which makes them has changed."""

_SIGNATURE: Final = (
    tf.TensorSpec((None, STRIP_HEIGHT, None, 1), tf.uint8),
    tf.TensorSpec((None, None), tf.int32),
    tf.TensorSpec((None, None), tf.float32),
)


@dataclass(frozen=True, slots=True)
class TrainedRows:
    """A fitted network for rows and how it got there."""

    network: keras.Model
    """uint8 (n, *STRIP_SHAPE) -> float32 (n, *COLUMNS_SHAPE)."""
    history: History
    """Of its training; empty where it is a published one."""
    probes: npt.NDArray[np.uint8]
    """Strips of validation digits, uint8 (n, *STRIP_SHAPE), to compare the network's compiled form on."""


def train_rows(recipe: RowRecipe, dataset: Dataset, checkpoints: Path) -> TrainedRows:
    """Fit the network, or what is left of an interrupted fit.

    Args:
        recipe: how.
        dataset: strings are composed of its training digits; those of its validation digits are never learnt from.
        checkpoints: folder of this training's checkpoints and strips.
    """
    fingerprint = _fingerprint(recipe, dataset)
    folder = checkpoints / fingerprint[:8]
    strips = make_strips(dataset.train, recipe, recipe.strips, folder / STRIPS_FOLDER / "train")
    validation = _validation_strips(recipe, dataset, folder)
    keras.utils.set_random_seed(recipe.seed)
    steps = sum(1 for _ in batches(strips, recipe, None))
    resumed = resume(folder, fingerprint)
    network, history = resumed if resumed is not None else (_compiled(recipe, steps), {})
    done = len(history.get("loss", []))
    if done < recipe.epochs:
        network.fit(
            _dataset(lambda: _epochs(strips, recipe, done)),
            steps_per_epoch=steps,
            initial_epoch=done,
            epochs=recipe.epochs,
            shuffle=False,
            # Keras warns where it has to find out how many there are.
            validation_data=_dataset(lambda: batches(validation, recipe, None)).apply(
                tf.data.experimental.assert_cardinality(sum(1 for _ in batches(validation, recipe, None)))
            ),
            callbacks=[Checkpoint(folder, fingerprint, history), curves_to(folder / "tensorboard")],
        )
    # One width: the compiled form needs no others, and is faster without.
    published = build_row_network(STRIP_WINDOW)
    published.set_weights(network.get_weights())
    return TrainedRows(published, history, _probes(validation))


def published_rows(recipe: RowRecipe, dataset: Dataset, home: Path, checkpoints: Path) -> TrainedRows:
    """The network of a published model as it is, to go with another model.

    Args:
        recipe: how the strips to compare its compiled form on are made.
        dataset: they are composed of its validation digits.
        home: the published model's folder.
        checkpoints: folder of the trainings' checkpoints and strips.

    Raises:
        ArtifactError: no such model is published.
    """
    artifact = read_artifact(home)
    if artifact.metadata.rows is None:
        raise ArtifactError(f"The model in {home} has no network for rows to keep. Train one: make train.")
    network = keras.models.load_model(artifact.folder / ROWS_FILE, compile=False, safe_mode=True)
    folder = checkpoints / _fingerprint(recipe, dataset)[:8]
    return TrainedRows(network, {}, _probes(_validation_strips(recipe, dataset, folder)))


def _validation_strips(recipe: RowRecipe, dataset: Dataset, folder: Path) -> list[LabelledStrip]:
    return make_strips(
        dataset.validation,
        dataclasses.replace(recipe, drawn_share=0.0, letter_share=0.0),
        recipe.validation_strips,
        folder / STRIPS_FOLDER / "validation",
    )


def _probes(validation: list[LabelledStrip]) -> npt.NDArray[np.uint8]:
    return np.stack([_window(strip) for strip in validation[:_PROBES]])


def _window(strip: LabelledStrip) -> npt.NDArray[np.uint8]:
    window = np.zeros(STRIP_SHAPE, np.uint8)
    part = strip.pixels[:, :STRIP_WINDOW]
    window[:, : part.shape[1], 0] = part
    return window


def _compiled(recipe: RowRecipe, steps: int) -> keras.Model:
    network = build_row_network()
    network.compile(
        optimizer=keras.optimizers.Adam(warm_cosine(recipe.learning_rate, recipe.epochs * steps, steps // 4)),
        loss="sparse_categorical_crossentropy",
        jit_compile=JIT_COMPILE,
    )
    return network


def _epochs(strips: list[LabelledStrip], recipe: RowRecipe, first: int) -> Iterator[Batch]:
    for epoch in itertools.count(first):
        yield from batches(strips, recipe, np.random.default_rng([recipe.seed, epoch, 0x2085]))


def _dataset(make: Callable[[], Iterator[Batch]]) -> Any:
    def triples() -> Iterator[tuple[Any, Any, Any]]:
        for batch in make():
            yield batch.strips, batch.targets, batch.weights

    return tf.data.Dataset.from_generator(triples, output_signature=_SIGNATURE).prefetch(4)


def _fingerprint(recipe: RowRecipe, dataset: Dataset) -> str:
    """What must be the same for a checkpoint to be taken up."""
    made = compose_strips(dataset.train, recipe, _SAMPLE, np.random.default_rng(recipe.seed))
    sample = [hashlib.sha256(strip.pixels.tobytes()).hexdigest() for strip in made]
    facts = [dataclasses.asdict(recipe), dataset.digest, keras.__version__, sample]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
