"""A reading -> the answer people and programs get, whoever asked for it."""

from base64 import b64encode

from app.artifact import Thresholds
from app.explanation import METHOD, Evidence
from app.judgement import judge
from app.reading import Reading
from app.schemas import Candidate, CropBox, Explanation, ModelName, Prediction, Preparation


def answer(reading: Reading, thresholds: Thresholds | None, model: ModelName) -> Prediction:
    """Judge a reading and put it into the words of the API.

    Args:
        reading: what the model says.
        thresholds: the model's; without them there is no verdict.
        model: which model answered.
    """
    box = reading.crop_box
    judgement = (
        judge(reading.probabilities, thresholds, reading.left_out, unchanged=reading.unchanged)
        if thresholds is not None
        else None
    )
    candidates = judgement.candidates if judgement is not None else ()
    return Prediction(
        digit=reading.digit,
        probabilities=tuple(reading.probabilities.tolist()),
        confidence=float(reading.probabilities[reading.digit]),
        verdict=judgement.verdict if judgement is not None else None,
        reason=judgement.reason if judgement is not None else None,
        candidates=tuple(
            Candidate(digit=digit, probability=float(reading.probabilities[digit])) for digit in candidates
        ),
        preparation=Preparation(
            inverted=reading.inverted,
            crop_box=CropBox(left=box.left, top=box.top, right=box.right, bottom=box.bottom),
            width=reading.width,
            height=reading.height,
            format=reading.format,
        ),
        model=model,
        explanation=_explanation(reading.evidence) if reading.evidence is not None else None,
    )


def _explanation(evidence: Evidence) -> Explanation:
    return Explanation(
        picture=b64encode(evidence.picture).decode(),
        saliency=b64encode(evidence.saliency).decode(),
        saliency_peak_log_odds=evidence.peak,
        saliency_method=METHOD,
    )
