"""Scores a published model through the classes that serve it, and through the whole input path."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from app.artifact import DigitScore, Evaluation, Score
from app.classifier import Classifier
from app.contract import LABELS
from app.decoding import open_upload
from app.errors import PictureError
from app.reading import read
from model_training.data import Dataset, Digits
from model_training.training import History

Probabilities = npt.NDArray[np.float32]
"""float32 (n, 10), in digit order."""

MAX_PIXELS: Final = 50_000_000
"""The most pixels of a picture in a folder of real ones, as in the service's default setting."""

_CALIBRATION_BINS: Final = 15
"""As in Guo et al., On calibration of modern neural networks (2017)."""


class DisagreementError(Exception):
    """The input path reads test digits otherwise than the arrays they came from."""


@dataclass(frozen=True, slots=True)
class RealSet:
    """A folder of other people's pictures, as the whole input path reads them."""

    name: str
    score: Score
    mistakes: tuple[tuple[Path, int | None], ...]
    """Files read wrongly and the digit read; None where the picture was refused."""


def evaluate(classifier: Classifier, dataset: Dataset, history: History) -> tuple[Evaluation, Probabilities]:
    """Score a classifier on validation and test digits; also returns the test digits' probabilities.

    Raises:
        DisagreementError: a test digit as a PNG reads otherwise than its array.
    """
    test = classifier.classify(dataset.test.pictures)
    answers = test.argmax(axis=1)
    alike = sum(
        _read(classifier, _png(picture)) == answer
        for picture, answer in zip(dataset.test.pictures, answers, strict=True)
    )
    if alike != len(answers):
        raise DisagreementError(
            f"{len(answers) - alike} of {len(answers)} test digits read differently as PNG files than as arrays: "
            "app.decoding or app.normalization changes pictures that are prepared already."
        )
    labels = dataset.test.labels
    precision, recall, _, count = precision_recall_fscore_support(labels, answers, labels=LABELS, zero_division=0.0)
    evaluation = Evaluation(
        test=score(int((answers == labels).sum()), len(labels)),
        validation=validation_score(classifier, dataset.validation),
        digits=tuple(
            DigitScore(
                digit=digit, count=int(count[digit]), precision=float(precision[digit]), recall=float(recall[digit])
            )
            for digit in LABELS
        ),
        confusion=tuple(tuple(row) for row in confusion_matrix(labels, answers, labels=LABELS).tolist()),
        expected_calibration_error=expected_calibration_error(test, labels),
        png=score(alike, len(answers)),
        history={name: tuple(values) for name, values in history.items()},
        training_seconds=sum(history["seconds"]) if "seconds" in history else None,
    )
    return evaluation, test


def validation_score(classifier: Classifier, validation: Digits) -> Score:
    """How many validation digits are read right."""
    answers = classifier.classify(validation.pictures).argmax(axis=1)
    return score(int((answers == validation.labels).sum()), len(validation))


def score(correct: int, count: int) -> Score:
    """A share with its 95% interval (Wilson, 1927)."""
    interval = binomtest(correct, count).proportion_ci(0.95, method="wilson")
    return Score(correct=correct, count=count, share=correct / count, low=interval.low, high=interval.high)


def expected_calibration_error(probabilities: Probabilities, labels: npt.NDArray[np.uint8]) -> float:
    """Mean distance of confidence and accuracy over equal bins of confidence (Guo et al., 2017), 0 to 1."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=_CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def evaluate_folder(classifier: Classifier, folder: Path) -> list[RealSet]:
    """Read folder/SET/DIGIT/FILE through the whole input path; folders not named for a digit are passed over."""
    sets = []
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [
            (file, int(labelled.name))
            for labelled in sorted(home.iterdir())
            if labelled.name in map(str, LABELS)
            for file in sorted(labelled.iterdir())
        ]
        if not files:
            continue
        answers = [(file, label, _read(classifier, file.read_bytes())) for file, label in files]
        mistakes = tuple((file, answer) for file, label, answer in answers if answer != label)
        sets.append(RealSet(home.name, score(len(files) - len(mistakes), len(files)), mistakes))
    return sets


def _read(classifier: Classifier, body: bytes) -> int | None:
    try:
        return read(open_upload(body, MAX_PIXELS), classifier).digit
    except PictureError:
        return None


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(buffer, "PNG")
    return buffer.getvalue()
