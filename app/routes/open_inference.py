"""The Open Inference Protocol, version 2, as Triton, KServe and MLServer speak it, with binary tensors."""

import struct
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Path, Request, Response

from app import __version__
from app.contract import INPUT_SHAPE, LABELS
from app.documentation import BINARY, PUBLIC, reference, request_body
from app.errors import InvalidRequestError, ShuttingDownError
from app.problems import problem_documentation
from app.protocol_schemas import (
    InferResponse,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    Tensor,
    TensorMetadata,
    TensorParameters,
)
from app.requests import DIGIT, INPUT, PROBABILITIES, InferInput, InferOutput, InferRequest
from app.routes.state import Service, service_of
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
from app.uploads import BINARY_TYPE, JSON_TYPE, read_body
from app.values import checked, grey_levels, parse_json, picture_bytes, tensor_numbers

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

LENGTH_HEADER: Final = "Inference-Header-Content-Length"
"""Bytes of the JSON in front of binary tensors, in requests and answers."""

MODEL: Final = "/models/{name}"
VERSION: Final = "/models/{name}/versions/{version}"

_WHERE: Final = "inputs.0.data"
_PICTURES: Final = "BYTES"
_NUMBERS: Final[dict[str, Any]] = {"UINT8": np.uint8, "FP32": np.dtype("<f4")}
_SHAPES: Final = {INPUT_SHAPE, INPUT_SHAPE[:2]}
"""Of one picture."""

Name = Annotated[str, Path(description="The model's name, as /model tells it.")]
Version = Annotated[str, Path(description="The model's version, as /model tells it.")]

_INFER: Final[dict[str, Any]] = {
    "response_model": InferResponse,
    "response_model_exclude_none": True,
    "openapi_extra": request_body({JSON_TYPE: reference(InferRequest), BINARY_TYPE: BINARY}),
    "responses": {
        200: {"content": {BINARY_TYPE: BINARY}},
        **problem_documentation(*INFERENCE_ERRORS, plain=True),
    },
}
_NO_MODEL: Final = problem_documentation(*MODEL_ERRORS, plain=True)
_NOT_READY: Final = problem_documentation(*MODEL_ERRORS, ShuttingDownError, plain=True)


@dataclass(frozen=True, slots=True)
class _Inference(Asked):
    request: InferRequest


@router.get("", summary="Which server this is")
async def server() -> ServerMetadata:
    """Its name, version and extensions."""
    return ServerMetadata(name="digits", version=__version__, extensions=("binary_tensor_data",))


@router.get("/health/live", summary="Whether the process answers", **PUBLIC)
async def live() -> Live:
    """As /health/live."""
    return Live()


@router.get(
    "/health/ready",
    summary="Whether pictures can be sent",
    responses=problem_documentation(ShuttingDownError, plain=True),
    **PUBLIC,
)
async def ready(request: Request) -> Ready:
    """As /health/ready."""
    service_of(request).check_ready()
    return Ready()


@router.get(MODEL, summary="What the model takes and gives", responses=_NO_MODEL)
async def model(request: Request, name: Name) -> ModelMetadata:
    """Its input is documented as UINT8; FP32 and BYTES are taken too."""
    return _metadata(served(request, name))


@router.get(VERSION, summary="What a version of the model takes and gives", responses=_NO_MODEL)
async def model_version(request: Request, name: Name, version: Version) -> ModelMetadata:
    """As without a version: there is one."""
    return _metadata(served(request, name, version))


@router.get(f"{MODEL}/ready", summary="Whether the model answers", responses=_NOT_READY, **PUBLIC)
async def model_ready(request: Request, name: Name) -> ModelReady:
    """As /health/ready."""
    return _model_ready(served(request, name))


@router.get(f"{VERSION}/ready", summary="Whether a version of the model answers", responses=_NOT_READY, **PUBLIC)
async def model_version_ready(request: Request, name: Name, version: Version) -> ModelReady:
    """As /health/ready."""
    return _model_ready(served(request, name, version))


@router.post(f"{MODEL}/infer", summary="Read digits", **_INFER)
async def infer(request: Request, name: Name) -> Response:
    """Tensors of 28x28 pixels go to the model as they are; picture files (BYTES) are prepared as by /predict."""
    return await _infer(request, served(request, name))


@router.post(f"{VERSION}/infer", summary="Read digits with a version of the model", **_INFER)
async def infer_version(request: Request, name: Name, version: Version) -> Response:
    """As without a version: there is one."""
    return await _infer(request, served(request, name, version))


def _model_ready(service: Service) -> ModelReady:
    service.check_ready()
    return ModelReady(name=service.model_name.name)


def _metadata(service: Service) -> ModelMetadata:
    return ModelMetadata(
        name=service.model_name.name,
        versions=(service.model_name.version,),
        platform="litert_tflite",
        inputs=(TensorMetadata(name=INPUT, datatype="UINT8", shape=(-1, *INPUT_SHAPE)),),
        outputs=(
            TensorMetadata(name=PROBABILITIES, datatype="FP32", shape=(-1, len(LABELS))),
            TensorMetadata(name=DIGIT, datatype="INT64", shape=(-1,)),
        ),
    )


async def _infer(request: Request, service: Service) -> Response:
    length = request.headers.get(LENGTH_HEADER)
    body = await read_body(request, service.max_batch_bytes)
    return await answer(body, service, partial(_parse, service, length), partial(_write, service))


def _parse(service: Service, length: str | None, body: bytes) -> _Inference:
    end = len(body)
    if length is not None:
        if not (length.isascii() and length.isdecimal() and len(length) < 10 and int(length) <= len(body)):
            raise InvalidRequestError(f"{LENGTH_HEADER}: Send the length of the JSON before the tensors, in bytes.")
        end = int(length)
    request = checked(InferRequest, parse_json(body[:end], service.max_batch))
    [tensor] = request.inputs
    size = tensor.parameters.binary_data_size
    if (size is None) == (tensor.data is None) or (size or 0) != len(body) - end:
        raise InvalidRequestError(
            "inputs.0: Send the tensor either as `data`, or behind the JSON with its length as `binary_data_size` and "
            f"the length of the JSON in the header {LENGTH_HEADER}."
        )
    count, *shape = tensor.shape
    check_count(count, service)
    behind = None if size is None else memoryview(body)[end:]
    if tensor.datatype == _PICTURES:
        if prod(shape) != 1:
            raise InvalidRequestError("inputs.0.shape: Picture files have the shape [n].")
        items = _files(tensor.data, count) if behind is None else _files_behind(behind, count)
    else:
        if tuple(shape) not in _SHAPES:
            raise InvalidRequestError(f"inputs.0.shape: Send [n, {', '.join(map(str, INPUT_SHAPE))}].")
        items = _pictures(tensor, count, behind)
    return _Inference(items, request)


def _pictures(tensor: InferInput, count: int, behind: memoryview | None) -> list[Item]:
    """Numbers, in JSON or behind it, as pictures of 28x28x1."""
    whole = tensor.datatype == "UINT8"
    if behind is None:
        numbers = tensor_numbers(tensor.data, _WHERE)
        size = numbers.size
    else:
        kind = np.dtype(_NUMBERS[tensor.datatype])
        size, rest = divmod(len(behind), kind.itemsize)
        size = -1 if rest else size
    if size != count * prod(INPUT_SHAPE):
        raise InvalidRequestError(f"{_WHERE}: There are not as many numbers as the shape says.")
    if behind is not None:
        numbers = np.frombuffer(behind, kind)
    return list(grey_levels(numbers, _WHERE, whole=whole).reshape(count, *INPUT_SHAPE))


def _files(data: list[Any] | None, count: int) -> list[Item]:
    data = data or []
    # Nested as [n, 1].
    flat = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if len(flat) != count:
        raise InvalidRequestError(f"{_WHERE}: There are not as many pictures as the shape says.")
    return [picture_bytes(text, f"{_WHERE}.{index}") for index, text in enumerate(flat)]


def _files_behind(behind: memoryview, count: int) -> list[Item]:
    """Picture files behind the JSON, each after its length as four bytes, the lowest first."""
    found: list[Item] = []
    start = 0
    for _ in range(count):
        if start + 4 > len(behind):
            break
        [size] = struct.unpack_from("<I", behind, start)
        found.append(bytes(behind[start + 4 : start + 4 + size]))
        start += 4 + size
    if len(found) != count or start != len(behind):
        raise InvalidRequestError(
            f"{_WHERE}: Behind the JSON stand, for each of the {count} pictures, its length in four bytes and itself."
        )
    return found


def _write(service: Service, asked: _Inference, probabilities: Probabilities) -> Response:
    request = asked.request
    wanted = request.outputs or [InferOutput(name=PROBABILITIES), InferOutput(name=DIGIT)]
    behind: list[bytes] = []
    tensors = []
    for output in wanted:
        binary = output.parameters.binary_data
        binary = request.parameters.binary_data_output if binary is None else binary
        tensors.append(_tensor(output, probabilities, behind if binary else None))
    response = InferResponse(
        model_name=service.model_name.name,
        model_version=service.model_name.version,
        id=request.id,
        outputs=tuple(tensors),
    )
    text = response.model_dump_json(exclude_none=True).encode()
    if not behind:
        return Response(text, media_type=JSON_TYPE)
    return Response(b"".join([text, *behind]), media_type=BINARY_TYPE, headers={LENGTH_HEADER: str(len(text))})


def _tensor(output: InferOutput, probabilities: Probabilities, behind: list[bytes] | None) -> Tensor:
    """One output; where its bytes go behind the JSON, they are added there."""
    is_digit = output.name == DIGIT
    values = probabilities.argmax(axis=1).astype("<i8") if is_digit else probabilities.astype("<f4")
    content = values.tobytes() if behind is not None else None
    if behind is not None and content is not None:
        behind.append(content)
    return Tensor(
        name=output.name,
        shape=values.shape,
        datatype="INT64" if is_digit else "FP32",
        parameters=TensorParameters(binary_data_size=len(content)) if content is not None else None,
        data=None if content is not None else tuple(values.ravel().tolist()),
    )
