"""Trainings leave their figures with TensorBoard, and with MLflow where its variable names a store."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from app.artifact import Artifact, Score, read_artifact
from model_training import tracking
from model_training.checkpoints import History
from model_training.data import Dataset
from model_training.recipe import RECIPES, Recipe, RecipeName, RowRecipe
from model_training.tracking import TrackingError, check_tracking, final_figures, record
from model_training.training import LOGS_FOLDER, logs_folder, train

HISTORY: History = {"loss": [0.5, 0.25], "accuracy": [0.75, 0.875]}


@pytest.fixture
def published(published_networks: Path) -> Artifact:
    """A measured model."""
    return read_artifact(published_networks / "default")


@pytest.fixture(autouse=True)
def _no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def events_in(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def summaries_in(folder: Path) -> list[Any]:
    """All that was told, as it was."""
    [path] = folder.glob("events.*")
    return [value for event in EventFileLoader(str(path)).Load() for value in event.summary.value]


def test_curves_are_tensorboards(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """While a network is fitted, TensorBoard gets the training and the validation figures of each epoch."""
    history = train(quick_recipe, few_digits, tmp_path).history
    logs = logs_folder(quick_recipe, few_digits, tmp_path)
    for part, name in (("train", "loss"), ("validation", "val_loss")):
        events = events_in(logs / part)
        assert "epoch_loss" in events.Tags()["tensors"]
        steps = [event.step for event in events.Tensors("epoch_loss")]
        assert steps == list(range(len(history[name]))) == [0, 1]


def test_end_of_a_training_is_tensorboards(
    tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, published: Artifact
) -> None:
    """The recipe and what was measured lie beside the curves; without a published model only the recipe."""
    record(quick_recipe, few_digits, HISTORY, tmp_path, None)
    logs = logs_folder(quick_recipe, few_digits, tmp_path)
    tags = events_in(logs).Tags()["tensors"]
    assert "_hparams_/session_start_info" in tags
    assert "test_accuracy" not in tags
    record(quick_recipe, few_digits, HISTORY, tmp_path, published)
    assert {"test_accuracy", "validation_accuracy", "published"} <= set(events_in(logs).Tags()["tensors"])
    assert {path.name for path in tmp_path.iterdir()} == {LOGS_FOLDER}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_told(name: RecipeName, tmp_path: Path, few_digits: Dataset) -> None:
    """Whatever a recipe is made of, TensorBoard takes it: that of its network for rows, where it has one, too."""
    recipe = RECIPES[name]
    record(recipe, few_digits, HISTORY, tmp_path, None)
    [start] = [
        event.metadata.plugin_data.content
        for event in summaries_in(logs_folder(recipe, few_digits, tmp_path))
        if event.tag == "_hparams_/session_start_info"
    ]
    assert b"learning_rate" in start
    assert (b"rows_strips" in start) == (recipe.rows is not None)


def test_rows_are_trained_by_themselves(
    tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, row_recipe: RowRecipe
) -> None:
    """With another network for rows it is the same training of the model: its checkpoints stay good."""
    other = replace(quick_recipe, rows=row_recipe)
    assert logs_folder(other, few_digits, tmp_path) == logs_folder(quick_recipe, few_digits, tmp_path)


def test_figures_of_an_evaluation(published: Artifact) -> None:
    """Shares that were measured are told, and the means of the corruptions and the scenes."""
    evaluation = published.evaluation
    assert evaluation is not None
    assert final_figures(evaluation)["test_accuracy"] == evaluation.test.share
    assert "corrupted_accuracy" not in final_figures(evaluation)
    half = Score(correct=1, count=2, share=0.5, low=0.1, high=0.9)
    rows = [{"kind": "fog", "strength": 0.5, "score": half}, {"kind": "fog", "strength": 1.0, "score": half}]
    scenes = [{"scene": "on a line", "score": half}]
    update = {"corrupted": rows, "scenes": scenes, "refused_others": half}
    figures = final_figures(type(evaluation).model_validate(evaluation.model_dump() | update))
    assert [figures[name] for name in ("corrupted_accuracy", "scenes_accuracy", "others_refused")] == [0.5, 0.5, 0.5]


class TestMlflow:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("mlflow", reason="the extra `tracking` is not installed")

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder that MLflow keeps its records in."""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
        # MLflow wants databases; files are what a test can do without one.
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        return tmp_path / "runs"

    @pytest.mark.usefixtures("store")
    def test_published_training(
        self, tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, published: Artifact
    ) -> None:
        """Parameters, curves, figures and every file of the version are one run of the experiment `digits`."""
        import mlflow

        record(quick_recipe, few_digits, HISTORY, tmp_path / "checkpoints", published)
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
        assert experiment is not None
        [run] = client.search_runs([experiment.experiment_id])
        assert run.info.status == "FINISHED"
        assert run.data.params["learning_rate"] == str(quick_recipe.learning_rate)
        assert run.data.params["data_digest"] == few_digits.digest
        assert [(row.step, row.value) for row in client.get_metric_history(run.info.run_id, "loss")] == [
            (1, 0.5),
            (2, 0.25),
        ]
        assert published.evaluation is not None
        assert run.data.metrics["test_accuracy"] == published.evaluation.test.share
        assert run.data.tags["version"] == published.metadata.version
        kept = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "artifact")}
        assert kept == {path.name for path in published.folder.iterdir()}

    @pytest.mark.usefixtures("store")
    def test_refused_training(
        self, tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A training whose model was not good enough is recorded as that, in the experiment that its variable names."""
        import mlflow

        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
        record(quick_recipe, few_digits, HISTORY, tmp_path / "checkpoints", None)
        client = mlflow.MlflowClient()
        assert client.get_experiment_by_name(tracking.EXPERIMENT) is None
        experiment = client.get_experiment_by_name("mine")
        assert experiment is not None
        [run] = client.search_runs([experiment.experiment_id])
        assert run.data.tags["published"] == "no"
        assert client.list_artifacts(run.info.run_id) == []

    def test_store_that_fails(
        self, tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the store raises becomes a sentence."""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
        with pytest.raises(TrackingError, match="MLflow did not record the training: "):
            record(quick_recipe, few_digits, HISTORY, tmp_path, None)


def test_missing_mlflow_is_told_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for MLflow without having it learns so at once; whoever does not ask needs none."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    check_tracking()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    with pytest.raises(TrackingError, match="MLflow is not installed here"):
        check_tracking()
