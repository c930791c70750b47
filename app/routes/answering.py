"""A picture, however it was sent -> its prediction."""

from functools import partial

from app.admission import QUICK_BYTES, is_quick
from app.answers import answer
from app.contract import SIDE
from app.decoding import Picture, open_upload
from app.errors import MissingPictureError
from app.reading import PIXELS, Reading, read, read_decoded
from app.requests import PictureInJson
from app.routes.state import Service
from app.schemas import Prediction
from app.uploads import too_many_bytes
from app.values import checked, parse_json, picture_bytes, picture_pixels


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
        raise MissingPictureError("The picture is empty.")
    if len(body) > service.max_bytes:
        raise too_many_bytes(service.max_bytes)
    return body


def prediction_of(reading: Reading, service: Service) -> Prediction:
    """What is answered."""
    show_shadow(reading, service)
    return answer(reading, service.model.metadata.thresholds, service.model_name)


def show_shadow(reading: Reading, service: Service) -> None:
    """Let the candidate, if there is one, read the same picture."""
    if service.shadow is not None:
        service.shadow.offer(reading.pixels, reading.probabilities, reading.left_out, unchanged=reading.unchanged)


def _parsed(text: bytes, service: Service) -> bytes | Picture:
    asked = checked(PictureInJson, parse_json(text, 1))
    if "image" in asked.model_fields_set:
        return limited(picture_bytes(asked.image, "image"), service)
    return Picture(picture_pixels(asked.pixels, "pixels")[..., 0], PIXELS, SIDE, SIDE)


def _read_source(source: bytes | Picture, service: Service, *, explain: bool) -> Reading:
    if isinstance(source, bytes):
        return read_file(source, service, explain=explain)
    return read_decoded(source, service.model.classifier, with_evidence=explain)
