"""POST /predict with JSON: a picture file in base64, or pixels as numbers."""

import base64
import json
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from app.admission import QUICK_BYTES
from app.reading import PIXELS
from app.schemas import Prediction
from tests import pictures
from tests.app.routes.test_predict import assert_problem, busy, prediction_in, strict
from tests.app.service import Client

__all__ = ["busy", "strict"]

SMALL = pictures.encode(pictures.seven(30, 20), "PNG")
LARGE = pictures.encode(pictures.seven(300, 200), "PNG")
NESTED = pictures.pixels_of(pictures.seven(28, 28)).tolist()


def post(client: Client, content: Any, query: str = "") -> httpx.Response:
    """Send JSON; bytes are sent as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.request("POST", f"/predict{query}", content=body, headers={"content-type": "application/json"})


def image(body: bytes) -> dict[str, str]:
    """A picture file in JSON."""
    return {"image": base64.b64encode(body).decode()}


@pytest.mark.parametrize("query", ["", "?explain=true"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["quick", "slow"])
def test_file_is_read_as_ever(client: Client, body: bytes, query: str) -> None:
    """A file in base64 gets the answer that it gets as a body."""
    explain = "true" if query else None
    assert prediction_in(post(client, image(body), query)) == prediction_in(client.predict(body, explain=explain))


@pytest.mark.parametrize("query", ["", "?explain=true"])
def test_pixels_are_read_as_a_picture(client: Client, query: str) -> None:
    """Pixels get the answer of the same picture as a file, but for the format; in brackets each, too."""
    file = pictures.encode(pictures.seven(28, 28), "PNG")
    expected = prediction_in(client.predict(file, explain="true" if query else None))
    answers = [post(client, {"pixels": rows}, query) for rows in (NESTED, np.reshape(NESTED, (28, 28, 1)).tolist())]
    for answer in map(prediction_in, answers):
        assert answer.preparation.format == PIXELS
        assert answer.preparation.inverted
        assert renamed(answer, expected.preparation.format) == expected


def renamed(prediction: Prediction, image_format: str) -> Prediction:
    """The same prediction of a picture in another format."""
    preparation = prediction.preparation.model_copy(update={"format": image_format})
    return prediction.model_copy(update={"preparation": preparation})


def test_digits_of_mnist_stay_as_they_are(client: Client, mnist_digits: npt.NDArray[np.uint8]) -> None:
    """Pixels in MNIST's geometry pass through the preparation unchanged, like files."""
    digit = mnist_digits[0]
    by_file = prediction_in(client.predict(pictures.encode(Image.fromarray(digit), "PNG")))
    assert prediction_in(post(client, {"pixels": digit.tolist()})).probabilities == by_file.probabilities


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"pixels": [[NaN]]}', 400, "malformed_json"),
        (b"[" * 3000, 400, "malformed_json"),
        (b"[" * 100_000, 422, "invalid_request"),
        (b'{"pixels": [[1e999]]}', 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"image": "no base64"}, 422, "invalid_request"),
        ({"image": ""}, 422, "missing_picture"),
        ({"pixels": NESTED[:27]}, 422, "invalid_request"),
        ({"pixels": [[256] * 28] * 28}, 422, "invalid_request"),
        ({"pixels": [[0] * 28] * 28}, 422, "no_ink"),
        ({**image(SMALL), "pixels": NESTED}, 422, "invalid_request"),
        (image(b"no picture"), 415, "unsupported_format"),
        (image(LARGE[: len(LARGE) // 2]), 422, "damaged_picture"),
        (image(pictures.png_claiming(8000, 8000)), 422, "too_many_pixels"),
    ],
)
def test_refusals(client: Client, content: Any, status: int, code: str) -> None:
    """What is no JSON, not what it has to be, or no picture, is refused with a code of its own."""
    assert_problem(post(client, content), status, code)


def test_refusals_name_the_place(client: Client) -> None:
    """The detail says where the mistake is."""
    assert post(client, {"image": 7}).json()["detail"].startswith("image: ")


def test_size_limit_is_the_files(strict: Client) -> None:
    """A file of exactly the limit is read though its base64 is longer; one byte more is refused, however padded."""
    limit = 4096
    assert prediction_in(post(strict, image(pictures.padded(SMALL, limit))))
    assert_problem(post(strict, image(pictures.padded(SMALL, limit + 1))), 413, "too_many_bytes")
    assert_problem(post(strict, b" " * 100_000 + json.dumps(image(SMALL)).encode()), 413, "too_many_bytes")


def test_admission(busy: Client) -> None:
    """Small pictures and pixels are read even while the pool takes nothing; the rest is refused with 503."""
    assert prediction_in(post(busy, image(SMALL)))
    short = (255 - np.array(NESTED)).tolist()
    assert len(json.dumps({"pixels": short})) <= QUICK_BYTES
    assert prediction_in(post(busy, {"pixels": short}))
    for content, query in ((image(LARGE), ""), ({"pixels": [[255.25] * 28] * 28}, ""), (image(SMALL), "?explain=true")):
        refused = post(busy, content, query)
        assert_problem(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "1"
