"""The answers in other servers' protocols, field by field: these classes are the API reference."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Ten = Annotated[tuple[float, ...], Field(min_length=10, max_length=10)]
"""Softmax probabilities of 0 to 9."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServerMetadata(_Answer):
    """Which server this is."""

    name: str
    version: str
    extensions: tuple[str, ...]


class Live(_Answer):
    """Whether the process answers."""

    live: bool = True


class Ready(_Answer):
    """Whether requests can be sent."""

    ready: bool = True


class ModelReady(_Answer):
    """Whether the model answers."""

    name: str
    ready: bool = True


class TensorMetadata(_Answer):
    """One input or output."""

    name: str
    datatype: Literal["UINT8", "FP32", "INT64"]
    shape: Annotated[tuple[int, ...], Field(description="-1 is the number of pictures.")]


class ModelMetadata(_Answer):
    """What the model takes and gives."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


class TensorParameters(_Answer):
    """Of the binary tensor extension."""

    binary_data_size: Annotated[int, Field(description="Bytes of this tensor behind the JSON.")]


class Tensor(_Answer):
    """One output."""

    name: Literal["probabilities", "digit"]
    shape: tuple[int, ...]
    datatype: Literal["FP32", "INT64"]
    parameters: TensorParameters | None = None
    data: Annotated[tuple[float | int, ...] | None, Field(description="In the order of rows.")] = None


class InferResponse(_Answer):
    """An inference response of the Open Inference Protocol; what is missing is left out."""

    model_name: str
    model_version: str
    id: Annotated[str | None, Field(description="The request's.")] = None
    outputs: tuple[Tensor, ...]


class VersionStatus(_Answer):
    """Whether a version went well."""

    error_code: str = "OK"
    error_message: str = ""


class ServedVersion(_Answer):
    """One version of the model."""

    version: str
    state: str = "AVAILABLE"
    status: VersionStatus = VersionStatus()


class ModelStatus(_Answer):
    """The status of TensorFlow Serving's models."""

    model_version_status: tuple[ServedVersion, ...]


class ServingRows(_Answer):
    """The answer to `instances`."""

    predictions: Annotated[tuple[Ten, ...], Field(description="Ten probabilities of each picture.")]


class ServingColumns(_Answer):
    """The answer to `inputs`."""

    outputs: Annotated[tuple[Ten, ...], Field(description="Ten probabilities of each picture.")]
