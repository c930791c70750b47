"""POST /read: a picture in, its rows of digits out, whichever way it is sent; every refusal is a problem."""

import base64
import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from app.application import create_app
from app.loading import Model
from app.schemas import Numbers
from app.settings import Settings
from tests import pictures
from tests.app.routes.test_predict import assert_problem, busy, strict
from tests.app.service import Client, multipart, multipart_type, part, serving

__all__ = ["busy", "strict"]

PAIR = pictures.encode(
    Image.fromarray(
        np.hstack([pictures.pixels_of(pictures.seven(90, 120)), pictures.pixels_of(pictures.seven(90, 120))])
    ),
    "PNG",
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Client]:
    """The service on the committed model."""
    with serving(create_app(Settings())) as running:
        yield running


def post(client: Client, body: bytes, content_type: str = "image/png") -> httpx.Response:
    return client.request("POST", "/read", content=body, headers={"content-type": content_type})


def numbers_in(response: httpx.Response) -> Numbers:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return Numbers.model_validate_json(response.content)


def test_digits_and_boxes(reader: Client) -> None:
    """Two sevens are told from left to right, each as /predict tells one, with its place on the picture."""
    answer = numbers_in(post(reader, PAIR))
    assert answer.text == "77"
    [row] = answer.rows
    assert row.text == "77"
    assert (answer.width, answer.height, answer.format, answer.inverted) == (180, 120, "PNG", True)
    for digit, left in zip(row.digits, (31, 121), strict=True):
        assert (digit.digit, digit.verdict, digit.reason) == (7, "digit", "It is a 7.")
        assert digit.confidence == max(digit.probabilities) > 0.9
        assert (digit.box.left, digit.box.top) == pytest.approx((left - 4, 20), abs=4)
        assert (digit.box.right, digit.box.bottom) == pytest.approx((left + 32, 100), abs=4)
    assert answer.confidence == row.confidence == pytest.approx(row.digits[0].confidence * row.digits[1].confidence)


def test_every_way_to_send_it(reader: Client) -> None:
    """A form, a body and JSON get the same answer."""
    expected = numbers_in(post(reader, PAIR))
    form = multipart(part("file", PAIR, "pair.png"))
    assert numbers_in(post(reader, form, multipart_type())) == expected
    in_json = json.dumps({"image": base64.b64encode(PAIR).decode()}).encode()
    assert numbers_in(post(reader, in_json, "application/json")) == expected
    pixels = json.dumps({"pixels": pictures.pixels_of(pictures.seven(28, 28)).tolist()}).encode()
    assert numbers_in(post(reader, pixels, "application/json")).format == "PIXELS"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_boxes_are_in_the_upright_original(reader: Client, orientation: int) -> None:
    """However the camera was held, boxes are told in pixels of the upright picture, at its own size."""
    scene = Image.fromarray(np.hstack([pictures.pixels_of(pictures.seven(2200, 2400))] * 2))
    answer = numbers_in(post(reader, pictures.oriented(scene, orientation, "JPEG"), "image/jpeg"))
    assert (answer.text, answer.width, answer.height) == ("77", 4400, 2400)
    boxes = [digit.box for digit in answer.rows[0].digits]
    assert [box.left for box in boxes] == pytest.approx([770, 2970], abs=40)
    assert [box.bottom for box in boxes] == pytest.approx([1920, 1920], abs=120)


def test_ink_without_digits(reader: Client) -> None:
    """A speck is ink and no digit: there are no rows, and nothing is certain."""
    speck = np.full((200, 200), 255, np.uint8)
    speck[100:103, 100:103] = 0
    answer = numbers_in(post(reader, pictures.encode(Image.fromarray(speck), "PNG")))
    assert (answer.text, answer.rows, answer.confidence) == ("", (), 0.0)


def test_what_is_no_digit_is_a_question_mark(client: Client, tiny_model: Model) -> None:
    """A model without thresholds judges nothing, so that each digit stands in the text."""
    assert tiny_model.metadata.thresholds is None
    answer = numbers_in(post(client, PAIR))
    assert "?" not in answer.text
    assert all(digit.verdict is None for row in answer.rows for digit in row.digits)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no picture", 415, "unsupported_format"),
        (b"", 422, "missing_picture"),
        (PAIR[: len(PAIR) // 2], 422, "damaged_picture"),
        (pictures.png_claiming(8000, 8000), 422, "too_many_pixels"),
        (pictures.encode(Image.new("L", (50, 50), 255), "PNG"), 422, "no_ink"),
    ],
)
def test_refusals(reader: Client, body: bytes, status: int, code: str) -> None:
    """What cannot be read is refused as by /predict."""
    assert_problem(post(reader, body), status, code)


def test_too_much_writing(reader: Client) -> None:
    """A page of letters is refused with what to do instead."""
    tile = pictures.pixels_of(pictures.seven(24, 30))
    refused = post(reader, pictures.encode(Image.fromarray(np.tile(tile, (40, 40))), "PNG"))
    assert_problem(refused, 422, "too_much_writing")
    assert "Send a part of it" in refused.json()["detail"]


def test_size_limit(strict: Client) -> None:
    """The largest picture is the setting's."""
    assert_problem(post(strict, pictures.padded(PAIR, 4097)), 413, "too_many_bytes")


def test_admission(busy: Client) -> None:
    """Even a small picture waits for the pool: it may hold many digits."""
    refused = post(busy, pictures.encode(pictures.seven(28, 28), "PNG"))
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
