"""What the protocols of other servers share: many pictures or tensors in, probabilities out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from fastapi import Request, Response

from app import errors, metrics
from app.admission import QUICK_BYTES
from app.problems import WAITING_ERRORS
from app.routes.answering import limited, read_file, show_shadow
from app.routes.state import Service, service_of
from app.uploads import too_many_pictures
from app.values import Pixels

Item = Pixels | bytes
"""uint8 (28, 28, 1), which the model sees as it is, or a picture file, which is prepared."""

Probabilities = npt.NDArray[np.float32]
"""float32 (n, 10)."""

MODEL_ERRORS: Final = (errors.UnknownModelError,)

INFERENCE_ERRORS: Final = (
    errors.UnknownModelError,
    errors.MalformedUploadError,
    errors.MalformedJsonError,
    errors.InvalidRequestError,
    errors.TooManyBytesError,
    errors.TooManyPicturesError,
    errors.UnsupportedFormatError,
    errors.UnsupportedUploadError,
    errors.MissingPictureError,
    errors.TooManyPixelsError,
    errors.DamagedPictureError,
    errors.NoInkError,
    *WAITING_ERRORS,
)
"""What a request for inference can end with."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for inference."""

    items: list[Item]


Request_ = TypeVar("Request_", bound=Asked)


def served(request: Request, name: str, version: str | None = None) -> Service:
    """The service, if it serves this model.

    Raises:
        UnknownModelError: it serves another.
    """
    service = service_of(request)
    known = service.model_name
    if name != known.name or version not in {None, known.version}:
        raise errors.UnknownModelError(f"This service serves the model {known.name}, version {known.version}, only.")
    return service


async def answer(
    body: bytes,
    service: Service,
    parse: Callable[[bytes], Request_],
    write: Callable[[Request_, Probabilities], Response],
) -> Response:
    """Parse, read and write: a few tensors at once, and all else in the pool under one place."""
    pool = service.pool
    if len(body) <= QUICK_BYTES:
        asked = parse(body)
        if not any(isinstance(item, bytes) for item in asked.items):
            return write(asked, _classified(asked.items, service))
        with pool.place():
            return write(asked, await _probabilities(asked.items, service))
    with pool.place():
        asked = await pool.turn(partial(parse, body))
        probabilities = await _probabilities(asked.items, service)
        return await pool.turn(partial(write, asked, probabilities))


def check_count(count: int, service: Service) -> None:
    """Refuse a request without pictures, or with too many.

    Raises:
        MissingPictureError: there is none.
        TooManyPicturesError: there are more than the setting says.
    """
    if count == 0:
        raise errors.MissingPictureError("The request holds no picture.")
    if count > service.max_batch:
        raise too_many_pictures(service.max_batch)


async def _probabilities(items: list[Item], service: Service) -> Probabilities:
    if not any(isinstance(item, bytes) for item in items):
        return await service.pool.turn(partial(_classified, items, service))
    answers = await service.pool.turns([partial(_read, index, item, service) for index, item in enumerate(items)])
    rows = []
    for found in answers:
        if isinstance(found, errors.DigitsError):
            raise found
        rows.append(found)
    return np.stack(rows)


def _classified(items: list[Item], service: Service) -> Probabilities:
    pictures = np.stack([np.asarray(item) for item in items])
    probabilities = service.model.classifier.classify(pictures)
    metrics.pictures(None, len(items))
    if service.shadow is not None:
        for pixels, row in zip(pictures, probabilities, strict=True):
            service.shadow.offer(pixels, row)
    return probabilities


def _read(index: int, item: Item, service: Service) -> npt.NDArray[np.float32] | errors.DigitsError:
    """The ten probabilities of one item, or the error with its place: these protocols have one answer for all."""
    if not isinstance(item, bytes):
        return np.asarray(_classified([item], service)[0])
    try:
        reading = read_file(limited(item, service), service)
    except (errors.PictureError, errors.UploadError) as error:
        return type(error)(f"Picture {index}: {error}")
    show_shadow(reading, service)
    service.inputs.note(reading, None, service.model)
    return reading.probabilities
