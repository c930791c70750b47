"""Every route keeps what the OpenAPI document promises, whatever is sent: generated requests, the same in every run."""

import base64
import json
import re
from http import HTTPStatus
from typing import Any, Final

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case as AnyCase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from app.application import create_app
from app.loading import Model
from app.problems import MEDIA_TYPE
from app.settings import Settings
from tests import pictures
from tests.app.service import serving
from tests.contract.document import current

EXAMPLES: Final = 30
"""Requests generated for each operation."""

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
"""Not whether valid data is accepted: that a string is a picture no schema can say."""


Operation = APIOperation[Any, Any, Any, Any]
Case = AnyCase[Any]


def narrowed(document: dict[str, Any], model: Model) -> dict[str, Any]:
    """The document with the served model's name and version, which random ones would never hit."""
    names = {"name": model.metadata.name, "version": model.metadata.version}
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = {"enum": [names[parameter["name"]]]}
    return document


@schemathesis.serializer("image/*")
def as_it_is(_: Any, value: Any) -> Any:
    """Send what is generated for a picture as the body."""
    return value


@pytest.fixture(scope="session")
def application(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The service on the tiny model, which takes corrections."""
    database = f"sqlite:///{tmp_path_factory.mktemp('contract') / 'corrections.db'}"
    return create_app(Settings(database=database), load=lambda _: tiny_model)


@pytest.fixture(scope="session")
def operations(application: FastAPI, tiny_model: Model) -> dict[str, Operation]:
    """The operations of the document, by method and path."""
    schema = schemathesis.openapi.from_dict(narrowed(json.loads(json.dumps(current())), tiny_model))
    schema.app = application
    results = list(schema.get_all_operations())
    found = [result.ok() for result in results if isinstance(result, Ok)]
    assert len(found) == len(results), "the document describes an operation that cannot be"
    return {operation.label: operation for operation in found}


OPERATIONS: Final = {
    f"{method.upper()} {path}": operation
    for path, operations in current()["paths"].items()
    for method, operation in operations.items()
}

TAKING_A_BODY: Final = [label for label, operation in OPERATIONS.items() if "requestBody" in operation]
"""Only these can be sent something that does not fit their schema: any text may stand in a path."""


PICTURE: Final = pictures.encode(pictures.seven(30, 20), "PNG")
TEXT: Final = base64.b64encode(PICTURE).decode()
PIXELS: Final = [[0] * 12 + [255, 128.5] + [0] * 14] * 28
TENSOR: Final = {"name": "image", "shape": [1, 28, 28, 1], "datatype": "FP32", "data": PIXELS}

PICTURES: Final[list[tuple[str, Any]]] = [
    ("image/png", PICTURE),
    ("application/octet-stream", PICTURE),
    ("multipart/form-data", {"file": PICTURE}),
    ("application/json", {"image": TEXT}),
    ("application/json", {"pixels": PIXELS}),
]
"""Every way to send one picture."""

GOOD: Final[dict[str, list[tuple[str, Any]]]] = {
    "/predict": PICTURES,
    "/read": PICTURES,
    "/feedback": PICTURES,
    "/predict/batch": [("multipart/form-data", {"file": [PICTURE, b"no picture", b""]})],
    "infer": [
        ("application/json", {"id": "a", "inputs": [TENSOR]}),
        ("application/json", {"inputs": [TENSOR], "outputs": [{"name": "digit"}]}),
        ("application/json", {"inputs": [TENSOR], "parameters": {"binary_data_output": True}}),
        ("application/json", {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]}),
    ],
    "predict": [
        ("application/json", {"instances": [PIXELS, {"b64": TEXT}, {"image": {"b64": TEXT}}]}),
        ("application/json", {"inputs": [PIXELS]}),
        ("application/json", {"inputs": {"image": [PIXELS, {"b64": TEXT}]}}),
    ],
}
"""Requests that end well, by path, or by the last word of the path."""


def send(operation: Operation, case: Case) -> int:
    """Send a request, check its answer by the document, and return its status."""
    error_type = "application/json" if operation.path.startswith(("/v1", "/v2")) else MEDIA_TYPE
    response = case.call()
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        assert response.headers["content-type"] == [error_type]
    return response.status_code


def keeps_its_promise(operation: Operation, mode: GenerationMode) -> None:
    """No request ends with 500; every answer has a documented status, type and shape."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        send(operation, case)

    check()


@pytest.mark.parametrize("label", TAKING_A_BODY)
def test_good_requests(operations: dict[str, Operation], tiny_model: Model, label: str) -> None:
    """Each way to send a picture that the document describes ends with an answer that it describes."""
    path = label.split()[1]
    names = {"name": tiny_model.metadata.name, "version": tiny_model.metadata.version}
    for media_type, body in GOOD[path if path in GOOD else re.split("[/:]", path)[-1]]:
        query = {"label": "7"} if path == "/feedback" else {}
        case = operations[label].Case(body=body, media_type=media_type, path_parameters=names, query=query)
        assert send(operations[label], case) in {HTTPStatus.OK, HTTPStatus.CREATED}


@pytest.mark.parametrize("label", [label for label in OPERATIONS if "{name}" in label])
def test_other_models(operations: dict[str, Operation], label: str) -> None:
    """A model that is not served is not found."""
    names = {"name": "another", "version": "1"}
    operation = operations[label]
    if label in TAKING_A_BODY:
        case = operation.Case(path_parameters=names, body={}, media_type="application/json")
    else:
        case = operation.Case(path_parameters=names)
    assert send(operation, case) == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("label", OPERATIONS)
def test_requests_as_described(operations: dict[str, Operation], label: str) -> None:
    """Requests that fit the document are answered as it says."""
    keeps_its_promise(operations[label], GenerationMode.POSITIVE)


@pytest.mark.parametrize(
    ("doors", "status"),
    [
        ({"api_keys": ("0" * 64,)}, HTTPStatus.UNAUTHORIZED),
        ({"rate_limit": "1/hour"}, HTTPStatus.TOO_MANY_REQUESTS),
        ({"allowed_hosts": ("elsewhere",)}, HTTPStatus.MISDIRECTED_REQUEST),
    ],
)
def test_doors(operations: dict[str, Operation], tiny_model: Model, doors: dict[str, Any], status: HTTPStatus) -> None:
    """Whoever is turned away is answered as documented, at every operation but those open to everybody."""
    names = {"name": tiny_model.metadata.name, "version": tiny_model.metadata.version}
    opened = set()
    with serving(create_app(Settings.model_validate(doors), load=lambda _: tiny_model)) as client:
        client.get("/model")  # the one request of an hour
        for label, operation in operations.items():
            method, path = label.split()
            response = client.request(method, path.format(**names))
            operation.Case(path_parameters=names).validate_response(response, checks=CHECKS)
            if response.status_code == HTTPStatus.OK:
                opened.add(label)
            else:
                assert response.status_code == status
    assert opened == {label for label, operation in OPERATIONS.items() if operation.get("security") == []}
    assert {"GET /health/live", "GET /v2/health/ready", "GET /v1/models/{name}"} <= opened


@pytest.mark.parametrize("label", TAKING_A_BODY)
def test_requests_unlike_the_description(operations: dict[str, Operation], label: str) -> None:
    """Requests that do not fit the document are, too."""
    keeps_its_promise(operations[label], GenerationMode.NEGATIVE)
