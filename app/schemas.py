"""The answers, field by field: these classes are the API reference."""

import datetime as dt
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.artifact import Evaluation, Metadata
from app.explanation import Method
from app.feedback.corrections import Label
from app.judgement import Verdict

Probability = Annotated[float, Field(ge=0.0, le=1.0)]

_PNG: Final[dict[str, JsonValue]] = {"contentEncoding": "base64", "contentMediaType": "image/png"}


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class CropBox(_Answer):
    """A rectangle in pixels of the upright original; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


class Preparation(_Answer):
    """What was done to the picture before the model saw it."""

    inverted: Annotated[bool, Field(description="Whether the ink was darker than its ground; the model sees it white.")]
    crop_box: Annotated[CropBox, Field(description="Where the ink was found.")]
    width: Annotated[int, Field(description="Of the original, in pixels, turned upright as its EXIF data says.")]
    height: Annotated[int, Field(description="Of the original, in pixels, turned upright as its EXIF data says.")]
    format: Annotated[
        str,
        Field(
            description="The file format found in the content, whatever its name or type said; `PIXELS` for numbers."
        ),
    ]


class ModelName(_Answer):
    """Which model answered."""

    name: str
    version: str


class Candidate(_Answer):
    """A digit the picture may show."""

    digit: int
    probability: Probability


class Explanation(_Answer):
    """What the digit rests on. The pictures are grey PNG files of 28x28 pixels in base64."""

    picture: Annotated[
        str,
        Field(
            description="What the model saw: the ink white on black, in MNIST's geometry.",
            examples=["iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBI..."],
            json_schema_extra=_PNG,
        ),
    ]
    saliency: Annotated[
        str,
        Field(
            description="Where the ink mattered: white where hiding it costs the digit most, black where that costs "
            "nothing or there is no ink.",
            examples=["iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBI..."],
            json_schema_extra=_PNG,
        ),
    ]
    saliency_peak_log_odds: Annotated[
        float,
        Field(
            ge=0.0,
            description="What the brightest place stands for: how much the digit's log-odds, ln(p / (1 - p)), drop "
            "when the ink there is hidden, in nats: at 2.3 the odds become ten times worse. Near 0 the map is black.",
            examples=[5.1],
        ),
    ]
    saliency_method: Annotated[
        Method,
        Field(
            description="How the map was made: squares of black are laid over the ink one by one, and each pixel gets "
            "the mean drop of the squares that cover it (Zeiler and Fergus, *Visualizing and understanding "
            "convolutional networks*, 2014)."
        ),
    ]


class DigitAnswer(_Answer):
    """What one digit is."""

    digit: Annotated[int, Field(ge=0, le=9, description="The most probable digit.")]
    probabilities: Annotated[
        tuple[Probability, ...],
        Field(
            min_length=10, max_length=10, description="Softmax probabilities of 0 to 9, in this order; they sum to 1."
        ),
    ]
    confidence: Annotated[Probability, Field(description="The most probable digit's probability.")]
    verdict: Annotated[
        Verdict | None,
        Field(
            description="`digit`, `uncertain` (see `candidates`), or `not_a_digit`: then `digit` is only the least bad "
            "guess. Missing if the model has no thresholds."
        ),
    ]
    reason: Annotated[str | None, Field(description="The verdict in a sentence.")]
    candidates: Annotated[
        tuple[Candidate, ...], Field(description="The digits an uncertain picture may show, the most probable first.")
    ]


class Prediction(DigitAnswer):
    """What the picture shows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "digit": 7,
                    "probabilities": [0.0, 0.0001, 0.0002, 0.0001, 0.0, 0.0, 0.0, 0.9994, 0.0, 0.0002],
                    "confidence": 0.9994,
                    "verdict": "digit",
                    "reason": "It is a 7.",
                    "candidates": [],
                    "preparation": {
                        "inverted": True,
                        "crop_box": {"left": 412, "top": 230, "right": 1204, "bottom": 1460},
                        "width": 3024,
                        "height": 4032,
                        "format": "JPEG",
                    },
                    "model": {"name": "default", "version": "20261122-1f0c2a9b"},
                    "explanation": None,
                }
            ]
        }
    )

    preparation: Preparation
    model: ModelName
    explanation: Annotated[Explanation | None, Field(description="Null unless the request says `explain=true`.")]


class CorrectionReceipt(_Answer):
    """What is kept of a correction, beside the 28x28 pixels that the model saw and the day."""

    id: Annotated[str, Field(description="The same for the same picture and label, however often they are sent.")]
    label: Annotated[Label, Field(description="What the picture shows.")]
    probabilities: Annotated[
        tuple[Probability, ...],
        Field(min_length=10, max_length=10, description="What the model answered, of 0 to 9 in this order."),
    ]
    verdict: Annotated[Verdict | None, Field(description="The model's, as of /predict.")]
    model: ModelName
    days: Annotated[int, Field(description="After which it is deleted.")]


class NumberDigit(DigitAnswer):
    """One digit of a row."""

    box: Annotated[CropBox, Field(description="Where it is.")]


class NumberRow(_Answer):
    """Digits side by side."""

    text: Annotated[
        str, Field(description="The digits from left to right; `?` stands for what is no digit, a letter for example.")
    ]
    confidence: Annotated[
        Probability, Field(description="That all of them are right: the product of their confidences.")
    ]
    digits: tuple[NumberDigit, ...]


class Numbers(_Answer):
    """All digits of a picture."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "7",
                    "confidence": 0.9994,
                    "rows": [
                        {
                            "text": "7",
                            "confidence": 0.9994,
                            "digits": [
                                {
                                    "digit": 7,
                                    "probabilities": [0.0, 0.0001, 0.0002, 0.0001, 0.0, 0.0, 0.0, 0.9994, 0.0, 0.0002],
                                    "confidence": 0.9994,
                                    "verdict": "digit",
                                    "reason": "It is a 7.",
                                    "candidates": [],
                                    "box": {"left": 412, "top": 230, "right": 1204, "bottom": 1460},
                                }
                            ],
                        }
                    ],
                    "inverted": True,
                    "width": 3024,
                    "height": 4032,
                    "format": "JPEG",
                    "model": {"name": "default", "version": "20261122-1f0c2a9b"},
                }
            ]
        }
    )

    text: Annotated[
        str,
        Field(
            description="The rows' texts from the top, a line each; empty where there is ink but nothing as large as "
            "a digit."
        ),
    ]
    confidence: Annotated[
        Probability, Field(description="That all digits are right: the product of their confidences; 0 without any.")
    ]
    rows: tuple[NumberRow, ...]
    inverted: Annotated[bool, Field(description="Whether the ink was darker than its ground.")]
    width: Annotated[int, Field(description="Of the original, in pixels, turned upright as its EXIF data says.")]
    height: Annotated[int, Field(description="Of the original, in pixels, turned upright as its EXIF data says.")]
    format: Annotated[
        str,
        Field(
            description="The file format found in the content, whatever its name or type said; `PIXELS` for numbers."
        ),
    ]
    model: ModelName


class Health(_Answer):
    """Whether the service is well."""

    status: str = "ok"


class RefusedVersion(_Answer):
    """A published version that this process does not take up."""

    version: str
    reason: Annotated[str, Field(description="What is wrong with it, for people.")]
    at: Annotated[dt.datetime, Field(description="When it was refused.")]


class VersionsReport(_Answer):
    """How the process that answers follows what is published. Each of the service's processes follows by itself."""

    since: Annotated[dt.datetime, Field(description="When it took up the version it serves.")]
    switches: Annotated[int, Field(description="Versions it has taken up after the first.")]
    refusals: Annotated[int, Field(description="Versions it has refused.")]
    refused: Annotated[
        RefusedVersion | None,
        Field(description="What is published now, if it was refused: the version served is an earlier one."),
    ]


class ShadowReport(_Answer):
    """A candidate that reads the same pictures as the model being served, and never answers."""

    name: Annotated[str | None, Field(description="Null if it could not be loaded: see `refused`.")]
    version: str | None
    compared: Annotated[
        int, Field(description="Pictures that both have read since the one or the other was taken up, in this process.")
    ]
    different_digits: Annotated[int, Field(description="Pictures on which they saw different digits.")]
    different_verdicts: Annotated[int, Field(description="Pictures that they judged differently.")]
    largest_difference: Annotated[float, Field(description="Largest difference of a probability.")]
    dropped: Annotated[int, Field(description="Pictures that it was not shown because it was busy.")]
    refused: Annotated[RefusedVersion | None, Field(description="The candidate published now, if it was refused.")]


class ModelReport(_Answer):
    """The model being served: what it is, and how well it was measured to read."""

    metadata: Metadata
    evaluation: Annotated[Evaluation | None, Field(description="Missing for a model this project did not train.")]
    versions: VersionsReport
    shadow: Annotated[ShadowReport | None, Field(description="Null unless DIGITS_SHADOW names a candidate.")]


class Problem(_Answer):
    """An error, as RFC 9457 has it."""

    type: Annotated[str, Field(description="Always about:blank: `code` says which problem it is.")] = "about:blank"
    title: Annotated[str, Field(description="`code` in words.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What is wrong and what to do, for people.")]
    code: Annotated[str, Field(description="Which problem it is, for programs; never changes its meaning.")]


class BatchItem(_Answer):
    """What became of one picture: its prediction, or the problem that /predict would have answered with."""

    prediction: Annotated[Prediction | None, Field(description="Null if there is a problem.")]
    problem: Annotated[Problem | None, Field(description="Null if the picture was read.")]


class Batch(_Answer):
    """What the pictures show."""

    results: Annotated[tuple[BatchItem, ...], Field(description="One for each picture, in the order they were sent.")]


class PlainError(_Answer):
    """An error, as the protocols of other servers have it."""

    error: Annotated[str, Field(description="What is wrong and what to do, for people.")]
