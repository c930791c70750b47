"""What one small picture costs this service, part by part, timed inside one process."""

import gc
import io
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from PIL import Image
from starlette.requests import Request
from starlette.types import Message

from app.admission import Pool
from app.answers import answer
from app.contract import MAX_PIXELS
from app.decoding import decode, open_upload
from app.gate import Gate
from app.inputs import Inputs
from app.loading import Model
from app.normalization import normalize
from app.pages import Site
from app.reading import read
from app.routes.state import Service
from app.uploads import read_picture
from app.versions import Watcher

Result = TypeVar("Result")

_MAX_BYTES: Final = 16 * 2**20
_WARM_UP_CALLS: Final = 20


@dataclass(frozen=True, slots=True)
class Budget:
    """Medians, in microseconds."""

    multipart: float
    """The body of the request -> the bytes of the picture."""
    opening: float
    """Reading the picture's header."""
    decoding: float
    preparation: float
    inference: float
    answer: float
    """Judging the probabilities, building the response and writing its JSON."""

    @property
    def picture(self) -> float:
        """What cannot be left out of a request besides HTTP: decode, prepare, infer."""
        return self.opening + self.decoding + self.preparation + self.inference


@dataclass(frozen=True, slots=True)
class Pictures:
    """Medians of reading special pictures in this process, in microseconds."""

    canvas_rgba: float
    canvas_grey: float
    photo: float
    """Decoding a twelve-megapixel JPEG as the service does."""
    photo_whole: float
    """Decoding it whole and shrinking it then, to the same size."""


def measure_budget(model: Model, picture: bytes, multipart_request: bytes, calls: int) -> Budget:
    """Time each part of a request.

    Args:
        model: the published model.
        picture: a small PNG.
        multipart_request: a whole HTTP request that uploads it.
        calls: how often each part is timed.
    """
    head, _, body = multipart_request.partition(b"\r\n\r\n")
    upload = open_upload(picture, MAX_PIXELS)
    pixels = decode(upload).pixels
    prepared = normalize(pixels).pixels[None]
    reading = read(open_upload(picture, MAX_PIXELS), model.classifier)
    service = Service(
        model,
        Inputs(model),
        cast(Pool, None),
        Gate(),
        _MAX_BYTES,
        MAX_PIXELS,
        1,
        _MAX_BYTES,
        cast(Site, None),
        cast(Watcher, None),
    )
    headers = [
        (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    ]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    multipart, opening, decoding, preparation, inference, answering = medians(
        calls,
        lambda: run_at_once(read_picture(Request(scope, receive), _MAX_BYTES)),
        lambda: open_upload(picture, MAX_PIXELS),
        # A picture can be decoded once: opening it again is taken off below.
        lambda: decode(open_upload(picture, MAX_PIXELS)),
        lambda: normalize(pixels),
        lambda: model.classifier.classify(prepared),
        lambda: answer(reading, model.metadata.thresholds, service.model_name).model_dump_json().encode(),
    )
    return Budget(multipart, opening, decoding - opening, preparation, inference, answering)


def measure_pictures(model: Model, rgba: bytes, grey: bytes, photo: bytes, calls: int) -> Pictures:
    """Time canvas pictures `calls` times, and a photograph a tenth as often."""
    side = max(decode(open_upload(photo, MAX_PIXELS)).pixels.shape)
    canvas_rgba, canvas_grey = medians(
        calls,
        lambda: read(open_upload(rgba, MAX_PIXELS), model.classifier),
        lambda: read(open_upload(grey, MAX_PIXELS), model.classifier),
    )
    shrunk, whole = medians(
        max(2, calls // 10),
        lambda: decode(open_upload(photo, MAX_PIXELS)),
        lambda: decode_whole(photo, side),
    )
    return Pictures(canvas_rgba, canvas_grey, shrunk, whole)


def decode_whole(body: bytes, side: int) -> Image.Image:
    """Decode every pixel, and then shrink to grey of `side` pixels on the longer side."""
    image = Image.open(io.BytesIO(body)).convert("L")
    return image.reduce(max(1, max(image.size) // side))


def medians(calls: int, *parts: Callable[[], object]) -> list[float]:
    """Median microseconds of each part, all of them in turn so that they meet the same moments."""
    times: list[list[int]] = [[] for _ in parts]
    for part in parts:
        for _ in range(min(calls, _WARM_UP_CALLS)):
            part()
    gc.collect()
    for _ in range(calls):
        for part, taken in zip(parts, times, strict=True):
            began = time.perf_counter_ns()
            part()
            taken.append(time.perf_counter_ns() - began)
    return [statistics.median(taken) / 1000 for taken in times]


def run_at_once(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that has nothing to wait for, without an event loop's cost."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast(Result, done.value)
    raise AssertionError("the coroutine waits for something")
