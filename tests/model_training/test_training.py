"""A training learns, keeps checkpoints and takes up where it was killed."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from model_training import training
from model_training.data import Dataset
from model_training.recipe import Recipe
from model_training.training import STATE_FILE, train

FIGURES = {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture
def killed_after_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training ends the moment its second epoch begins."""

    def begin(_: object, epoch: int, _logs: object = None) -> None:
        if epoch == 1:
            raise KilledError

    monkeypatch.setattr(training._Checkpoint, "on_epoch_begin", begin)
    monkeypatch.setattr(training._Checkpoint, "_began", 0.0, raising=False)


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


def test_state_names_a_whole_checkpoint(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """What the state names can be opened; no partial file is left."""
    train(quick_recipe, few_digits, tmp_path)
    state = json.loads((tmp_path / STATE_FILE).read_text())
    assert keras.models.load_model(tmp_path / state["checkpoint"]).optimizer.iterations == 8
    assert {path.name for path in tmp_path.iterdir()} == {STATE_FILE, state["checkpoint"]}


def test_diverged_training_stops(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """A loss that is not a number ends the training with advice instead of a checkpoint."""
    hopeless = dataclasses.replace(quick_recipe, learning_rate=float("nan"), epochs=3)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(hopeless, few_digits, tmp_path)


def test_cosine_schedule_ends_at_zero(tmp_path: Path, few_digits: Dataset, quick_recipe: Recipe) -> None:
    """Where a recipe asks for it, the learning rate has fallen to zero when the training ends."""
    trained = train(dataclasses.replace(quick_recipe, cosine=True), few_digits, tmp_path)
    assert float(trained.networks.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-6)
