"""A training learns, keeps checkpoints and takes up where it was killed."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from model_training import augmentation, drawing
from model_training.checkpoints import STATE_FILE, Checkpoint
from model_training.data import Dataset
from model_training.recipe import Recipe
from model_training.training import LOGS_FOLDER, PeersLoss, accuracy, train

FIGURES = {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture
def killed_after_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training ends the moment its second epoch begins."""

    def begin(_: object, epoch: int, _logs: object = None) -> None:
        if epoch == 1:
            raise KilledError

    monkeypatch.setattr(Checkpoint, "on_epoch_begin", begin)
    monkeypatch.setattr(Checkpoint, "_began", 0.0, raising=False)


def test_training_changes_the_weights_and_records_every_epoch(
    tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """A real step is taken: the loss falls and each figure has one value an epoch."""
    trained = train(quick_recipe, few_digits, tmp_path)
    assert set(trained.history) == FIGURES
    assert {len(values) for values in trained.history.values()} == {2}
    assert trained.history["loss"][1] < trained.history["loss"][0]


def test_killed_training_resumes(
    tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, request: pytest.FixtureRequest
) -> None:
    """Killed in its second epoch, the same call ends with as long a history as unkilled, and about the same losses.

    The first epoch is the very same; the second sees the same batches but draws other numbers for dropout.
    """
    straight = train(quick_recipe, few_digits, tmp_path / "straight")
    request.getfixturevalue("killed_after_first_epoch")
    with pytest.raises(KilledError):
        train(quick_recipe, few_digits, tmp_path / "killed")
    request.getfixturevalue("monkeypatch").undo()
    resumed = train(quick_recipe, few_digits, tmp_path / "killed")
    assert len(resumed.history["loss"]) == len(straight.history["loss"])
    assert resumed.history["loss"] == pytest.approx(straight.history["loss"], rel=0.1)
    assert resumed.networks.optimizer.iterations == straight.networks.optimizer.iterations


def test_finished_training_is_not_repeated(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """The same command once more gives the same network without training."""
    first = train(quick_recipe, few_digits, tmp_path)
    again = train(quick_recipe, few_digits, tmp_path)
    assert again.history == first.history
    for ours, theirs in zip(again.networks.get_weights(), first.networks.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_checkpoint_of_another_recipe_is_not_taken_up(
    tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe
) -> None:
    """Another seed begins anew and leaves only its own checkpoint."""
    train(quick_recipe, few_digits, tmp_path)
    other = dataclasses.replace(quick_recipe, seed=2, epochs=1)
    assert len(train(other, few_digits, tmp_path).history["loss"]) == 1
    assert [path.name for path in tmp_path.glob("*.keras")] == ["epoch-0001.keras"]


def test_checkpoint_of_other_code_is_not_taken_up(
    tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was trained with pictures that are made otherwise by now is another training."""
    learns_drawn = dataclasses.replace(quick_recipe, drawn_share=0.1)
    monkeypatch.setattr(augmentation, "POOL_SIZES", {"drawn": 400})
    monkeypatch.setattr(augmentation, "SAMPLE", 10)
    first = train(learns_drawn, few_digits, tmp_path)
    assert train(learns_drawn, few_digits, tmp_path).history == first.history
    monkeypatch.setattr(drawing, "CANVAS", drawing.CANVAS + 8)
    assert train(learns_drawn, few_digits, tmp_path).history != first.history


def test_state_names_a_whole_checkpoint(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """What the state names can be opened; no partial file is left."""
    train(quick_recipe, few_digits, tmp_path)
    state = json.loads((tmp_path / STATE_FILE).read_text())
    assert keras.models.load_model(tmp_path / state["checkpoint"]).optimizer.iterations == 8
    assert {path.name for path in tmp_path.iterdir()} == {STATE_FILE, LOGS_FOLDER, state["checkpoint"]}


def test_diverged_training_stops(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """A loss that is not a number ends the training with advice instead of a checkpoint."""
    hopeless = dataclasses.replace(quick_recipe, learning_rate=float("nan"), epochs=3)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(hopeless, few_digits, tmp_path)


def test_cosine_schedule_ends_at_zero(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """Where a recipe asks for it, the learning rate has fallen to zero when the training ends."""
    trained = train(dataclasses.replace(quick_recipe, cosine=True), few_digits, tmp_path)
    assert float(trained.networks.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-6)


@pytest.fixture
def learning_recipe(quick_recipe: Recipe) -> Recipe:
    """Two networks that learn half from each other."""
    return dataclasses.replace(quick_recipe, peers=2, lesson_share=0.5)


def test_peers_learn_and_stay_apart(tmp_path: Path, few_digits: Dataset, learning_recipe: Recipe) -> None:
    """Both networks learn, each its own weights; the figures are of both."""
    trained = train(learning_recipe, few_digits, tmp_path)
    assert set(trained.history) == FIGURES
    assert trained.history["loss"][1] < trained.history["loss"][0]
    first, second = trained.peers
    assert np.abs(first.get_weights()[0] - second.get_weights()[0]).max() > 0.01
    answers = [np.asarray(peer(few_digits.test.pictures)) for peer in trained.peers]
    assert np.abs(answers[0] - answers[1]).max() > 0.01
    shares = [
        (np.asarray(peer(few_digits.validation.pictures)).argmax(axis=1) == few_digits.validation.labels).mean()
        for peer in trained.peers
    ]
    assert trained.history["val_accuracy"][-1] == pytest.approx(np.mean(shares), abs=1e-6)


def test_killed_training_of_peers_resumes(
    tmp_path: Path, few_digits: Dataset, learning_recipe: Recipe, request: pytest.FixtureRequest
) -> None:
    """The checkpoint holds both networks, the loss and the metric."""
    request.getfixturevalue("killed_after_first_epoch")
    with pytest.raises(KilledError):
        train(learning_recipe, few_digits, tmp_path)
    request.getfixturevalue("monkeypatch").undo()
    resumed = train(learning_recipe, few_digits, tmp_path)
    assert {len(values) for values in resumed.history.values()} == {2}
    assert resumed.history["loss"][1] < resumed.history["loss"][0]
    assert resumed.networks.optimizer.iterations == 8
    first, second = resumed.peers
    answers = np.asarray(resumed.networks(few_digits.test.pictures))
    assert np.asarray(first(few_digits.test.pictures)) == pytest.approx(answers[:, 0], abs=1e-5)
    assert np.asarray(second(few_digits.test.pictures)) == pytest.approx(answers[:, 1], abs=1e-5)
    assert resumed.networks.loss.get_config()["lesson_share"] == 0.5


Answers = npt.NDArray[np.float32]


def some_answers(peers: int) -> tuple[Answers, Answers]:
    """Four labels, float32 (4, 10), and what the peers say, float32 (4, peers, 10)."""
    random = np.random.default_rng(5)
    said = random.random((4, peers, 10)) + 0.05
    return np.eye(10, dtype=np.float32)[[3, 0, 9, 3]], np.asarray(said / said.sum(-1, keepdims=True), np.float32)


def losses(loss: PeersLoss, labels: Answers, said: Answers) -> Answers:
    return np.asarray(loss.call(tf.constant(labels), tf.constant(said)), np.float32)


class TestPeersLoss:
    @pytest.mark.parametrize("peers", [1, 3])
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_without_lessons_it_is_cross_entropy(self, peers: int, smoothing: float) -> None:
        """Of each peer with the label, smoothed as Keras does; their mean is the loss."""
        labels, said = some_answers(peers)
        loss = PeersLoss(0.0, smoothing)
        each = losses(loss, labels, said)
        assert each.shape == (4, peers)
        expected = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing, reduction=None)
        for peer in range(peers):
            assert each[:, peer] == pytest.approx(np.asarray(expected(labels, said[:, peer])), rel=1e-5)
        assert float(loss(tf.constant(labels), tf.constant(said))) == pytest.approx(each.mean(), rel=1e-5)

    @pytest.mark.parametrize("peers", [2, 3])
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_lessons_are_the_others_mean(self, peers: int, smoothing: float) -> None:
        """The target is the label and, to the lesson's share, the mean of what the other peers say."""
        labels, said = some_answers(peers)
        each = losses(PeersLoss(0.3, smoothing), labels, said)
        for peer in range(peers):
            others = np.delete(said, peer, axis=1).mean(axis=1)
            target = 0.7 * (labels * (1 - smoothing) + smoothing / 10) + 0.3 * others
            assert each[:, peer] == pytest.approx(-(target * np.log(said[:, peer])).sum(axis=1), rel=1e-5)

    def test_no_gradient_flows_into_the_lesson(self) -> None:
        """One peer's loss moves this peer only, and moves it as if the lesson were a given target."""
        labels, said = some_answers(2)
        answers = tf.Variable(said)
        with tf.GradientTape() as tape:
            first = tf.reduce_sum(PeersLoss(0.5, 0.0).call(tf.constant(labels), answers)[:, 0])
        gradient = np.asarray(tape.gradient(first, answers))
        assert (gradient[:, 1] == 0.0).all()
        alone = tf.Variable(said[:, 0])
        with tf.GradientTape() as tape:
            fixed = keras.losses.categorical_crossentropy(tf.constant(0.5 * labels + 0.5 * said[:, 1]), alone)
            total = tf.reduce_sum(fixed)
        assert gradient[:, 0] == pytest.approx(np.asarray(tape.gradient(total, alone)), abs=1e-5)

    def test_configuration_survives_saving(self) -> None:
        """Written and read again it is the same loss."""
        loss = PeersLoss(0.25, 0.1, name="lessons")
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
        assert isinstance(again, PeersLoss)
        assert again.get_config() == loss.get_config()
        assert (again.get_config()["lesson_share"], again.get_config()["label_smoothing"]) == (0.25, 0.1)
        assert again.name == "lessons"
        labels, said = some_answers(2)
        assert np.array_equal(losses(again, labels, said), losses(loss, labels, said))


def test_accuracy_is_the_peers_mean() -> None:
    """Of two peers one is right: half a point for this digit."""
    labels = np.eye(10, dtype=np.float32)[[3, 0, 9]]
    said = np.eye(10, dtype=np.float32)[np.array([[3, 3], [0, 1], [1, 2]])]
    assert np.asarray(accuracy(tf.constant(labels), tf.constant(said))).tolist() == [1.0, 0.5, 0.0]


def test_accuracy_survives_saving() -> None:
    """A checkpoint names the metric so that it is found again."""
    assert keras.saving.get_registered_object(keras.saving.get_registered_name(accuracy)) is accuracy
