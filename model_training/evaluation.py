"""Scores a published model through the classes that serve it, and through the whole input path."""

import io
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from app.artifact import DigitScore, Evaluation, Score, Thresholds
from app.classifier import Classifier
from app.contract import LABELS, MAX_PIXELS
from app.decoding import open_upload
from app.errors import PictureError
from app.judgement import judge
from app.loading import Model
from app.reading import Reading, read
from model_training.checkpoints import History
from model_training.data import Dataset, Digits

Probabilities = npt.NDArray[np.float32]
"""float32 (n, 10), in digit order."""

_CALIBRATION_BINS: Final = 15
"""As in Guo et al., On calibration of modern neural networks (2017)."""


class DisagreementError(Exception):
    """The input path reads test digits otherwise than the arrays they came from."""


def evaluate(model: Model, dataset: Dataset, history: History) -> tuple[Evaluation, Probabilities]:
    """Score a model on validation and test digits; also returns the test digits' probabilities.

    Raises:
        DisagreementError: a test digit as a PNG reads otherwise than its array.
    """
    test = model.classifier.classify(dataset.test.pictures)
    answers = test.argmax(axis=1)
    readings = [read_file(model.classifier, _png(picture)) for picture in dataset.test.pictures]
    alike = sum(
        reading is not None and reading.digit == answer for reading, answer in zip(readings, answers, strict=True)
    )
    if alike != len(answers):
        raise DisagreementError(
            f"{len(answers) - alike} of {len(answers)} test digits read differently as PNG files than as arrays: "
            "app.decoding or app.normalization changes pictures that are prepared already."
        )
    labels = dataset.test.labels
    precision, recall, _, count = precision_recall_fscore_support(labels, answers, labels=LABELS, zero_division=0.0)
    rejected, certain = _verdict_scores(test, labels, model.metadata.thresholds)
    evaluation = Evaluation(
        test=accuracy(test, dataset.test),
        validation=accuracy(model.classifier.classify(dataset.validation.pictures), dataset.validation),
        digits=tuple(
            DigitScore(
                digit=digit, count=int(count[digit]), precision=float(precision[digit]), recall=float(recall[digit])
            )
            for digit in LABELS
        ),
        confusion=tuple(tuple(row) for row in confusion_matrix(labels, answers, labels=LABELS).tolist()),
        expected_calibration_error=expected_calibration_error(test, labels),
        rejected=rejected,
        certain=certain,
        png=score(alike, len(answers)),
        history={name: tuple(values) for name, values in history.items()},
        training_seconds=sum(history["seconds"]) if "seconds" in history else None,
    )
    return evaluation, test


def read_file(classifier: Classifier, body: bytes) -> Reading | None:
    """What the whole input path makes of a file; None where it refuses it as blank or damaged."""
    try:
        return read(open_upload(body, MAX_PIXELS), classifier)
    except PictureError:
        return None


def accuracy(probabilities: Probabilities, digits: Digits) -> Score:
    """How many digits are read right."""
    return score(int((probabilities.argmax(axis=1) == digits.labels).sum()), len(digits))


def _verdict_scores(
    probabilities: Probabilities, labels: npt.NDArray[np.uint8], thresholds: Thresholds | None
) -> tuple[Score | None, Score | None]:
    """Digits in MNIST's geometry called none, and right answers among the certain ones if there are any."""
    if thresholds is None:
        return None, None
    verdicts = np.array([judge(row, thresholds, unchanged=True).verdict for row in probabilities])
    certain = verdicts == "digit"
    right = int((probabilities.argmax(axis=1) == labels)[certain].sum())
    rejected = score(int((verdicts == "not_a_digit").sum()), len(labels))
    return rejected, score(right, int(certain.sum())) if certain.any() else None


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


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(buffer, "PNG")
    return buffer.getvalue()
