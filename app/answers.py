"""A reading -> the answer people and programs get, whoever asked for it."""

from base64 import b64encode
from math import prod
from typing import Final, TypedDict

import numpy as np
import numpy.typing as npt

from app.artifact import Thresholds
from app.explanation import METHOD, Evidence
from app.judgement import Verdict, judge
from app.normalization import Box
from app.reading import PageReading, Reading
from app.rows import Row
from app.schemas import (
    Candidate,
    CropBox,
    Explanation,
    ModelName,
    NumberDigit,
    NumberRow,
    Numbers,
    Prediction,
    Preparation,
)

NO_DIGIT: Final = "?"
"""Stands in a text for what is no digit."""


class _Finding(TypedDict):
    """What every answer tells of a digit: the fields of app.schemas.DigitAnswer."""

    digit: int
    probabilities: tuple[float, ...]
    confidence: float
    verdict: Verdict | None
    reason: str | None
    candidates: tuple[Candidate, ...]


def answer(reading: Reading, thresholds: Thresholds | None, model: ModelName) -> Prediction:
    """Judge a reading and put it into the words of the API.

    Args:
        reading: what the model says.
        thresholds: the model's; without them there is no verdict.
        model: which model answered.
    """
    finding = _finding(reading.probabilities, thresholds, reading.left_out, unchanged=reading.unchanged)
    return Prediction(
        **finding,
        preparation=Preparation(
            inverted=reading.inverted,
            crop_box=_crop_box(reading.crop_box),
            width=reading.width,
            height=reading.height,
            format=reading.format,
        ),
        model=model,
        explanation=_explanation(reading.evidence) if reading.evidence is not None else None,
    )


def answer_rows(reading: PageReading, thresholds: Thresholds | None, model: ModelName) -> Numbers:
    """The same for a picture of several digits."""
    rows = tuple(_row(row, thresholds) for row in reading.rows)
    return Numbers(
        text="\n".join(row.text for row in rows),
        confidence=prod(row.confidence for row in rows) if rows else 0.0,
        rows=rows,
        inverted=reading.inverted,
        width=reading.width,
        height=reading.height,
        format=reading.format,
        model=model,
    )


def _row(row: Row, thresholds: Thresholds | None) -> NumberRow:
    digits = tuple(
        NumberDigit(**_finding(digit.probabilities, thresholds, 0.0, unchanged=False), box=_crop_box(digit.box))
        for digit in row
    )
    text = "".join(NO_DIGIT if digit.verdict == "not_a_digit" else str(digit.digit) for digit in digits)
    return NumberRow(text=text, confidence=prod(digit.confidence for digit in digits), digits=digits)


def _finding(
    probabilities: npt.NDArray[np.float32], thresholds: Thresholds | None, left_out: float, *, unchanged: bool
) -> _Finding:
    judgement = judge(probabilities, thresholds, left_out, unchanged=unchanged) if thresholds is not None else None
    candidates = judgement.candidates if judgement is not None else ()
    digit = int(probabilities.argmax())
    return _Finding(
        digit=digit,
        probabilities=tuple(probabilities.tolist()),
        confidence=float(probabilities[digit]),
        verdict=judgement.verdict if judgement is not None else None,
        reason=judgement.reason if judgement is not None else None,
        # Mostly there are none.
        candidates=tuple(Candidate(digit=one, probability=float(probabilities[one])) for one in candidates)
        if candidates
        else (),
    )


def _crop_box(box: Box) -> CropBox:
    return CropBox(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


def _explanation(evidence: Evidence) -> Explanation:
    return Explanation(
        picture=b64encode(evidence.picture).decode(),
        saliency=b64encode(evidence.saliency).decode(),
        saliency_peak_log_odds=evidence.peak,
        saliency_method=METHOD,
    )
