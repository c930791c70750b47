"""Users' corrections become lessons once they are accepted; a fifth of them only measures."""

import dataclasses
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.artifact import EVALUATION_FILE, read_artifact
from app.feedback.store import Store
from app.loading import Model
from model_training import __main__ as command_line
from model_training.augmentation import MOST_CORRECTIONS, stream
from model_training.corrections import before_and_after, split, with_corrections
from model_training.data import DataError, Dataset
from model_training.recipe import RECIPES, Recipe
from model_training.report import CARD_FILE
from model_training.tracking import final_figures
from model_training.training import train
from tests.app.feedback.databases import correction, learnt_and_held_out

LEARNT, HELD_OUT = learnt_and_held_out()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Accepted corrections, six to learn from and four held out, and some that are not accepted."""
    address = f"sqlite:///{tmp_path / 'corrections.db'}"
    store = Store(address)
    accepted = [correction(shade) for shade in (*LEARNT[:5], *HELD_OUT[:3])]
    accepted += [correction(LEARNT[5], "not_a_digit"), correction(HELD_OUT[3], "not_a_digit")]
    rejected, waiting = correction(LEARNT[6]), correction(LEARNT[7])
    for sent in (*accepted, rejected, waiting):
        store.add(sent)
    store.review([sent.id for sent in accepted], accepted=True)
    store.review([rejected.id], accepted=False)
    store.close()
    return address


def shades(pictures: np.ndarray) -> set[int]:
    """Which pictures these are."""
    return {int(picture[0, 0, 0]) for picture in pictures}


def test_accepted_ones_only(few_digits: Dataset, url: str) -> None:
    """What nobody has reviewed, or somebody has rejected, is no lesson; the held-out ones are kept apart."""
    dataset = with_corrections(few_digits, url)
    reviewed = dataset.corrections
    assert reviewed is not None
    assert shades(reviewed.learnt.pictures) == set(LEARNT[:6])
    assert shades(reviewed.held_out.pictures) == set(HELD_OUT[:4])
    assert sorted(reviewed.learnt.labels) == [*["7"] * 5, "not_a_digit"]
    assert reviewed.learnt.pictures.shape == (6, 28, 28, 1)
    assert dataset.digest == few_digits.digest, "the gate would have nothing to compare with"
    assert dataset.description.endswith("; 6 reviewed corrections of users to train on")


def test_order_does_not_matter() -> None:
    """The same corrections are the same lessons, whenever they came."""
    some = [correction(shade) for shade in range(20)]
    one, other = split(some), split(some[::-1])
    assert one.digest == other.digest
    assert np.array_equal(one.learnt.pictures, other.learnt.pictures)
    assert split(some[:10]).digest != one.digest


def test_nothing_to_learn_from(few_digits: Dataset, tmp_path: Path) -> None:
    """No accepted ones, no database, no address: each is a sentence that says what to do."""
    with pytest.raises(DataError, match="Review them first: digits feedback list"):
        with_corrections(few_digits, f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DataError, match="does not answer"):
        with_corrections(few_digits, f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")
    with pytest.raises(DataError, match="FEEDBACK is not usable: write sqlite"):
        with_corrections(few_digits, "corrections.csv")


def test_corrections_take_their_share(few_digits: Dataset, quick_recipe: Recipe) -> None:
    """They are mixed among the digits with the labels people gave, and never more than the bound."""
    learnt = split([correction(255), correction(254, "not_a_digit")]).learnt
    epoch = list(islice(stream(few_digits.train, quick_recipe, corrections=learnt), 400))
    pictures = np.concatenate([pictures for pictures, _ in epoch])
    targets = np.concatenate([targets for _, targets in epoch])
    # No digit is all of one shade.
    shown = (pictures == pictures[:, :1, :1]).all(axis=(1, 2, 3))
    assert shown.mean() == pytest.approx(MOST_CORRECTIONS, rel=0.15)
    known = {picture[0, 0, 0]: label for picture, label in zip(learnt.pictures, learnt.labels, strict=True)}
    assert known
    for picture, target in zip(pictures[shown], targets[shown], strict=True):
        expected = np.full(10, 0.1) if known[picture[0, 0, 0]] == "not_a_digit" else np.eye(10)[7]
        assert target == pytest.approx(expected)


def test_few_corrections_take_little(few_digits: Dataset, quick_recipe: Recipe) -> None:
    """A single one among many digits is shown as often as five of them, and the others are as without it."""
    many = dataclasses.replace(
        few_digits.train,
        pictures=np.tile(few_digits.train.pictures, (10, 1, 1, 1)),
        labels=np.tile(few_digits.train.labels, 10),
    )
    learnt = split([correction(LEARNT[1])]).learnt
    with_one = list(islice(stream(many, quick_recipe, corrections=learnt), 2000))
    without = list(islice(stream(many, quick_recipe), 2000))
    changed = np.concatenate(
        [(one != other).any(axis=(1, 2, 3)) for (one, _), (other, _) in zip(with_one, without, strict=True)]
    )
    assert changed.mean() == pytest.approx(5 / 1000, rel=0.3)


def test_other_corrections_are_another_training(
    few_digits: Dataset, quick_recipe: Recipe, url: str, tmp_path: Path
) -> None:
    """A checkpoint of a training with other corrections is not taken up."""
    once = dataclasses.replace(quick_recipe, epochs=1)
    taught = with_corrections(few_digits, url)
    seconds = [train(once, dataset, tmp_path / "checkpoints").history for dataset in (few_digits, taught, taught)]
    assert seconds[0] != seconds[1]
    assert seconds[1] == seconds[2], "the same corrections take the checkpoint up"


def test_before_and_after(measured_model: Model) -> None:
    """Held-out corrections are scored by both models: digits by the answer, others by the verdict."""
    answers = measured_model.classifier.classify(np.stack([correction(shade).picture for shade in HELD_OUT[:3]]))
    right, wrong = int(answers[0].argmax()), (int(answers[1].argmax()) + 1) % 10
    reviewed = split(
        [
            correction(LEARNT[0]),
            correction(HELD_OUT[0], str(right)),  # type: ignore[arg-type]
            correction(HELD_OUT[1], str(wrong)),  # type: ignore[arg-type]
            correction(HELD_OUT[2], "not_a_digit"),
        ]
    )
    found = before_and_after(reviewed, None, measured_model)
    assert (found.learnt, found.before) == (1, None)
    assert found.after is not None
    assert (found.after.correct, found.after.count) == (1, 3)
    thresholds = measured_model.metadata.thresholds
    assert thresholds is not None
    strict = thresholds.model_copy(update={"prepared_least_pair_probability": 2.0})
    doubting = dataclasses.replace(
        measured_model, metadata=measured_model.metadata.model_copy(update={"thresholds": strict})
    )
    found = before_and_after(reviewed, measured_model, doubting)
    assert found.before is not None
    assert found.after is not None
    assert (found.before.correct, found.after.correct) == (1, 2)
    assert before_and_after(split([correction(LEARNT[0])]), measured_model, measured_model).after is None


def test_command(
    monkeypatch: pytest.MonkeyPatch, quick_recipe: Recipe, few_digits: Dataset, url: str, tmp_path: Path
) -> None:
    """FEEDBACK=... publishes with the held-out figures before and after, in words and in the card; the gate holds."""
    monkeypatch.setattr(command_line, "RECIPES", {**RECIPES, "smoke": quick_recipe})
    monkeypatch.setattr(command_line, "load_dataset", lambda *_: few_digits)
    command = ["train", "--recipe", "smoke", "--artifacts", str(tmp_path), "--force"]
    assert CliRunner().invoke(command_line.app, command).exit_code == 0
    plain = read_artifact(tmp_path / "smoke")
    assert plain.evaluation is not None
    assert plain.evaluation.corrections is None
    result = CliRunner().invoke(command_line.app, [*command, "--feedback", url])
    assert result.exit_code == 0, result.output
    taught = read_artifact(tmp_path / "smoke")
    assert taught.evaluation is not None
    corrections = taught.evaluation.corrections
    assert corrections is not None
    assert corrections.before is not None
    assert corrections.after is not None
    assert (corrections.learnt, corrections.before.count, corrections.after.count) == (6, 4, 4)
    assert "learnt from 6 corrections; held-out ones read right:\nbefore" in result.stdout
    card = (taught.folder / CARD_FILE).read_text()
    assert "6 corrections, each of them accepted by the operator, were learnt from. Others were held out:" in card
    assert f"| this model | {corrections.after.share:.2%} |" in card
    assert taught.metadata.training is not None
    assert "6 reviewed corrections" in taught.metadata.training.data
    assert final_figures(taught.evaluation)["corrections_right"] == corrections.after.share
    # Corrections excuse nothing: who reads fewer validation digits than before is not published.
    perfect = taught.evaluation.validation.model_copy(update={"share": 1.0})
    (taught.folder / EVALUATION_FILE).write_text(
        taught.evaluation.model_copy(update={"validation": perfect}).model_dump_json()
    )
    refused = CliRunner().invoke(command_line.app, [*command[:-1], "--feedback", url])
    assert (refused.exit_code, refused.stderr.startswith("Not published:")) == (1, True)
    failed = CliRunner().invoke(command_line.app, [*command, "--feedback", f"sqlite:///{tmp_path / 'empty.db'}"])
    assert (failed.exit_code, failed.stderr.startswith("No accepted correction")) == (1, True)
