"""Every training leaves its figures in TensorBoard's form, and with MLflow where its usual variable names a store."""

import dataclasses
import importlib.util
import os
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from app.artifact import Artifact, Evaluation
from model_training.checkpoints import History
from model_training.data import Dataset
from model_training.recipe import Recipe
from model_training.robustness import mean_accuracy
from model_training.training import logs_folder

MLFLOW_VARIABLE: Final = "MLFLOW_TRACKING_URI"

EXPERIMENT: Final = "digits"
"""Where MLflow files the trainings, if MLFLOW_EXPERIMENT_NAME does not say otherwise."""


class TrackingError(Exception):
    """Trainings are to be recorded and cannot be."""


def check_tracking() -> None:
    """Complain before a training, not after it.

    Raises:
        TrackingError: MLflow is asked for and not installed.
    """
    if os.environ.get(MLFLOW_VARIABLE) and importlib.util.find_spec("mlflow") is None:
        raise TrackingError(
            f"{MLFLOW_VARIABLE} is set, but MLflow is not installed here. "
            "Install it with: pip install mlflow-skinny, or unset the variable."
        )


def record(recipe: Recipe, dataset: Dataset, history: History, checkpoints: Path, artifact: Artifact | None) -> None:
    """Record a training that has ended.

    Args:
        recipe: what was trained.
        dataset: what it was trained on.
        history: its curves; TensorBoard has them already.
        checkpoints: folder of the training's checkpoints; its TensorBoard files lie there.
        artifact: what was published; None where it was not good enough.

    Raises:
        TrackingError: MLflow does not take it.
    """
    parameters = {**_flat(recipe), "data": dataset.description, "data_digest": dataset.digest}
    figures = final_figures(artifact.evaluation) if artifact is not None and artifact.evaluation is not None else {}
    _to_tensorboard(parameters, figures, recipe.epochs, artifact, logs_folder(recipe, dataset, checkpoints))
    if os.environ.get(MLFLOW_VARIABLE):
        try:
            _to_mlflow(parameters, figures, history, artifact)
        except Exception as error:  # whatever its store raises
            raise TrackingError(f"MLflow did not record the training: {error}") from error


def _flat(recipe: Recipe) -> dict[str, Any]:
    """What decides a training, by names; neither store takes one recipe inside another, nor none."""
    parameters = dataclasses.asdict(recipe)
    rows = parameters.pop("rows") or {}
    return parameters | {f"rows_{name}": value for name, value in rows.items()}


def final_figures(evaluation: Evaluation) -> dict[str, float]:
    """The figures of a published model, by names that sort well."""
    shares = {
        "test_accuracy": evaluation.test,
        "validation_accuracy": evaluation.validation,
        "test_rejected": evaluation.rejected,
        "test_accuracy_of_certain": evaluation.certain,
        "others_refused": evaluation.refused_others,
        "corrections_right_before": evaluation.corrections.before if evaluation.corrections is not None else None,
        "corrections_right": evaluation.corrections.after if evaluation.corrections is not None else None,
    }
    figures = {name: score.share for name, score in shares.items() if score is not None}
    figures["test_calibration_error"] = evaluation.expected_calibration_error
    if evaluation.corrupted:
        figures["corrupted_accuracy"] = mean_accuracy(evaluation.corrupted)
    if evaluation.scenes:
        figures["scenes_accuracy"] = mean_accuracy(evaluation.scenes)
    return figures | {f"strings_right_{part.spacing}": part.strings.share for part in evaluation.strings}


def _to_tensorboard(
    parameters: dict[str, Any], figures: dict[str, float], epochs: int, artifact: Artifact | None, logs: Path
) -> None:
    with tf.summary.create_file_writer(str(logs)).as_default():
        hparams.hparams(parameters)
        for name, value in figures.items():
            tf.summary.scalar(name, value, step=epochs)
        tf.summary.text("published", str(artifact.folder) if artifact is not None else "no", step=epochs)


def _to_mlflow(
    parameters: dict[str, Any], figures: dict[str, float], history: History, artifact: Artifact | None
) -> None:
    # Nobody is told of this project's trainings but the store.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
    with mlflow.start_run(run_name=parameters["name"]):
        mlflow.log_params(parameters)
        for step in range(max(map(len, history.values()), default=0)):
            mlflow.log_metrics({name: values[step] for name, values in history.items()}, step=step + 1)
        mlflow.log_metrics(figures)
        if artifact is None:
            mlflow.set_tag("published", "no")
            return
        mlflow.set_tags({"published": "yes", "version": artifact.metadata.version})
        mlflow.log_artifacts(str(artifact.folder), "artifact")
