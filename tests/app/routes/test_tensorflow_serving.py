"""TensorFlow Serving's REST interface: rows and columns, arrays and pictures, and its own shape of errors."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from app.application import create_app
from app.loading import Model
from app.settings import Settings
from tests import pictures
from tests.app.routes.test_open_inference import assert_error
from tests.app.routes.test_predict import busy, prediction_in
from tests.app.service import Client, serving

__all__ = ["busy"]

PICTURE = pictures.encode(pictures.seven(300, 200), "PNG")
B64 = {"b64": base64.b64encode(PICTURE).decode()}
ZEROS = [[0] * 28] * 28
MOST = 3
PREDICT = "/v1/models/tiny:predict"


@pytest.fixture(scope="module")
def strict(tiny_artifact: Path) -> Iterator[Client]:
    """A service that takes little."""
    with serving(create_app(Settings(model=tiny_artifact, max_batch=MOST, max_batch_bytes=20_000))) as running:
        yield running


def post(client: Client, content: Any, path: str = PREDICT) -> httpx.Response:
    """Send JSON; bytes are sent as they are."""
    return client.request("POST", path, content=content if isinstance(content, bytes) else json.dumps(content).encode())


def test_status(client: Client, tiny_model: Model) -> None:
    """The model's one version is available; another model is not found."""
    version = tiny_model.metadata.version
    expected = {
        "model_version_status": [
            {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    assert client.get("/v1/models/tiny").json() == client.get(f"/v1/models/tiny/versions/{version}").json() == expected
    assert_error(client.get("/v1/models/other"), 404, "tiny")
    assert_error(client.get("/v1/models/tiny/versions/7"), 404, version)
    assert_error(post(client, {}, "/v1/models/other:predict"), 404)


@pytest.mark.parametrize("count", [1, 3])
def test_arrays_go_to_the_model_as_they_are(
    client: Client, tiny_model: Model, mnist_digits: npt.NDArray[np.uint8], count: int
) -> None:
    """28x28 or 28x28x1, by rows or by columns, with a name or without: the model's own answer."""
    digits = mnist_digits[::2000][:count]
    expected = tiny_model.classifier.classify(digits[..., None]).tolist()
    version = f"/v1/models/tiny/versions/{tiny_model.metadata.version}:predict"
    for values in (digits.tolist(), digits[..., None].tolist()):
        named = [{"image": value} for value in values]
        for rows in (values, named):
            body = {"signature_name": "serving_default", "instances": rows}
            assert post(client, body).json() == post(client, body, version).json() == {"predictions": expected}
        for columns in (values, {"image": values}):
            assert post(client, {"inputs": columns}).json() == {"outputs": expected}


def test_pictures_are_prepared(client: Client) -> None:
    """Files get the answer that /predict gives, beside arrays too."""
    expected = list(prediction_in(client.predict(PICTURE)).probabilities)
    response = post(client, {"instances": [B64, {"image": B64}, ZEROS]})
    assert response.json()["predictions"][:2] == [expected] * 2
    assert post(client, {"inputs": {"image": [B64]}}).json() == {"outputs": [expected]}


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "JSON"),
        ([], 422, "body"),
        ({}, 422, "instances"),
        ({"instances": [ZEROS], "inputs": [ZEROS]}, 422, "either"),
        ({"instances": []}, 422, "no picture"),
        ({"inputs": {}}, 422, "no picture"),
        ({"inputs": {"other": [ZEROS]}}, 422, "other"),
        ({"signature_name": "other", "instances": [ZEROS]}, 422, "signature_name"),
        ({"instances": [ZEROS, ZEROS[1:]]}, 422, "instances.1"),
        ({"instances": ZEROS}, 422, "instances.0"),
        ({"instances": [[[float(256)] * 28] * 28]}, 422, "255"),
        ({"instances": [{"b64": "no"}]}, 422, "instances.0.b64"),
        ({"instances": [{"b64": 7}]}, 422, "instances.0.b64"),
        ({"instances": [{**B64, "more": 1}]}, 422, "instances.0"),
        ({"instances": [{"image": {"image": B64}}]}, 422, "instances.0"),
        ({"instances": [ZEROS, {"b64": "AAAA"}]}, 415, "Picture 1"),
    ],
)
def test_refusals(client: Client, content: Any, status: int, said: str) -> None:
    """What is not right is refused with the place where it stands, in the protocol's shape."""
    assert_error(post(client, content), status, said)


def test_bounds(strict: Client) -> None:
    """As many pictures, and bytes, as the settings allow are read; one more of either is refused."""
    assert post(strict, {"instances": [ZEROS] * MOST}).status_code == 200
    assert_error(post(strict, {"instances": [ZEROS] * (MOST + 1)}), 413, "3 pictures")
    text = json.dumps({"instances": [ZEROS]}).encode()
    assert post(strict, text.ljust(20_000)).status_code == 200
    assert_error(post(strict, text.ljust(20_001)), 413, "20,000 bytes")


def test_overload(busy: Client) -> None:
    """Pictures are refused while the pool is full, and told when to come back."""
    response = post(busy, {"instances": [B64]})
    assert_error(response, 503)
    assert response.headers["retry-after"] == "1"


def test_errors_of_the_framework(client: Client) -> None:
    """Unknown routes and methods have the protocol's shape too."""
    assert_error(client.get("/v1/x"), 404)
    assert_error(client.request("POST", "/v1/models/tiny"), 405)
