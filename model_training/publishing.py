"""A trained network -> a published artifact, if it is good enough."""

import datetime as dt
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import keras
import numpy as np
from sklearn.metrics import log_loss

from app.artifact import (
    EVALUATION_FILE,
    KEPT_VERSIONS,
    METADATA_FILE,
    MODEL_FILE,
    PREVIOUS_FILE,
    ROWS_FILE,
    ROWS_TWIN_FILE,
    TWIN_FILE,
    Artifact,
    Metadata,
    Score,
    TrainingFacts,
    publish,
    read_artifact,
)
from app.classifier import Classifier
from app.compilation import compile_model, compile_rows
from app.contract import LABELS
from app.errors import ArtifactError
from app.loading import Model, load_model
from model_training.calibration import at_temperature, fit_temperature, fold_temperature
from model_training.corrections import before_and_after
from model_training.data import Dataset, Digits
from model_training.doubt import classify_others, refused_others
from model_training.evaluation import accuracy, evaluate
from model_training.inputs import measure_inputs
from model_training.network import build_network
from model_training.recipe import Recipe
from model_training.report import CARD_FILE, model_card, write_report
from model_training.robustness import measure_robustness, measure_scenes
from model_training.rows import TrainedRows
from model_training.string_scores import measure_strings
from model_training.thresholds import choose_thresholds
from model_training.training import Trained

_RECORDED_PACKAGES: Final = ("keras", "tensorflow", "numpy", "opencv-python-headless", "ai-edge-litert")


class GateError(Exception):
    """The model is worse than the one it would replace."""


def publish_trained(
    recipe: Recipe,
    dataset: Dataset,
    trained: Trained,
    root: Path,
    *,
    force: bool = False,
    keep: int = KEPT_VERSIONS,
    rows: TrainedRows | None = None,
) -> Path:
    """Save, compile, prove, judge, measure and publish a trained network.

    Args:
        recipe: what was trained.
        dataset: what it was trained on; its test labels are read once, after the model has passed the gate.
        trained: the network and its history.
        root: the folder of all published models.
        force: publish also what is worse than the published model.
        keep: how many versions to keep, the new one included.
        rows: the network for rows that goes with it, if there is one.

    Returns:
        The new version's folder.

    Raises:
        GateError: fewer validation digits are read right than by the published model of this recipe.
        ArtifactError: the twin differs or the self-test fails. Such a model is not published even when forced: the
            service would refuse it.
    """

    def write(folder: Path) -> Metadata:
        chosen = _choose(recipe, trained, dataset.validation)
        chosen.network.save(folder / MODEL_FILE)
        compiled = compile_model(
            folder / MODEL_FILE, recipe.name, pictures=dataset.test.pictures, training=_facts(recipe, dataset)
        )
        validation = Classifier(compiled.twin).classify(dataset.validation.pictures)
        thresholds = choose_thresholds(validation, dataset.validation.labels)
        metadata = compiled.metadata.model_copy(update={"thresholds": thresholds})
        if rows is not None:
            metadata = _with_rows(folder, metadata, rows)
        model = _complete(folder, compiled.twin, metadata)
        before = _published(root / recipe.name)
        if not force:
            _gate(accuracy(validation, dataset.validation), before, dataset)
        evaluation, probabilities = evaluate(model, dataset, trained.history)
        inputs = measure_inputs(model.classifier, thresholds, dataset.validation)
        evaluation = evaluation.model_copy(
            update={"inputs": inputs, "peers": chosen.peers, "temperature": chosen.temperature}
        )
        if dataset.corrections is not None:
            former = load_model(before.folder) if before is not None else None
            changed = before_and_after(dataset.corrections, former, model)
            evaluation = evaluation.model_copy(update={"corrections": changed})
        others = classify_others(model, dataset.test) if recipe.robust else None
        if others is not None:
            evaluation = evaluation.model_copy(
                update={
                    "refused_others": refused_others(others, thresholds),
                    "corrupted": measure_robustness(model.classifier, dataset.test),
                    "scenes": measure_scenes(model.classifier, dataset.test),
                }
            )
        if rows is not None:
            evaluation = evaluation.model_copy(update={"strings": measure_strings(model, dataset.test)})
        (folder / EVALUATION_FILE).write_text(evaluation.model_dump_json(indent=1))
        write_report(folder, metadata, evaluation, dataset.test, probabilities, others)
        return metadata

    return publish(root, recipe.name, write, keep)


def publish_rows(name: str, dataset: Dataset, rows: TrainedRows, root: Path, keep: int = KEPT_VERSIONS) -> Path:
    """Publish the published model again with another network for rows; all else of it stays.

    Raises:
        ArtifactError: nothing is published under the name, the twin differs or a self-test fails.
    """
    before = read_artifact(root / name)

    def write(folder: Path) -> Metadata:
        for path in before.folder.iterdir():
            if path.name != PREVIOUS_FILE:
                shutil.copyfile(path, folder / path.name)
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        dated = {"created": now, "version": f"{now:%Y%m%d}-{before.metadata.weights_digest[:8]}"}
        metadata = _with_rows(folder, before.metadata.model_copy(update=dated), rows)
        (folder / METADATA_FILE).write_text(metadata.model_dump_json(indent=1))
        model = load_model(folder)
        if before.evaluation is not None:
            strings = measure_strings(model, dataset.test)
            evaluation = before.evaluation.model_copy(update={"strings": strings})
            (folder / EVALUATION_FILE).write_text(evaluation.model_dump_json(indent=1))
            (folder / CARD_FILE).write_text(model_card(metadata, evaluation))
        return metadata

    return publish(root, name, write, keep)


def _with_rows(folder: Path, metadata: Metadata, rows: TrainedRows) -> Metadata:
    """Put the network for rows beside a model; returns the metadata that tell of it."""
    rows.network.save(folder / ROWS_FILE)
    twin, record = compile_rows(folder / ROWS_FILE, rows.probes, metadata.self_test.pixels())
    (folder / ROWS_TWIN_FILE).write_bytes(twin)
    both = f"{metadata.version}-{record.weights_digest[:8]}"
    return metadata.model_copy(update={"rows": record, "version": both})


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


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The network to publish."""

    network: keras.Model
    temperature: float | None
    peers: tuple[Score, ...]
    """Validation accuracy of all."""


def _choose(recipe: Recipe, trained: Trained, validation: Digits) -> _Chosen:
    """Take the peer that reads most validation digits right, and of equals the one with the least loss."""
    answers = [np.asarray(peer.predict(validation.pictures, batch_size=500, verbose=0)) for peer in trained.peers]
    scores = tuple(accuracy(answer, validation) for answer in answers)
    losses = [log_loss(validation.labels, at_temperature(answer, 1.0), labels=LABELS) for answer in answers]
    best = max(range(len(answers)), key=lambda peer: (scores[peer].correct, -losses[peer]))
    # The optimizer's state would triple the file.
    network = build_network(recipe)
    network.set_weights(trained.peers[best].get_weights())
    if not recipe.calibrated:
        return _Chosen(network, None, scores)
    temperature = fit_temperature(answers[best], validation.labels)
    fold_temperature(network, temperature)
    return _Chosen(network, temperature, scores)


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
