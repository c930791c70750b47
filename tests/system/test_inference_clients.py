"""The published client of another server talks to this one."""

import warnings
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from app.settings import PROJECT_FOLDER
from tests.system.conftest import Server

with warnings.catch_warnings():
    # Its dependencies use what Python deprecates.
    warnings.simplefilter("ignore")
    from tritonclient import http as triton
    from tritonclient.utils import InferenceServerException

PICTURE = (PROJECT_FOLDER / "tests" / "seven.jpg").read_bytes()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """Triton's own client."""
    with triton.InferenceServerClient(urlsplit(server.url).netloc) as connected:
        yield connected


def given(array: Any, datatype: str, *, binary: bool) -> Any:
    """One input."""
    tensor = triton.InferInput("image", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def test_metadata(client: Any) -> None:
    """The server and its model are found, another model is not."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("default")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    described = client.get_model_metadata("default")
    assert client.is_model_ready("default", described["versions"][0])
    assert described["inputs"][0]["datatype"] == "UINT8"


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("kind", ["UINT8", "FP32", "BYTES"])
def test_inference(client: Any, kind: str, binary: bool) -> None:
    """Tensors and pictures, binary as is its default or in JSON, are read; the id comes back."""
    if kind == "BYTES":
        array, digit = np.array([PICTURE if binary else b64encode(PICTURE)] * 2, np.object_), 7
    else:
        stroke = np.zeros((2, 28, 28, 1), np.uint8 if kind == "UINT8" else np.float32)
        stroke[:, 4:24, 13:15] = 255
        array, digit = stroke, 1
    result = client.infer("default", [given(array, kind, binary=binary)], request_id="7")
    assert result.as_numpy("digit").tolist() == [digit] * 2
    assert result.as_numpy("probabilities").shape == (2, 10)
    assert result.get_response()["id"] == "7"


def test_wanted_output_in_json(client: Any) -> None:
    """An output that is asked for in JSON comes so, and alone."""
    tensor = given(np.array([PICTURE], np.object_), "BYTES", binary=True)
    wanted = triton.InferRequestedOutput("digit", binary_data=False)
    [output] = client.infer("default", [tensor], outputs=[wanted]).get_response()["outputs"]
    assert output == {"name": "digit", "datatype": "INT64", "shape": [1], "data": [7]}


def test_errors(client: Any) -> None:
    """An error arrives as the client's own exception, with the sentence that says what is wrong."""
    with pytest.raises(InferenceServerException, match="not a picture"):
        client.infer("default", [given(np.array([b"x"], np.object_), "BYTES", binary=True)])
    with pytest.raises(InferenceServerException, match="only"):
        client.infer("other", [given(np.zeros((1, 28, 28, 1), np.uint8), "UINT8", binary=True)])
