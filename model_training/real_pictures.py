"""Other people's pictures, read as the service reads them: SET/LABEL/FILE, a label that is not a digit names none."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from app.artifact import RealSetScore, Score, Thresholds
from app.contract import LABELS
from app.judgement import Verdict, judge
from app.loading import Model
from app.reading import Reading
from model_training.evaluation import expected_calibration_error, read_file, score

DIGIT_NAMES: Final = frozenset(map(str, LABELS))


@dataclass(frozen=True, slots=True)
class RealPicture:
    """A file and what was said of it."""

    path: Path
    label: str
    reading: Reading | None
    """None where the file was refused as blank or damaged."""
    verdict: Verdict | None
    """None where it was refused, or the model gives none."""

    @property
    def is_digit(self) -> bool:
        """Whether its label is a digit."""
        return self.label in DIGIT_NAMES

    @property
    def is_rejected(self) -> bool:
        """Refused, or called no digit."""
        return self.reading is None or self.verdict == "not_a_digit"

    @property
    def is_right(self) -> bool:
        """A digit read right, whatever the verdict; of anything else, rejected."""
        if not self.is_digit:
            return self.is_rejected
        return self.reading is not None and str(self.reading.digit) == self.label

    @property
    def confidence(self) -> float:
        """Of the answer; 0 where there is none."""
        return 0.0 if self.reading is None else float(self.reading.probabilities.max())


@dataclass(frozen=True, slots=True)
class RealSet:
    """The pictures of one folder."""

    name: str
    pictures: tuple[RealPicture, ...]

    @property
    def is_of_digits(self) -> bool:
        """Whether every label is a digit."""
        return all(picture.is_digit for picture in self.pictures)

    @property
    def right(self) -> Score:
        """Digits read right and others rejected."""
        return score(sum(picture.is_right for picture in self.pictures), len(self.pictures))

    @property
    def rejected(self) -> Score:
        """Pictures refused or called no digit."""
        return score(sum(picture.is_rejected for picture in self.pictures), len(self.pictures))

    @property
    def record(self) -> RealSetScore:
        """What a model's evaluation keeps of it: no picture, and no name of one."""
        return RealSetScore(name=self.name, of_digits=self.is_of_digits, right=self.right, rejected=self.rejected)


def read_sets(model: Model, folder: Path) -> list[RealSet]:
    """Read folder/SET/LABEL/FILE, every file through the whole input path; a folder without files is no set."""
    sets = [
        RealSet(home.name, tuple(_read(model, file, labelled.name) for labelled, file in _files(home)))
        for home in sorted(path for path in folder.iterdir() if path.is_dir())
    ]
    return [part for part in sets if part.pictures]


def real_calibration_error(sets: list[RealSet]) -> float | None:
    """Expected calibration error over all digits of all sets, 0 to 1; None where every one was refused.

    Refused files have no confidence to err with.
    """
    answered = [
        (picture.reading.probabilities, int(picture.label))
        for part in sets
        for picture in part.pictures
        if picture.is_digit and picture.reading is not None
    ]
    if not answered:
        return None
    probabilities = np.stack([row for row, _ in answered])
    return expected_calibration_error(probabilities, np.array([label for _, label in answered], np.uint8))


def rejected_by_label(part: RealSet) -> dict[str, Score]:
    """Rejections of each label of a set."""
    labels = sorted({picture.label for picture in part.pictures})
    of = {label: [picture.is_rejected for picture in part.pictures if picture.label == label] for label in labels}
    return {label: score(sum(rejected), len(rejected)) for label, rejected in of.items()}


def _files(home: Path) -> list[tuple[Path, Path]]:
    return [
        (labelled, file)
        for labelled in sorted(path for path in home.iterdir() if path.is_dir())
        for file in sorted(path for path in labelled.iterdir() if path.is_file())
    ]


def _read(model: Model, file: Path, label: str) -> RealPicture:
    reading = read_file(model.classifier, file.read_bytes())
    return RealPicture(file, label, reading, _verdict(reading, model.metadata.thresholds))


def _verdict(reading: Reading | None, thresholds: Thresholds | None) -> Verdict | None:
    return (
        None
        if reading is None or thresholds is None
        else judge(reading.probabilities, thresholds, reading.left_out, unchanged=reading.unchanged).verdict
    )
