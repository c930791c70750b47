"""Other people's pictures are counted as what they are."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from app.artifact import Thresholds
from app.loading import Model
from app.normalization import Box
from app.reading import Reading, Times
from model_training.evaluation import expected_calibration_error, score
from model_training.real_pictures import RealPicture, RealSet, read_sets, real_calibration_error, rejected_by_label

READING = Reading(
    probabilities=np.eye(10, dtype=np.float32)[3] * np.float32(0.75),
    inverted=True,
    crop_box=Box(0, 0, 1, 1),
    left_out=0.0,
    unchanged=False,
    width=1,
    height=1,
    format="PNG",
    evidence=None,
    pixels=np.zeros((28, 28, 1), np.uint8),
    times=Times(0.0, 0.0, 0.0, 0.0),
)
"""A 3, at 75%."""

READ = RealPicture(Path("photos/3/a.png"), "3", READING, "digit")
MISREAD = dataclasses.replace(READ, label="8")
DOUBTED = dataclasses.replace(READ, verdict="not_a_digit")
REFUSED = RealPicture(Path("photos/3/b.png"), "3", None, None)
LETTER = dataclasses.replace(READ, label="alpha")
REJECTED_LETTER = dataclasses.replace(DOUBTED, label="alpha")
REFUSED_LETTER = dataclasses.replace(REFUSED, label="alpha")
UNJUDGED_LETTER = dataclasses.replace(LETTER, verdict=None)


def test_folder_of_real_pictures(real_folder: Path, measured_model: Model) -> None:
    """SET/LABEL/FILE is read through the whole input path: digits must be read right, everything else rejected."""
    letters, photos = read_sets(measured_model, real_folder)
    assert (letters.name, letters.right) == ("letters", score(1, 2))
    assert [picture.path.name for picture in letters.pictures if not picture.is_right] == ["digit.png"]
    assert (photos.name, photos.right) == ("photos", score(3, 5))
    assert photos.rejected == score(1, 5)
    assert sorted(picture.path.name for picture in photos.pictures if not picture.is_right) == ["0.png", "blank.png"]
    assert (letters.is_of_digits, photos.is_of_digits) == (False, True)


def test_labels_are_the_folders(real_folder: Path, measured_model: Model) -> None:
    """Every file is named with its folder, in a fixed order."""
    for part in read_sets(measured_model, real_folder):
        paths = [picture.path for picture in part.pictures]
        assert paths == sorted(paths)
        assert [path.parent.name for path in paths] == [picture.label for picture in part.pictures]


def least_pairs(unchanged: float, prepared: float) -> Thresholds:
    """Thresholds that call everything else certain."""
    return Thresholds(
        least_pair_probability=unchanged,
        prepared_least_pair_probability=prepared,
        least_confidence=0.0,
        rejection_risk=0.0,
        prepared_rejection_risk=0.0,
        mistake_risk=0.0,
    )


def test_each_picture_is_judged_as_what_was_sent(real_folder: Path, measured_model: Model, tmp_path: Path) -> None:
    """One in MNIST's geometry by the first threshold, its negative by that of pictures that had to be prepared."""
    file = next(real_folder.glob("photos/*/1.png"))
    home = tmp_path / "both" / file.parent.name
    home.mkdir(parents=True)
    with Image.open(file) as picture:
        picture.save(home / "unchanged.png")
        ImageOps.invert(picture).save(home / "negative.png")
    metadata = measured_model.metadata.model_copy(update={"thresholds": least_pairs(0.0, 1.1)})
    [part] = read_sets(dataclasses.replace(measured_model, metadata=metadata), tmp_path)
    assert [(one.path.stem, one.verdict) for one in part.pictures] == [
        ("negative", "not_a_digit"),
        ("unchanged", "digit"),
    ]


def test_verdicts_follow_the_thresholds(real_folder: Path, measured_model: Model) -> None:
    """Impossible thresholds call everything none; without thresholds there is no verdict, with or without a reading."""
    for least, verdict in ((1.1, "not_a_digit"), (0.0, "digit")):
        metadata = measured_model.metadata.model_copy(update={"thresholds": least_pairs(least, least)})
        for part in read_sets(dataclasses.replace(measured_model, metadata=metadata), real_folder):
            assert {picture.verdict for picture in part.pictures if picture.reading is not None} == {verdict}
            assert {picture.verdict for picture in part.pictures if picture.reading is None} == {None}
    metadata = measured_model.metadata.model_copy(update={"thresholds": None})
    for part in read_sets(dataclasses.replace(measured_model, metadata=metadata), real_folder):
        assert {picture.verdict for picture in part.pictures} == {None}


@pytest.mark.parametrize(
    ("picture", "is_digit", "is_rejected", "is_right", "confidence"),
    [
        (READ, True, False, True, 0.75),
        (MISREAD, True, False, False, 0.75),
        (DOUBTED, True, True, True, 0.75),
        (REFUSED, True, True, False, 0.0),
        (LETTER, False, False, False, 0.75),
        (REJECTED_LETTER, False, True, True, 0.75),
        (REFUSED_LETTER, False, True, True, 0.0),
        (UNJUDGED_LETTER, False, False, False, 0.75),
    ],
)
def test_what_counts_as_right(
    picture: RealPicture, is_digit: bool, is_rejected: bool, is_right: bool, confidence: float
) -> None:
    """Of a digit the answer counts, whatever the verdict; of anything else the rejection."""
    assert picture.is_digit is is_digit
    assert picture.is_rejected is is_rejected
    assert picture.is_right is is_right
    assert picture.confidence == confidence


@pytest.mark.parametrize("label", ["10", "³", "", "3 ", "-1"])
def test_other_labels_name_no_digit(label: str) -> None:
    """Only the ten digits' own names do."""
    assert not dataclasses.replace(READ, label=label).is_digit


def test_calibration_error_is_that_of_all_answered_digits() -> None:
    """Sets are joined; refused files and other things have no part in it."""
    sets = [RealSet("one", (READ, REFUSED, LETTER)), RealSet("two", (MISREAD, DOUBTED))]
    expected = expected_calibration_error(np.stack([READING.probabilities] * 3), np.array([3, 8, 3], np.uint8))
    assert real_calibration_error(sets) == pytest.approx(expected)
    assert expected == pytest.approx(0.75 - 2 / 3)


@pytest.mark.parametrize("sets", [[], [RealSet("one", (REFUSED, LETTER))]])
def test_nothing_answered_has_no_calibration_error(sets: list[RealSet]) -> None:
    """No figure is made up for it."""
    assert real_calibration_error(sets) is None


def test_rejections_of_each_label() -> None:
    """Labels in order, each with how many of its pictures were refused or called no digit."""
    part = RealSet("mixed", (LETTER, READ, REFUSED, REFUSED_LETTER, REJECTED_LETTER))
    assert rejected_by_label(part) == {"3": score(1, 2), "alpha": score(2, 3)}
    assert list(rejected_by_label(part)) == ["3", "alpha"]
    assert part.rejected == score(3, 5)
    assert not part.is_of_digits
