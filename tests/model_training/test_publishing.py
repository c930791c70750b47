"""Only models that are good enough are published, and whole."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from app.artifact import CONFUSION_FILE, CURVES_FILE, DOUBT_FILE, LOCK_FILE, MISTAKES_FILE, read_artifact
from app.drift import CONFIDENCE, INK_SHARE, STROKE_WIDTH, VERDICT
from app.errors import ArtifactError
from app.loading import load_model
from model_training import doubt, publishing, report, robustness
from model_training.calibration import at_temperature
from model_training.corruption import CORRUPTIONS
from model_training.data import Dataset
from model_training.evaluation import score
from model_training.network import build_peers
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
    plots = {CURVES_FILE, CONFUSION_FILE, MISTAKES_FILE, DOUBT_FILE}
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
    assert [feature.name for feature in artifact.evaluation.inputs] == [INK_SHARE, STROKE_WIDTH, CONFIDENCE, VERDICT]


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
    assert {path.name for path in published.parent.iterdir()} == {published.name, "CURRENT", LOCK_FILE}


def test_own_keras_model_is_compiled_and_published(tmp_path: Path, tiny_keras: Path) -> None:
    """A saved model from elsewhere becomes an artifact the service takes, unmeasured."""
    publish_compiled(tiny_keras, "mine", tmp_path)
    model = load_model(tmp_path / "mine")
    assert (model.metadata.name, model.metadata.training, model.evaluation) == ("mine", None, None)


@pytest.fixture(scope="module")
def two_peers(quick_recipe: Recipe) -> Recipe:
    """The quick recipe with two networks."""
    return dataclasses.replace(quick_recipe, peers=2)


def always(recipe: Recipe, trained: Trained, *answers: tuple[int, float]) -> Trained:
    """Networks that answer with one digit each whatever they see, the surer the larger the number beside it."""
    networks = build_peers(recipe)
    peers = Trained(networks, trained.history)
    for peer, (digit, sureness) in zip(peers.peers, answers, strict=True):
        weights = [np.zeros_like(weight) for weight in peer.get_weights()]
        weights[-1][digit] = sureness
        peer.set_weights(weights)
    return peers


def published_answer(root: Path, recipe: Recipe) -> tuple[int, float]:
    """The digit that a published model of such a network answers with, and how sure it is."""
    probabilities = load_model(root / recipe.name).classifier.classify(np.zeros((1, 28, 28, 1), np.uint8))[0]
    return int(probabilities.argmax()), float(probabilities.max())


@pytest.mark.parametrize("best_first", [True, False])
def test_best_peer_is_published(
    tmp_path: Path, trained: Trained, few_digits: Dataset, two_peers: Recipe, best_first: bool
) -> None:
    """Of several networks the one that reads most validation digits, wherever it stands; all their figures are kept."""
    counts = np.bincount(few_digits.validation.labels, minlength=10)
    common, rare = int(counts.argmax()), int(counts.argmin())
    order = [common, rare] if best_first else [rare, common]
    # The rare answer comes with less doubt: accuracy counts first.
    peers = always(two_peers, trained, *((digit, 1.0 if digit == common else 0.1) for digit in order))
    folder = publish_trained(two_peers, few_digits, peers, tmp_path)
    assert published_answer(tmp_path, two_peers)[0] == common
    evaluation = read_artifact(tmp_path / two_peers.name).evaluation
    assert evaluation is not None
    assert evaluation.peers == tuple(score(int(counts[digit]), 50) for digit in order)
    assert evaluation.validation == score(int(counts[common]), 50)
    assert evaluation.temperature is None
    assert "2 networks were trained side by side" in (folder / report.CARD_FILE).read_text()


@pytest.mark.parametrize("honest_first", [True, False])
def test_of_equals_the_more_honest_peer_is_published(
    tmp_path: Path, trained: Trained, few_digits: Dataset, two_peers: Recipe, honest_first: bool
) -> None:
    """Where both read as many, the one with the smaller loss: here the one that is not sure without a reason."""
    digit = int(few_digits.validation.labels[0])
    answers = [(digit, 1.0), (digit, 9.0)]
    publish_trained(
        two_peers, few_digits, always(two_peers, trained, *(answers if honest_first else answers[::-1])), tmp_path
    )
    answer, confidence = published_answer(tmp_path, two_peers)
    assert answer == digit
    assert confidence == pytest.approx(np.e / (np.e + 9), abs=1e-4)


def test_single_network_has_no_peers_on_its_card(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """Nothing is said of a choice where there was none, of corrupted digits that were not read, or of a temperature."""
    folder = publish_trained(quick_recipe, few_digits, trained, tmp_path)
    card = (folder / report.CARD_FILE).read_text()
    assert "side by side" not in card
    assert "Corrupted digits" not in card
    evaluation = read_artifact(folder).evaluation
    assert evaluation is not None
    assert (len(evaluation.peers), evaluation.temperature) == (1, None)
    assert (evaluation.refused_others, evaluation.corrupted, evaluation.scenes) == (None, (), ())


def test_calibrated_network_answers_at_its_temperature(
    tmp_path: Path, trained: Trained, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """The temperature is recorded and is part of the published weights: no digit changes, only how sure it is."""
    calibrated = dataclasses.replace(quick_recipe, calibrated=True)
    publish_trained(calibrated, few_digits, trained, tmp_path)
    model = load_model(tmp_path / calibrated.name)
    assert model.evaluation is not None
    temperature = model.evaluation.temperature
    assert temperature is not None
    assert abs(temperature - 1.0) > 0.01
    [network] = trained.peers
    before = np.asarray(network.predict(few_digits.test.pictures, verbose=0))
    answers = model.classifier.classify(few_digits.test.pictures)
    assert answers == pytest.approx(at_temperature(before, temperature), abs=1e-4)
    assert np.abs(answers - before).max() > 1e-3


def test_robust_recipe_is_measured_on_more(
    tmp_path: Path,
    trained: Trained,
    few_digits: Dataset,
    quick_recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Corrupted digits and pictures of no digits are read too, and stand on the model card."""
    monkeypatch.setattr(doubt, "OTHERS", 20)
    monkeypatch.setattr(robustness, "MOST_DIGITS", 4)
    monkeypatch.setattr(robustness, "STRENGTHS", (0.25, 0.75))
    monkeypatch.setattr(robustness, "MOST_DIGITS_IN_SCENES", 4)
    robust = dataclasses.replace(quick_recipe, robust=True)
    folder = publish_trained(robust, few_digits, trained, tmp_path)
    evaluation = read_artifact(folder).evaluation
    assert evaluation is not None
    assert evaluation.refused_others is not None
    assert evaluation.refused_others.count == 20
    assert [row.kind for row in evaluation.corrupted] == [kind for kind in CORRUPTIONS for _ in range(2)]
    assert {row.score.count for row in evaluation.corrupted} == {4}
    card = (folder / report.CARD_FILE).read_text()
    assert "| corruption | strength 0.25 | strength 0.75 |" in card
    for weak, strong in zip(evaluation.corrupted[::2], evaluation.corrupted[1::2], strict=True):
        assert f"| {weak.kind} | {weak.score.share:.1%} | {strong.score.share:.1%} |" in card
    assert f"Mean: {robustness.mean_accuracy(evaluation.corrupted):.2%}" in card
    assert f"Mean: {robustness.mean_accuracy(evaluation.scenes):.2%}" in card
    for part in evaluation.scenes:
        assert f"| {part.scene} | {part.score.share:.2%} |" in card
    assert f"Of 20 such pictures made in code that show no digit {evaluation.refused_others.share:.1%}" in card
    assert (folder / DOUBT_FILE).read_bytes().startswith(b"\x89PNG")
