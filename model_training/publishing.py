"""A trained network -> a published artifact, if it is good enough."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

import keras

from app.artifact import (
    EVALUATION_FILE,
    METADATA_FILE,
    MODEL_FILE,
    TWIN_FILE,
    Artifact,
    Metadata,
    Score,
    TrainingFacts,
    publish,
    read_artifact,
)
from app.classifier import Classifier
from app.compilation import compile_model
from app.errors import ArtifactError
from app.loading import Model, load_model
from model_training.data import Dataset
from model_training.evaluation import accuracy, evaluate
from model_training.network import build_network
from model_training.recipe import Recipe
from model_training.report import write_report
from model_training.thresholds import choose_thresholds
from model_training.training import Trained

_RECORDED_PACKAGES: Final = ("keras", "tensorflow", "numpy", "opencv-python-headless", "ai-edge-litert")


class GateError(Exception):
    """The model is worse than the one it would replace."""


def publish_trained(recipe: Recipe, dataset: Dataset, trained: Trained, root: Path, *, force: bool = False) -> Path:
    """Save, compile, prove, judge, measure and publish a trained network.

    Args:
        recipe: what was trained.
        dataset: what it was trained on; its test labels are read once, after the model has passed the gate.
        trained: the network and its history.
        root: the folder of all published models.
        force: publish also what is worse than the published model.

    Returns:
        The new version's folder.

    Raises:
        GateError: fewer validation digits are read right than by the published model of this recipe.
        ArtifactError: the twin differs or the self-test fails. Such a model is not published even when forced: the
            service would refuse it.
    """

    def write(folder: Path) -> Metadata:
        _without_optimizer(recipe, trained).save(folder / MODEL_FILE)
        compiled = compile_model(
            folder / MODEL_FILE, recipe.name, pictures=dataset.test.pictures, training=_facts(recipe, dataset)
        )
        validation = Classifier(compiled.twin).classify(dataset.validation.pictures)
        thresholds = choose_thresholds(validation, dataset.validation.labels)
        metadata = compiled.metadata.model_copy(update={"thresholds": thresholds})
        model = _complete(folder, compiled.twin, metadata)
        if not force:
            _gate(accuracy(validation, dataset.validation), _published(root / recipe.name), dataset)
        evaluation, probabilities = evaluate(model, dataset, trained.history)
        (folder / EVALUATION_FILE).write_text(evaluation.model_dump_json(indent=1))
        write_report(folder, metadata, evaluation, dataset.test, probabilities)
        return metadata

    return publish(root, recipe.name, write)


def publish_compiled(path: Path, name: str, root: Path) -> Path:
    """Compile somebody's own saved Keras model and publish it with its twin, unmeasured.

    Raises:
        ArtifactError: it is not a Keras model of this input contract.
    """

    def write(folder: Path) -> Metadata:
        compiled = compile_model(path, name)
        (folder / MODEL_FILE).write_bytes(path.read_bytes())
        _complete(folder, compiled.twin, compiled.metadata)
        return compiled.metadata

    return publish(root, name, write)


def _complete(folder: Path, twin: bytes, metadata: Metadata) -> Model:
    """Put the twin and the metadata beside a saved model, and load the whole as the service does."""
    (folder / TWIN_FILE).write_bytes(twin)
    (folder / METADATA_FILE).write_text(metadata.model_dump_json(indent=1))
    return load_model(folder)


def _without_optimizer(recipe: Recipe, trained: Trained) -> keras.Model:
    """The network as it answers; the optimizer's state would triple the file."""
    bare = build_network(recipe)
    bare.set_weights(trained.network.get_weights())
    return bare


def _gate(candidate: Score, published: Artifact | None, dataset: Dataset) -> None:
    if published is None or published.evaluation is None or published.metadata.training is None:
        return
    if published.metadata.training.data_digest != dataset.digest:
        return
    best = published.evaluation.validation
    if candidate.share < best.share:
        raise GateError(
            f"Not published: {candidate.share:.2%} of the validation digits are read right "
            f"({candidate.correct:,} of {candidate.count:,}), the published model {published.metadata.version} reads "
            f"{best.share:.2%} ({best.correct:,} of {best.count:,}). Publish it all the same with FORCE=1."
        )


def _published(home: Path) -> Artifact | None:
    """The published model of a recipe; None where there is none that the service would take."""
    try:
        return read_artifact(home)
    except ArtifactError:
        return None


def _facts(recipe: Recipe, dataset: Dataset) -> TrainingFacts:
    return TrainingFacts(
        recipe=recipe.name,
        purpose=recipe.purpose,
        seed=recipe.seed,
        epochs=recipe.epochs,
        data=dataset.description,
        data_digest=dataset.digest,
        packages={"python": platform.python_version()} | {name: version(name) for name in _RECORDED_PACKAGES},
    )
