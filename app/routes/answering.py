"""A picture, however it was sent -> its prediction."""

from functools import partial
from typing import Any, Final

from app import errors, metrics
from app.admission import QUICK_BYTES, is_quick
from app.answers import answer, answer_rows
from app.contract import SIDE
from app.decoding import FORMATS, Picture, open_upload
from app.documentation import BINARY, reference, request_body
from app.problems import WAITING_ERRORS
from app.reading import PIXELS, PageReading, Reading, read, read_decoded, read_decoded_rows, read_rows
from app.requests import PictureInJson
from app.routes.state import Service
from app.schemas import Numbers, Prediction
from app.uploads import BINARY_TYPE, FIELD, JSON_TYPE, JsonBody, too_many_bytes
from app.values import checked, parse_json, picture_bytes, picture_pixels

_FORM: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "required": [FIELD],
        "properties": {
            FIELD: {
                "type": "string",
                "format": "binary",
                "description": f"The picture: {', '.join(FORMATS)}. Its content decides, not its name.",
            }
        },
    }
}

PICTURE_BODY: Final = request_body(
    {"multipart/form-data": _FORM, "image/*": BINARY, BINARY_TYPE: BINARY, JSON_TYPE: reference(PictureInJson)}
)
"""How a request may carry one picture."""

PICTURE_ERRORS: Final = (
    errors.MalformedUploadError,
    errors.MalformedJsonError,
    errors.TooManyBytesError,
    errors.UnsupportedFormatError,
    errors.UnsupportedUploadError,
    errors.MissingPictureError,
    errors.TooManyPixelsError,
    errors.DamagedPictureError,
    errors.NoInkError,
    errors.InvalidRequestError,
    *WAITING_ERRORS,
)
"""What a request with one picture can end with."""


async def answer_picture(body: bytes | JsonBody, service: Service, *, explain: bool = False) -> Reading:
    """Read a picture, however it was sent."""
    if isinstance(body, JsonBody):
        return await answer_json(body.text, service, explain=explain)
    return await answer_file(body, service, explain=explain)


async def answer_file(body: bytes, service: Service, *, explain: bool) -> Reading:
    """Read a picture file, where it is quick at once and else in the pool."""
    if explain or len(body) > QUICK_BYTES:
        return await service.pool.run(lambda: read_file(body, service, explain=explain))
    upload = open_upload(body, service.max_pixels)
    work = partial(read, upload, service.model.classifier)
    return work() if is_quick(upload) else await service.pool.run(work)


async def answer_json(text: bytes, service: Service, *, explain: bool) -> Reading:
    """Read a picture in JSON, where it is quick at once and else in the pool."""
    if explain or len(text) > QUICK_BYTES:
        return await service.pool.run(lambda: _read_source(_parsed(text, service), service, explain=explain))
    source = _parsed(text, service)
    if isinstance(source, bytes):
        return await answer_file(source, service, explain=explain)
    return read_decoded(source, service.model.classifier)


async def read_numbers(body: bytes | JsonBody, service: Service) -> PageReading:
    """Read all digits of a picture, however it was sent, in the pool."""
    return await service.pool.run(lambda: _read_rows(body, service))


def read_file(body: bytes, service: Service, *, explain: bool = False) -> Reading:
    """Read a picture file here and now."""
    return read(open_upload(body, service.max_pixels), service.model.classifier, with_evidence=explain)


def limited(body: bytes, service: Service) -> bytes:
    """A picture that came within something else, if it is neither empty nor too large.

    Raises:
        MissingPictureError: it is empty.
        TooManyBytesError: it is too large.
    """
    if not body:
        raise errors.MissingPictureError("The picture is empty.")
    if len(body) > service.max_bytes:
        raise too_many_bytes(service.max_bytes)
    return body


def _read_rows(body: bytes | JsonBody, service: Service) -> PageReading:
    source = _parsed(body.text, service) if isinstance(body, JsonBody) else body
    model = service.model
    if isinstance(source, bytes):
        return read_rows(open_upload(source, service.max_pixels), model.classifier, model.row_reader)
    return read_decoded_rows(source, model.classifier, model.row_reader)


def prediction_of(reading: Reading, service: Service) -> Prediction:
    """What is answered."""
    show_shadow(reading, service)
    prediction = answer(reading, service.model.metadata.thresholds, service.model_name)
    service.inputs.note(reading, prediction.verdict, service.model)
    return prediction


def show_shadow(reading: Reading, service: Service) -> None:
    """Let the candidate, if there is one, read the same picture."""
    if service.shadow is not None:
        service.shadow.offer(reading.pixels, reading.probabilities, reading.left_out, unchanged=reading.unchanged)


def numbers_of(reading: PageReading, service: Service) -> Numbers:
    """What is answered for a picture of several digits."""
    metrics.pictures(None)
    return answer_rows(reading, service.model.metadata.thresholds, service.model_name)


def _parsed(text: bytes, service: Service) -> bytes | Picture:
    asked = checked(PictureInJson, parse_json(text, 1))
    if "image" in asked.model_fields_set:
        return limited(picture_bytes(asked.image, "image"), service)
    return Picture(picture_pixels(asked.pixels, "pixels")[..., 0], PIXELS, SIDE, SIDE)


def _read_source(source: bytes | Picture, service: Service, *, explain: bool) -> Reading:
    if isinstance(source, bytes):
        return read_file(source, service, explain=explain)
    return read_decoded(source, service.model.classifier, with_evidence=explain)
