"""POST /predict/batch: many pictures in, what became of each out, in order."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from PIL import Image

from app.application import create_app
from app.classifier import Classifier
from app.loading import Model
from app.schemas import Batch, Prediction, Problem
from app.settings import Settings
from app.uploads import FIELD, MAX_PARTS, MULTIPART_OVERHEAD
from tests import pictures
from tests.app.routes.test_predict import BrokenClassifier, assert_problem, busy, prediction_in
from tests.app.service import (
    Client,
    body_messages,
    chunked,
    multipart,
    multipart_type,
    part,
    request_scope,
    serving,
)

__all__ = ["busy"]

SMALL = pictures.encode(pictures.seven(30, 20), "PNG")
LARGE = pictures.encode(pictures.seven(300, 200), "JPEG")
BLANK = pictures.encode(Image.new("L", (28, 28), 255), "PNG")
LIMIT, MOST, TOTAL = 2048, 3, 5000


@pytest.fixture(scope="module")
def strict(tiny_artifact: Path) -> Iterator[Client]:
    """A service that takes little."""
    settings = Settings(model=tiny_artifact, max_bytes=LIMIT, max_batch=MOST, max_batch_bytes=TOTAL)
    with serving(create_app(settings)) as running:
        yield running


def post(client: Client, *bodies: bytes, query: str = "") -> httpx.Response:
    """Send pictures as a form, chunk by chunk."""
    form = multipart(*[part(FIELD, body, filename="x") for body in bodies])
    headers = {"content-type": multipart_type()}
    return client.request("POST", f"/predict/batch{query}", content=chunked(form), headers=headers)


def results_in(response: httpx.Response) -> list[Prediction | str]:
    """Each picture's prediction, or its problem's code."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    results: list[Prediction | str] = []
    for item in Batch.model_validate_json(response.content).results:
        assert (item.prediction is None) != (item.problem is None)
        results.append(item.prediction or cast(Problem, item.problem).code)
    return results


def test_each_gets_its_own_answer_in_order(client: Client) -> None:
    """What /predict says of each picture stands in its place; bad ones spoil none of the others."""
    found = results_in(post(client, SMALL, b"no picture", LARGE, BLANK, b"", LARGE[:500], SMALL))
    small, large = prediction_in(client.predict(SMALL)), prediction_in(client.predict(LARGE))
    assert found == [small, "unsupported_format", large, "no_ink", "missing_picture", "damaged_picture", small]


def test_problems_are_those_of_predict(client: Client) -> None:
    """The problem in the answer is the one that the picture alone would have ended with."""
    [item] = post(client, BLANK).json()["results"]
    assert item["problem"] == client.predict(BLANK).json()


def test_explanations(client: Client) -> None:
    """Each answer is explained if the request says so."""
    explained = prediction_in(client.predict(SMALL, explain="true"))
    assert explained.explanation is not None
    assert results_in(post(client, SMALL, query="?explain=true")) == [explained]
    assert_problem(post(client, SMALL, query="?explain=maybe"), 422, "invalid_request")


def test_clients_forms(client: Client) -> None:
    """A form written by an HTTP library is read, other fields are passed over."""
    files = [(FIELD, ("1.png", SMALL)), ("note", ("x", b"x")), (FIELD, ("2.jpg", LARGE))]
    response = client.request("POST", "/predict/batch", files=files)
    assert len(results_in(response)) == 2


def test_number_of_pictures(strict: Client) -> None:
    """As many pictures as the setting allows are read, one more is refused, whatever other fields there are."""
    assert len(results_in(post(strict, *[SMALL] * MOST))) == MOST
    assert_problem(post(strict, *[SMALL] * (MOST + 1)), 413, "too_many_pictures")
    others = [part("note", b"x")] * MAX_PARTS
    form = multipart(*others, *[part(FIELD, SMALL)] * MOST)
    headers = {"content-type": multipart_type()}
    assert results_in(strict.request("POST", "/predict/batch", content=form, headers=headers))
    form = multipart(*others, part("note", b"x"), *[part(FIELD, SMALL)] * MOST)
    response = strict.request("POST", "/predict/batch", content=form, headers=headers)
    assert_problem(response, 400, "malformed_upload")


def test_a_picture_that_is_too_large_spoils_no_other(strict: Client) -> None:
    """Exactly the limit is read; one byte more is a problem of that picture alone."""
    fits, over = pictures.padded(SMALL, LIMIT), pictures.padded(SMALL, LIMIT + 1)
    found = results_in(post(strict, over, fits, SMALL))
    assert found == ["too_many_bytes", prediction_in(strict.predict(fits)), prediction_in(strict.predict(SMALL))]


def test_reading_stops_soon_after_the_limit(strict: Client) -> None:
    """An endless request is answered with 413 after little more than the limit, and the connection is closed."""
    start = b'--the-boundary\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    messages = body_messages(start, *[bytes(1024)] * 2000)
    total = len(messages)
    sent = strict.exchange(request_scope("/predict/batch", {"content-type": multipart_type()}), messages)
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert (total - len(messages)) * 1024 <= TOTAL + MULTIPART_OVERHEAD + 2 * 1024


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (SMALL, "image/png", 415, "unsupported_content_type"),
        (b"{}", "application/json", 415, "unsupported_content_type"),
        (multipart(part(FIELD, SMALL)), "multipart/form-data", 400, "malformed_upload"),
        (multipart(part(FIELD, SMALL))[:-20], multipart_type(), 400, "malformed_upload"),
        (multipart(part("other", SMALL)), multipart_type(), 422, "missing_picture"),
    ],
)
def test_requests_without_pictures(client: Client, body: bytes, content_type: str, status: int, code: str) -> None:
    """A request that carries no pictures in the one way is refused as a whole."""
    headers = {"content-type": content_type}
    assert_problem(client.request("POST", "/predict/batch", content=body, headers=headers), status, code)


def test_overload(busy: Client) -> None:
    """A batch is refused as a whole while the pool is full, and told when to try again."""
    response = post(busy, SMALL)
    assert_problem(response, 503, "overloaded")
    assert response.headers["retry-after"] == "1"


def test_fault_of_the_service(tiny_artifact: Path, tiny_model: Model) -> None:
    """A bug is a 500 of the whole request, and tells nothing of the inside."""
    broken = dataclasses.replace(tiny_model, classifier=cast(Classifier, BrokenClassifier()))
    with serving(create_app(Settings(model=tiny_artifact), lambda _: broken)) as client:
        response = post(client, SMALL, SMALL)
    assert_problem(response, 500, "internal_error")
    assert "swordfish" not in response.text
