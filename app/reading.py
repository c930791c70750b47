"""An opened upload -> what the model says it shows. The one road every picture takes."""

from dataclasses import dataclass
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.classifier import Classifier
from app.decoding import Picture, Upload, decode
from app.explanation import Evidence, explain
from app.normalization import Box, normalize
from app.page import WORKING_SIDE
from app.row_reader import RowReader
from app.rows import Row, RowDigit, read_page

PIXELS: Final = "PIXELS"
"""What is told as the format of a picture that came as numbers."""


class Times(NamedTuple):
    """When each stage of a reading was done, in seconds of `time.perf_counter`."""

    began: float
    decoded: float
    """As `began` for a picture that came as numbers."""
    prepared: float
    inferred: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A picture, read."""

    probabilities: npt.NDArray[np.float32]
    """Softmax, float32 (10,), in digit order."""
    inverted: bool
    """Whether the ink was darker than its ground."""
    crop_box: Box
    """Where the ink was found, in pixels of the upright original."""
    left_out: float
    """Area of the largest piece of ink that is none of the digit's, as a share of the digit's own; what a crop has left
    of its neighbours is no such piece."""
    unchanged: bool
    """Whether it had MNIST's geometry already."""
    width: int
    """Of the upright original, in pixels."""
    height: int
    format: str
    """One of app.decoding.FORMATS, or PIXELS."""
    evidence: Evidence | None
    """What the most probable digit rests on, if that was asked for."""
    pixels: npt.NDArray[np.uint8]
    """What the model saw, uint8 (28, 28, 1)."""
    times: Times
    """How long it took."""

    @property
    def digit(self) -> int:
        """The most probable digit."""
        return int(self.probabilities.argmax())


@dataclass(frozen=True, slots=True)
class PageReading:
    """A picture of several digits, read."""

    rows: tuple[Row, ...]
    """From the top; their boxes are in pixels of the upright original."""
    inverted: bool
    """Whether the ink was darker than its ground."""
    width: int
    """Of the upright original, in pixels."""
    height: int
    format: str
    """One of app.decoding.FORMATS, or PIXELS."""


def read(upload: Upload, classifier: Classifier, *, with_evidence: bool = False) -> Reading:
    """Decode, prepare and classify a picture; gathering the evidence for the answer takes some 10 ms more.

    Raises:
        PictureError: it is damaged or blank.
    """
    began = perf_counter()
    return _read(decode(upload), classifier, began, with_evidence=with_evidence)


def read_decoded(picture: Picture, classifier: Classifier, *, with_evidence: bool = False) -> Reading:
    """As `read`, for a picture whose pixels are known already.

    Raises:
        NoInkError: it is blank.
    """
    return _read(picture, classifier, None, with_evidence=with_evidence)


def _read(picture: Picture, classifier: Classifier, began: float | None, *, with_evidence: bool) -> Reading:
    decoded = perf_counter()
    digit = normalize(picture.pixels)
    prepared = perf_counter()
    probabilities = classifier.classify(digit.pixels[None])[0]
    inferred = perf_counter()
    return Reading(
        probabilities=probabilities,
        inverted=digit.inverted,
        crop_box=digit.crop_box.scaled(picture.pixels.shape, (picture.height, picture.width)),
        left_out=digit.left_out,
        unchanged=digit.unchanged,
        width=picture.width,
        height=picture.height,
        format=picture.format,
        evidence=explain(digit.pixels, int(probabilities.argmax()), classifier) if with_evidence else None,
        pixels=digit.pixels,
        times=Times(decoded if began is None else began, decoded, prepared, inferred),
    )


def read_rows(upload: Upload, classifier: Classifier, row_reader: RowReader | None) -> PageReading:
    """Decode a picture of any count of digits, and find and classify them.

    Raises:
        PictureError: it is damaged or blank, or holds far more writing than a few rows of digits.
    """
    return read_decoded_rows(decode(upload, WORKING_SIDE), classifier, row_reader)


def read_decoded_rows(picture: Picture, classifier: Classifier, row_reader: RowReader | None) -> PageReading:
    """As `read_rows`, for a picture whose pixels are known already.

    Raises:
        PictureError: it is blank, or holds far more writing than a few rows of digits.
    """
    page = read_page(picture.pixels, classifier.classify, row_reader.read if row_reader is not None else None)
    size = (picture.height, picture.width)
    return PageReading(
        rows=tuple(
            tuple(RowDigit(digit.probabilities, digit.box.scaled(picture.pixels.shape, size)) for digit in row)
            for row in page.rows
        ),
        inverted=page.inverted,
        width=picture.width,
        height=picture.height,
        format=picture.format,
    )
