"""Only models that are good enough are published, and whole."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from app.artifact import read_artifact
from app.errors import ArtifactError
from app.loading import load_model
from model_training import publishing, report
from model_training.data import Dataset
from model_training.publishing import GateError, publish_compiled, publish_trained
from model_training.recipe import Recipe
from model_training.training import Trained, train


@pytest.fixture(scope="module")
def trained(few_digits: Dataset, quick_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A network after two epochs on a hundred digits."""
    return train(quick_recipe, few_digits, tmp_path_factory.mktemp("checkpoints"))


def answering(digit: int, trained: Trained) -> Trained:
    """The same network with other weights, which make it answer with one digit whatever it sees."""
    networks = keras.models.clone_model(trained.networks)
    weights = [np.zeros_like(weight) for weight in trained.networks.get_weights()]
    weights[-1][digit] = 1.0
    networks.set_weights(weights)
    return dataclasses.replace(trained, networks=networks)


def worse(trained: Trained, dataset: Dataset) -> Trained:
    """A network that answers with the rarest validation digit."""
    return answering(int(np.bincount(dataset.validation.labels, minlength=10).argmin()), trained)


def better(trained: Trained, dataset: Dataset) -> Trained:
    """A network that answers with the commonest validation digit."""
    return answering(int(np.bincount(dataset.validation.labels).argmax()), trained)


def test_published_artifact_is_complete(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """Every promised file is there, and the metadata tells what was trained on what."""
    folder = publish_trained(quick_recipe, few_digits, trained, tmp_path)
    names = {path.name for path in folder.iterdir()}
    plots = {report.CURVES_FILE, report.CONFUSION_FILE, report.MISTAKES_FILE, report.DOUBT_FILE}
    assert names == {"model.keras", "model.tflite", "metadata.json", "evaluation.json", report.CARD_FILE} | plots
    for plot in plots:
        assert (folder / plot).read_bytes().startswith(b"\x89PNG")
    artifact = read_artifact(tmp_path / quick_recipe.name)
    assert artifact.folder == folder
    facts = artifact.metadata.training
    assert facts is not None
    assert (facts.recipe, facts.seed, facts.epochs) == (quick_recipe.name, quick_recipe.seed, 2)
    assert facts.data_digest == few_digits.digest
    assert {"keras", "tensorflow", "python"} <= set(facts.packages)
    assert artifact.metadata.twin_difference <= 1e-5
    assert artifact.evaluation is not None
    assert len(artifact.evaluation.history["loss"]) == 2


def test_saved_model_carries_no_optimizer(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """The published file holds the weights once."""
    folder = publish_trained(quick_recipe, few_digits, trained, tmp_path)
    assert (folder / "model.keras").stat().st_size < 1.1 * 4 * trained.peers[0].count_params()


def test_card_shows_the_measured_figures(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """The model card's accuracy is the evaluation's."""
    folder = publish_trained(quick_recipe, few_digits, trained, tmp_path)
    measured = json.loads((folder / "evaluation.json").read_text())["test"]
    assert f"| test digits | {measured['share']:.2%} |" in (folder / report.CARD_FILE).read_text()


def test_worse_model_is_refused_with_both_figures(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """A model that reads fewer validation digits leaves the published one in place."""
    published = publish_trained(quick_recipe, few_digits, better(trained, few_digits), tmp_path)
    with pytest.raises(GateError, match=r"Not published: .* the published model .* reads .*FORCE=1"):
        publish_trained(quick_recipe, few_digits, worse(trained, few_digits), tmp_path)
    assert read_artifact(tmp_path / quick_recipe.name).folder == published


def test_worse_model_is_published_when_forced(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """Force overrides the gate."""
    publish_trained(quick_recipe, few_digits, better(trained, few_digits), tmp_path)
    folder = publish_trained(quick_recipe, few_digits, worse(trained, few_digits), tmp_path, force=True)
    assert read_artifact(tmp_path / quick_recipe.name).folder == folder


def test_gate_compares_only_what_is_comparable(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """A model of other data, an unmeasured one or a damaged one sets no bar."""
    publish_trained(quick_recipe, few_digits, better(trained, few_digits), tmp_path)
    other = dataclasses.replace(few_digits, digest="other")
    publish_trained(quick_recipe, other, worse(trained, few_digits), tmp_path)
    damaged = read_artifact(tmp_path / quick_recipe.name)
    damaged.twin_path.write_bytes(b"")
    publish_trained(quick_recipe, few_digits, worse(trained, few_digits), tmp_path)


def test_twin_that_differs_is_never_published(
    tmp_path: Path,
    trained: Trained,
    few_digits: Dataset,
    quick_recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the two forms disagree the model does not reach the folder, forced or not."""
    monkeypatch.setattr("app.compilation.TWIN_TOLERANCE", -1.0)
    with pytest.raises(ArtifactError, match="differ by"):
        publish_trained(quick_recipe, few_digits, trained, tmp_path, force=True)
    assert list((tmp_path / quick_recipe.name).iterdir()) == []


def test_crash_while_reporting_keeps_the_old_model(
    tmp_path: Path,
    trained: Trained,
    few_digits: Dataset,
    quick_recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever fails on the way, the published model stays whole."""
    published = publish_trained(quick_recipe, few_digits, trained, tmp_path)

    def fail(*_: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(publishing, "write_report", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        publish_trained(quick_recipe, few_digits, trained, tmp_path)
    assert load_model(tmp_path / quick_recipe.name).metadata.version == published.name
    assert {path.name for path in published.parent.iterdir()} == {published.name, "CURRENT"}


def test_own_keras_model_is_compiled_and_published(tmp_path: Path, tiny_keras: Path) -> None:
    """A saved model from elsewhere becomes an artifact the service takes, unmeasured."""
    publish_compiled(tiny_keras, "mine", tmp_path)
    model = load_model(tmp_path / "mine")
    assert (model.metadata.name, model.metadata.training, model.evaluation) == ("mine", None, None)
