"""The Open Inference Protocol: metadata, tensors in JSON and behind it, and its own shape of errors."""

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from app.application import create_app
from app.loading import Model
from app.routes.open_inference import LENGTH_HEADER
from app.settings import Settings
from tests import pictures
from tests.app.routes.test_predict import busy, prediction_in
from tests.app.service import Client, serving

__all__ = ["busy"]

PICTURE = pictures.encode(pictures.seven(300, 200), "PNG")
MOST = 3
INFER = "/v2/models/tiny/infer"


@pytest.fixture(scope="module")
def strict(tiny_artifact: Path) -> Iterator[Client]:
    """A service that takes little."""
    with serving(create_app(Settings(model=tiny_artifact, max_bytes=2048, max_batch=MOST))) as running:
        yield running


@pytest.fixture
def digits(mnist_digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Some of MNIST's own pictures, uint8 (3, 28, 28, 1)."""
    return mnist_digits[::2000].reshape(-1, 28, 28, 1)


def tensor(data: Any, datatype: str, shape: list[int], **parameters: Any) -> dict[str, Any]:
    """One input."""
    content = {"name": "image", "shape": shape, "datatype": datatype, "parameters": parameters}
    return content if data is None else {**content, "data": data}


def post(client: Client, request: Any, behind: bytes | None = None, path: str = INFER) -> httpx.Response:
    """Send a request, with binary tensors behind it or not."""
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    headers = {} if behind is None else {LENGTH_HEADER: str(len(text))}
    return client.request("POST", path, content=text + (behind or b""), headers=headers)


def assert_error(response: httpx.Response, status: int, said: str = "") -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    assert said in response.json()["error"]


def outputs_in(response: httpx.Response) -> dict[str, Any]:
    """Each output as an array."""
    assert response.status_code == 200, response.text
    kinds = {"FP32": np.float32, "INT64": np.int64}
    return {
        one["name"]: np.array(one["data"], kinds[one["datatype"]]).reshape(one["shape"])
        for one in response.json()["outputs"]
    }


class TestMetadata:
    def test_server(self, client: Client) -> None:
        """The server tells its name and that it takes binary tensors, is alive and ready."""
        assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
        assert client.get("/v2/health/live").json() == {"live": True}
        assert client.get("/v2/health/ready").json() == {"ready": True}

    def test_model(self, client: Client, tiny_model: Model) -> None:
        """The model's input is UINT8; with its version or without, the answers are the same."""
        version = f"/v2/models/tiny/versions/{tiny_model.metadata.version}"
        described = client.get("/v2/models/tiny").json()
        assert described == client.get(version).json()
        assert described["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28, 1]}]
        assert described["versions"] == [tiny_model.metadata.version]
        ready = client.get("/v2/models/tiny/ready").json()
        assert ready == client.get(f"{version}/ready").json() == {"name": "tiny", "ready": True}

    @pytest.mark.parametrize(
        "path", ["/v2/models/x", "/v2/models/x/ready", "/v2/models/tiny/versions/1", "/v2/models/tiny/versions/1/ready"]
    )
    def test_other_models(self, client: Client, path: str) -> None:
        """Another model, or another version, is not found."""
        assert_error(client.get(path), 404, "tiny")

    @pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v2/x", 404), ("POST", "/v2", 405)])
    def test_errors_of_the_framework(self, client: Client, method: str, path: str, status: int) -> None:
        """Unknown routes and methods have the protocol's shape too."""
        assert_error(client.request(method, path), status)


class TestTensors:
    @pytest.mark.parametrize("shape", [[28, 28, 1], [28, 28]])
    @pytest.mark.parametrize("count", [1, 3])
    def test_every_way_gives_the_models_answer(
        self, client: Client, tiny_model: Model, digits: npt.NDArray[np.uint8], shape: list[int], count: int
    ) -> None:
        """UINT8 and FP32, flat, nested or binary: the model sees the pixels as they are."""
        taken = digits[:count]
        expected = tiny_model.classifier.classify(taken)
        for kind, datatype in ((np.uint8, "UINT8"), (np.float32, "FP32")):
            array = taken.astype(kind).reshape(count, *shape)
            whole = list(array.shape)
            for data in (array.tolist(), array.ravel().tolist()):
                outputs = outputs_in(post(client, {"inputs": [tensor(data, datatype, whole)]}))
                assert np.array_equal(outputs["probabilities"], expected)
                assert np.array_equal(outputs["digit"], expected.argmax(axis=1))
            behind = array.tobytes()
            described = tensor(None, datatype, whole, binary_data_size=len(behind))
            assert np.array_equal(outputs_in(post(client, {"inputs": [described]}, behind))["digit"], outputs["digit"])

    def test_numbers_are_not_prepared(self, client: Client) -> None:
        """A blank tensor, which is no picture, has an answer all the same."""
        assert outputs_in(post(client, {"inputs": [tensor([0] * 784, "UINT8", [1, 28, 28, 1])]}))["digit"].shape == (1,)

    def test_pictures(self, client: Client) -> None:
        """BYTES are picture files, read as by /predict: in base64, or behind the JSON as they are."""
        expected = prediction_in(client.predict(PICTURE)).probabilities
        text = base64.b64encode(PICTURE).decode()
        for data, shape in (([text, text], [2]), ([[text], [text]], [2, 1])):
            outputs = outputs_in(post(client, {"inputs": [tensor(data, "BYTES", shape)]}))
            assert outputs["probabilities"].tolist() == np.array([expected] * 2, np.float32).tolist()
        behind = (struct.pack("<I", len(PICTURE)) + PICTURE) * 2
        described = tensor(None, "BYTES", [2], binary_data_size=len(behind))
        outputs = outputs_in(post(client, {"inputs": [described]}, behind))
        assert outputs["probabilities"].tolist() == np.array([expected] * 2, np.float32).tolist()

    def test_wanted_outputs_only(self, client: Client, tiny_model: Model) -> None:
        """Only what is asked for is answered, in that order; the id is echoed."""
        request = {"id": "a/7", "inputs": [tensor([0] * 784, "UINT8", [1, 28, 28, 1])], "outputs": [{"name": "digit"}]}
        path = f"/v2/models/tiny/versions/{tiny_model.metadata.version}/infer"
        answer = post(client, request, path=path).json()
        assert (answer["id"], answer["model_name"]) == ("a/7", "tiny")
        assert answer["model_version"] == tiny_model.metadata.version
        assert [one["name"] for one in answer["outputs"]] == ["digit"]
        assert "id" not in post(client, {**request, "id": None}).json()

    def test_binary_outputs(self, client: Client, tiny_model: Model) -> None:
        """Outputs stand behind the JSON if the request or the output says so; an output's own word counts."""
        request = {
            "inputs": [tensor([0] * 784, "UINT8", [1, 28, 28, 1])],
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "digit", "parameters": {"binary_data": False}}, {"name": "probabilities"}],
        }
        response = post(client, request)
        assert response.headers["content-type"] == "application/octet-stream"
        length = int(response.headers[LENGTH_HEADER])
        digit, probabilities = json.loads(response.content[:length])["outputs"]
        expected = tiny_model.classifier.classify(np.zeros((1, 28, 28, 1), np.uint8))
        assert digit["data"] == expected.argmax(axis=1).tolist()
        assert probabilities["parameters"] == {"binary_data_size": 40}
        assert response.content[length:] == expected.astype("<f4").tobytes()


ZEROS = [0] * 784
GOOD = tensor(ZEROS, "UINT8", [1, 28, 28, 1])


class TestRefusals:
    @pytest.mark.parametrize(
        ("request_content", "status", "said"),
        [
            (b"", 400, "JSON"),
            (b'{"inputs": [NaN]}', 400, "JSON"),
            ({}, 422, "inputs"),
            ({"inputs": []}, 422, "inputs"),
            ({"inputs": [GOOD, GOOD]}, 422, "inputs"),
            ({"inputs": [{**GOOD, "name": "other"}]}, 422, "inputs.0.name"),
            ({"inputs": [{**GOOD, "datatype": "INT8"}]}, 422, "inputs.0.datatype"),
            ({"inputs": [{**GOOD, "shape": [1, 784]}]}, 422, "inputs.0.shape"),
            ({"inputs": [{**GOOD, "shape": [-1, 28, 28, 1]}]}, 422, "inputs.0.shape"),
            ({"inputs": [{**GOOD, "shape": [2, 28, 28, 1]}]}, 422, "as many numbers"),
            ({"inputs": [{**GOOD, "shape": [0, 28, 28, 1]}]}, 422, "no picture"),
            ({"inputs": [{**GOOD, "data": ZEROS[1:]}]}, 422, "as many numbers"),
            ({"inputs": [{**GOOD, "data": [*ZEROS[1:], 256]}]}, 422, "255"),
            ({"inputs": [{**GOOD, "data": [*ZEROS[1:], 0.5]}]}, 422, "FP32"),
            ({"inputs": [{**GOOD, "data": None}]}, 422, "binary_data_size"),
            ({"inputs": [{**GOOD, "parameters": {"binary_data_size": 784}}]}, 422, "binary_data_size"),
            ({"id": 7, "inputs": [GOOD]}, 422, "id"),
            ({"inputs": [GOOD], "outputs": [{"name": "other"}]}, 422, "outputs.0.name"),
            ({"inputs": [GOOD], "outputs": [{"name": "digit", "parameters": {"classification": 3}}]}, 422, "classif"),
            ({"inputs": [tensor(["AA=="], "BYTES", [2])]}, 422, "as many pictures"),
            ({"inputs": [tensor(["AA=="], "BYTES", [1, 28])]}, 422, "shape"),
            ({"inputs": [tensor(["no"], "BYTES", [1])]}, 422, "inputs.0.data.0"),
            ({"inputs": [tensor([""], "BYTES", [1])]}, 422, "Picture 0"),
            ({"inputs": [tensor(["AA=="], "BYTES", [1])]}, 415, "Picture 0"),
        ],
    )
    def test_requests(self, client: Client, request_content: Any, status: int, said: str) -> None:
        """What is not right is refused with the place where it stands, in the protocol's shape."""
        assert_error(post(client, request_content), status, said)

    @pytest.mark.parametrize(
        ("datatype", "shape", "behind"),
        [
            ("UINT8", [1, 28, 28, 1], bytes(783)),
            ("FP32", [1, 28, 28, 1], bytes(4 * 784 - 1)),
            ("FP32", [1, 28, 28, 1], np.full(784, np.nan, np.float32).tobytes()),
            ("FP32", [1, 28, 28, 1], np.full(784, np.inf, np.float32).tobytes()),
            ("BYTES", [1], b"\1\0"),
            ("BYTES", [1], b"\2\0\0\0a"),
            ("BYTES", [1], b"\1\0\0\0ab"),
            ("BYTES", [1], b"\xff\xff\xff\xffab"),
        ],
    )
    def test_binary_tensors(self, client: Client, datatype: str, shape: list[int], behind: bytes) -> None:
        """Binary tensors that are cut off, too long, or no numbers are refused."""
        described = tensor(None, datatype, shape, binary_data_size=len(behind))
        assert_error(post(client, {"inputs": [described]}, behind), 422, "inputs.0.data")

    @pytest.mark.parametrize("length", ["", "x", "-1", "1.5", "99999", "9" * 40, "²"])
    def test_length_of_the_json(self, client: Client, length: str) -> None:
        """A header that tells no length, or one beyond the body, is refused."""
        headers = {LENGTH_HEADER: length.encode("latin-1")}
        response = client.request("POST", INFER, content=json.dumps({"inputs": [GOOD]}).encode(), headers=headers)
        assert_error(response, 422, LENGTH_HEADER)

    def test_number_of_pictures(self, strict: Client) -> None:
        """As many pictures as the setting allows are read, one more is refused."""
        for count, status in ((MOST, 200), (MOST + 1, 413)):
            response = post(strict, {"inputs": [tensor(ZEROS * count, "UINT8", [count, 28, 28, 1])]})
            assert response.status_code == status

    def test_size_of_a_picture(self, strict: Client) -> None:
        """Each picture is bounded like any other."""
        for size, status in ((2048, 200), (2049, 413)):
            body = pictures.padded(pictures.encode(pictures.seven(30, 20), "PNG"), size)
            text = base64.b64encode(body).decode()
            response = post(strict, {"inputs": [tensor([text], "BYTES", [1])]})
            assert response.status_code == status

    def test_overload(self, busy: Client) -> None:
        """A few tensors need no pool; many, and pictures, are refused while it is full, and told when to come back."""
        assert post(busy, {"inputs": [GOOD]}).status_code == 200
        text = base64.b64encode(pictures.encode(pictures.seven(30, 20), "PNG")).decode()
        for one in (tensor([text], "BYTES", [1]), tensor(ZEROS * 10, "UINT8", [10, 28, 28, 1])):
            response = post(busy, {"inputs": [one]})
            assert_error(response, 503)
            assert response.headers["retry-after"] == "1"
