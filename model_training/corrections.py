"""Users' corrections, once an operator has accepted them: to learn from, and a fifth of them to measure with."""

import hashlib
from dataclasses import replace

import numpy as np

from app.artifact import CorrectionScores, Score
from app.contract import INPUT_SHAPE
from app.errors import FeedbackUnavailableError
from app.feedback.corrections import NO_DIGIT, Correction
from app.judgement import judge
from app.loading import Model
from model_training.data import Corrections, DataError, Dataset
from model_training.data import ReviewedCorrections as Reviewed
from model_training.evaluation import score


def with_corrections(dataset: Dataset, url: str) -> Dataset:
    """The same digits, and the accepted corrections of a database.

    Raises:
        DataError: it does not answer, or holds none to learn from.
    """
    try:
        # Trainings without corrections do without the database's libraries.
        from app.feedback.store import Store

        store = Store(url)
    except (ImportError, ValueError) as error:
        raise DataError(f"FEEDBACK is not usable: {error}.") from error
    try:
        accepted = [kept.correction for kept in store.kept("accepted")]
    except FeedbackUnavailableError as error:
        raise DataError(f"{error} ({error.__cause__})") from error
    finally:
        store.close()
    reviewed = split(accepted)
    if not len(reviewed.learnt):
        raise DataError(
            "No accepted correction is there to learn from. Review them first: digits feedback list, digits feedback "
            "accept ID..."
        )
    description = f"{dataset.description}; {len(reviewed.learnt):,} reviewed corrections of users to train on"
    return replace(dataset, description=description, corrections=reviewed)


def split(accepted: list[Correction]) -> Reviewed:
    """Those to learn from and those to measure with; in the order of their identities, whenever they came."""
    ordered = sorted(accepted, key=lambda correction: correction.id)
    learnt = [correction for correction in ordered if not correction.is_held_out]
    held_out = [correction for correction in ordered if correction.is_held_out]
    digest = hashlib.sha256("".join(correction.id for correction in learnt).encode()).hexdigest()
    return Reviewed(_corrections(learnt), _corrections(held_out), digest)


def before_and_after(reviewed: Reviewed, published: Model | None, trained: Model) -> CorrectionScores:
    """Score the held-out corrections, which neither model has learnt from.

    Args:
        reviewed: the corrections.
        published: the model that is to be replaced, if there is one.
        trained: the model that has learnt from the others.
    """
    return CorrectionScores(
        learnt=len(reviewed.learnt),
        before=_right(published, reviewed.held_out) if published is not None else None,
        after=_right(trained, reviewed.held_out),
    )


def _right(model: Model, corrections: Corrections) -> Score | None:
    if not len(corrections):
        return None
    probabilities = model.classifier.classify(corrections.pictures)
    thresholds = model.metadata.thresholds
    verdicts = [judge(row, thresholds, unchanged=False).verdict if thresholds else None for row in probabilities]
    right = [
        verdict == NO_DIGIT if label == NO_DIGIT else str(answer) == label
        for label, verdict, answer in zip(corrections.labels, verdicts, probabilities.argmax(axis=1), strict=True)
    ]
    return score(sum(right), len(right))


def _corrections(chosen: list[Correction]) -> Corrections:
    pictures = np.array([correction.picture for correction in chosen], np.uint8).reshape(-1, *INPUT_SHAPE)
    return Corrections(pictures, tuple(correction.label for correction in chosen))
