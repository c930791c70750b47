"""Corrupted digits and those in scenes are counted row by row."""

import numpy as np
import pytest

from app.artifact import CorruptionScore
from app.loading import Model
from model_training import robustness
from model_training.corruption import CORRUPTIONS, Picture, Random
from model_training.data import Dataset, Digits
from model_training.evaluation import score
from model_training.robustness import STRENGTHS, mean_accuracy, measure_robustness, measure_scenes
from model_training.scenes import SCENES, digits_for


def unchanged(picture: Picture, _strength: float, _random: Random) -> Picture:
    return picture


def blank(picture: Picture, _strength: float, _random: Random) -> Picture:
    return np.zeros_like(picture)


def strong_only(picture: Picture, strength: float, _random: Random) -> Picture:
    """Blank at full strength."""
    return np.zeros_like(picture) if strength == 1.0 else picture


@pytest.fixture
def answered(few_digits: Dataset, measured_model: Model) -> Digits:
    """Ten digits, labelled as the model reads them but for the last three."""
    pictures = few_digits.test.pictures[:10]
    labels = measured_model.classifier.classify(pictures).argmax(axis=1).astype(np.uint8)
    labels[7:] = (labels[7:] + 1) % 10
    return Digits(pictures, labels)


def test_every_kind_at_every_strength(
    few_digits: Dataset, measured_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row each, of the first digits of the set and no more."""
    monkeypatch.setattr(robustness, "MOST_DIGITS", 2)
    rows = measure_robustness(measured_model.classifier, few_digits.test)
    assert [(row.kind, row.strength) for row in rows] == [(kind, at) for kind in CORRUPTIONS for at in STRENGTHS]
    assert {row.score.count for row in rows} == {2}


def test_right_answers_are_counted(answered: Digits, measured_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read as its label says counts, at each strength by itself; a set smaller than the most is taken whole."""
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"none": unchanged, "strong": strong_only})
    rows = measure_robustness(measured_model.classifier, answered)
    assert [row.score for row in rows] == [score(7, 10)] * 5 + [score(0, 10)]


def test_no_ink_is_wrong(answered: Digits, measured_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that lost its ink is wrong, even where the model's answer to a black picture is its label."""
    black = int(measured_model.classifier.classify(np.zeros((1, 28, 28, 1), np.uint8)).argmax())
    digits = Digits(answered.pictures, np.full(10, black, np.uint8))
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"blank": blank})
    assert {row.score.correct for row in measure_robustness(measured_model.classifier, digits)} == {0}


def test_rows_do_not_depend_on_one_another(
    few_digits: Dataset, measured_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row's pictures are the same whichever rows came before it, and the same every time."""
    seen: list[Picture] = []

    def noise(picture: Picture, _strength: float, random: Random) -> Picture:
        noisy = np.asarray(np.maximum(picture, random.integers(0, 40, picture.shape, np.uint8)), np.uint8)
        seen.append(noisy)
        return noisy

    monkeypatch.setattr(robustness, "CORRUPTIONS", {"first": noise, "second": noise})
    monkeypatch.setattr(robustness, "STRENGTHS", (0.5,))
    monkeypatch.setattr(robustness, "MOST_DIGITS", 3)
    first, second = measure_robustness(measured_model.classifier, few_digits.test)
    assert first.score == second.score
    assert np.array_equal(seen[:3], seen[3:])
    assert not np.array_equal(
        seen[0] - few_digits.test.pictures[0, ..., 0], seen[1] - few_digits.test.pictures[1, ..., 0]
    )


def test_every_scene(few_digits: Dataset, measured_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row each, of the first digits of the set, mostly but for sticks."""
    monkeypatch.setattr(robustness, "MOST_DIGITS_IN_SCENES", 4)
    rows = measure_scenes(measured_model.classifier, few_digits.test)
    assert [row.scene for row in rows] == list(SCENES)
    first = Digits(few_digits.test.pictures[:4], few_digits.test.labels[:4])
    assert [row.score.count for row in rows] == [len(digits_for(scene, first)) for scene in SCENES]


def test_right_answers_in_scenes_are_counted(
    answered: Digits, measured_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read as its label says counts."""
    monkeypatch.setattr(robustness, "SCENES", {"as it is": lambda digit, _: digit})
    kept = digits_for("as it is", answered)
    answers = measured_model.classifier.classify(kept.pictures).argmax(axis=1)
    [row] = measure_scenes(measured_model.classifier, answered)
    assert row.score == score(int((answers == kept.labels).sum()), len(kept))
    assert 0 < row.score.correct < row.score.count


def test_mean_accuracy_counts_every_row_alike() -> None:
    """However many digits a row has."""
    rows = tuple(
        CorruptionScore(kind="blur", strength=0.5, score=score(*counts)) for counts in ((1, 2), (10, 10), (0, 4))
    )
    assert mean_accuracy(rows) == pytest.approx(0.5)
