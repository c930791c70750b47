"""TensorFlow Serving's REST interface: predict, and the model's status."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from app.documentation import PUBLIC, reference, request_body
from app.errors import InvalidRequestError
from app.problems import problem_documentation
from app.protocol_schemas import ModelStatus, ServedVersion, ServingColumns, ServingRows
from app.requests import INPUT, ServingRequest
from app.routes.state import Service
from app.routes.tensors import (
    INFERENCE_ERRORS,
    MODEL_ERRORS,
    Asked,
    Item,
    Probabilities,
    answer,
    check_count,
    served,
)
from app.uploads import JSON_TYPE, read_body
from app.values import checked, parse_json, picture_bytes, picture_pixels

router = APIRouter(prefix="/v1/models", tags=["TensorFlow Serving"])

Name = Annotated[str, Path(description="The model's name, as /model tells it.", pattern="^[^:]+$")]
Version = Annotated[str, Path(description="The model's version, as /model tells it.", pattern="^[^:]+$")]

_FILE: Final = "b64"
_PREDICT: Final[dict[str, Any]] = {
    "response_model": ServingRows | ServingColumns,
    "openapi_extra": request_body({JSON_TYPE: reference(ServingRequest)}),
    "responses": problem_documentation(*INFERENCE_ERRORS, plain=True),
}
_NO_MODEL: Final = problem_documentation(*MODEL_ERRORS, plain=True)


@dataclass(frozen=True, slots=True)
class _Prediction(Asked):
    by_rows: bool


@router.get("/{name}", summary="Whether the model answers", responses=_NO_MODEL, **PUBLIC)
async def status(request: Request, name: Name) -> ModelStatus:
    """Its versions: there is one."""
    return _status(served(request, name))


@router.get(
    "/{name}/versions/{version}", summary="Whether a version of the model answers", responses=_NO_MODEL, **PUBLIC
)
async def version_status(request: Request, name: Name, version: Version) -> ModelStatus:
    """As without a version."""
    return _status(served(request, name, version))


@router.post("/{name}:predict", summary="Read digits", **_PREDICT)
async def predict(request: Request, name: Name) -> Response:
    """Arrays of 28x28 pixels, white ink on black, go to the model as they are; picture files are prepared."""
    return await _predict(request, served(request, name))


@router.post("/{name}/versions/{version}:predict", summary="Read digits with a version of the model", **_PREDICT)
async def version_predict(request: Request, name: Name, version: Version) -> Response:
    """As without a version."""
    return await _predict(request, served(request, name, version))


def _status(service: Service) -> ModelStatus:
    return ModelStatus(model_version_status=(ServedVersion(version=service.model_name.version),))


async def _predict(request: Request, service: Service) -> Response:
    body = await read_body(request, service.max_batch_bytes)
    return await answer(body, service, partial(_parse, service), _write)


def _parse(service: Service, body: bytes) -> _Prediction:
    request = checked(ServingRequest, parse_json(body, service.max_batch))
    by_rows = "instances" in request.model_fields_set
    where = "instances" if by_rows else "inputs"
    values: list[Any] | dict[Any, list[Any]] = request.instances if by_rows else request.inputs
    if isinstance(values, dict):
        where, values = f"{where}.{INPUT}", values.get(INPUT, [])
    check_count(len(values), service)
    return _Prediction([_item(value, f"{where}.{index}") for index, value in enumerate(values)], by_rows)


def _item(value: object, where: str) -> Item:
    if not isinstance(value, dict):
        return picture_pixels(value, where)
    match list(value):
        case [key] if key == _FILE:
            return picture_bytes(value[key], f"{where}.{key}")
        case [key] if key == INPUT and not (isinstance(value[key], dict) and INPUT in value[key]):
            return _item(value[key], f"{where}.{key}")
    raise InvalidRequestError(f'{where}: Send numbers, {{"{_FILE}": ...}}, or {{"{INPUT}": either}}.')


def _write(asked: _Prediction, probabilities: Probabilities) -> Response:
    rows = tuple(map(tuple, probabilities.tolist()))
    content = ServingRows(predictions=rows) if asked.by_rows else ServingColumns(outputs=rows)
    return Response(content.model_dump_json(), media_type=JSON_TYPE)
