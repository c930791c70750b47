"""The bodies that requests may have in JSON, field by field: these classes are the API reference."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from app.contract import INPUT_SHAPE, SIDE

INPUT: Final = "image"
"""Name of the model's one input."""

PROBABILITIES: Final = "probabilities"
DIGIT: Final = "digit"

_PICTURE: Final[dict[str, JsonValue]] = {"contentEncoding": "base64"}
_ROW: Final[dict[str, JsonValue]] = {
    "type": "array",
    "minItems": SIDE,
    "maxItems": SIDE,
    "items": {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 255},
            {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {"type": "number", "minimum": 0, "maximum": 255},
            },
        ]
    },
}
_PIXELS: Final[dict[str, JsonValue]] = {"type": "array", "minItems": SIDE, "maxItems": SIDE, "items": _ROW}
_B64: Final[dict[str, JsonValue]] = {
    "type": "object",
    "required": ["b64"],
    "properties": {"b64": {"type": "string", **_PICTURE}},
    "additionalProperties": False,
}
_INSTANCE: Final[dict[str, JsonValue]] = {
    "anyOf": [
        _PIXELS,
        _B64,
        {
            "type": "object",
            "required": [INPUT],
            "properties": {INPUT: {"anyOf": [_PIXELS, _B64]}},
            "additionalProperties": False,
        },
    ]
}


class _Strict(BaseModel):
    # JSON knows the types it needs; a string that looks like a number is a mistake.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PictureInJson(_Strict):
    """One picture: a file, or its pixels. Exactly one of both."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["image"]}, {"required": ["pixels"]}]})

    image: Annotated[str, Field(description="A picture file in base64.", json_schema_extra=_PICTURE)] = ""
    pixels: Annotated[
        list[Any],
        Field(
            description="28 rows of 28 numbers from 0, black, to 255, white. They are prepared like any picture.",
            json_schema_extra=_PIXELS,
        ),
    ] = []

    @model_validator(mode="after")
    def _exactly_one(self) -> "PictureInJson":
        if len(self.model_fields_set) != 1:
            raise ValueError("Send either `image` or `pixels`.")
        return self


class _Lenient(BaseModel):
    # The protocols let clients send more than a server knows.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


def _whole(number: object) -> object:
    """28.0 is an integer to JSON Schema and to languages that know one kind of number."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Size = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2**31)]


class InferInputParameters(_Lenient):
    """Of the binary tensor extension."""

    binary_data_size: Annotated[
        Size | None, Field(description="Bytes of this tensor behind the JSON, instead of `data`.")
    ] = None


class InferInput(_Lenient):
    """The pictures."""

    name: Annotated[Literal["image"], Field(description="The model has one input.")]
    shape: Annotated[
        list[Size],
        Field(
            min_length=1,
            max_length=4,
            description=f"[n, {', '.join(map(str, INPUT_SHAPE))}], or [n] for picture files.",
        ),
    ]
    datatype: Annotated[
        Literal["UINT8", "FP32", "BYTES"],
        Field(
            description="UINT8 or FP32: pixels from 0, black, to 255, white, in MNIST's geometry, white ink on black; "
            "the model sees them as they are. BYTES: picture files, which are prepared; in JSON in base64."
        ),
    ]
    parameters: InferInputParameters = InferInputParameters()
    data: Annotated[list[Any] | None, Field(description="Flat, in the order of rows, or nested as the shape says.")] = (
        None
    )


class InferOutputParameters(_Lenient):
    """Of the binary tensor extension, and what this server has not."""

    binary_data: Annotated[
        bool | None, Field(description="Whether the tensor follows the JSON instead of being in it.")
    ] = None
    classification: Annotated[None, Field(description="Not known here: ask for `digit`.")] = None
    shared_memory_region: Annotated[None, Field(description="Not known here.")] = None


class InferOutput(_Lenient):
    """A tensor that is asked for."""

    name: Literal["probabilities", "digit"]
    parameters: InferOutputParameters = InferOutputParameters()


class InferParameters(_Lenient):
    """Of the binary tensor extension."""

    binary_data_output: Annotated[
        bool, Field(description="Whether tensors follow the JSON where their own parameters do not say.")
    ] = False


class InferRequest(_Lenient):
    """An inference request of the Open Inference Protocol."""

    id: Annotated[str | None, Field(description="Echoed in the answer.")] = None
    parameters: InferParameters = InferParameters()
    inputs: Annotated[list[InferInput], Field(min_length=1, max_length=1)]
    outputs: Annotated[
        list[InferOutput] | None, Field(max_length=2, description="Which tensors to answer with; all if missing.")
    ] = None


class ServingRequest(_Lenient):
    """A predict request of TensorFlow Serving: rows or columns, exactly one of both."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}]})

    signature_name: Literal["serving_default"] = "serving_default"
    instances: Annotated[
        list[Any],
        Field(
            description='Each a picture: 28x28 or 28x28x1 numbers from 0 to 255, {"b64": a picture file}, or '
            '{"image": either}.',
            json_schema_extra={"items": _INSTANCE, "minItems": 1},
        ),
    ] = []
    inputs: Annotated[
        list[Any] | dict[Literal["image"], list[Any]],
        Field(
            description='The same in one list, or {"image": that list}.',
        ),
    ] = []

    @model_validator(mode="after")
    def _exactly_one(self) -> "ServingRequest":
        if len(self.model_fields_set & {"instances", "inputs"}) != 1:
            raise ValueError("Send either `instances` or `inputs`.")
        return self
