"""JSON -> checked values: numbers become pixels, base64 becomes the bytes of a picture file."""

import binascii
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from app.contract import INPUT_SHAPE, SIDE
from app.errors import InvalidRequestError, MalformedJsonError

PIXELS: Final = SIDE * SIDE
"""Numbers of one prepared picture."""

PUNCTUATION_OF_A_PICTURE: Final = 3 * PIXELS
"""Commas and opening brackets that one picture may take; each pixel in brackets of its own takes two."""

PUNCTUATION_BESIDE: Final = 1000
"""The same for all the rest of a request."""

WHITE: Final = 255

_LONGEST_NAME: Final = 100
"""Characters of a field's name that are repeated in what is said of it."""

_SHAPES: Final = ((SIDE, SIDE), INPUT_SHAPE)
_PREFIX: Final = "Value error, "
"""What pydantic puts before our own words."""

_WANTED: Final = {"model_type": "Send a JSON object, {...}"}
"""What to do instead, by pydantic's name of the mistake, where its own words are those of Python."""

_DEEPEST: Final = len(INPUT_SHAPE) + 1

Pixels = npt.NDArray[np.uint8]
Kind = TypeVar("Kind", bound=BaseModel)


def parse_json(text: bytes, max_pictures: int) -> object:
    """Parse JSON that holds at most so many pictures.

    A million empty lists take three million bytes as JSON and sixty million in memory, so they are counted before.

    Raises:
        MalformedJsonError: it is not JSON: NaN and infinities are none either. Or it is nested too deep.
        InvalidRequestError: it holds more values than so many pictures have.
    """
    punctuation = sum(map(text.count, (b",", b"[", b"{")))
    if punctuation > max_pictures * PUNCTUATION_OF_A_PICTURE + PUNCTUATION_BESIDE:
        raise InvalidRequestError(
            f"The JSON holds more values than pictures of {SIDE}x{SIDE} pixels, {max_pictures} at most."
        )
    try:
        return from_json(text, allow_inf_nan=False, cache_strings=False)
    except ValueError as error:
        raise MalformedJsonError(f"The body is not JSON ({error}). NaN and Infinity are not JSON either.") from error


def checked(kind: type[Kind], value: object) -> Kind:
    """A parsed body as what it has to be.

    Raises:
        InvalidRequestError: it is not; the message names the place.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        parts = error.errors(include_url=False, include_input=False, include_context=False)
        told = "; ".join(
            f"{place(*part['loc'])}: {_WANTED.get(part['type'], part['msg']).removeprefix(_PREFIX).rstrip('.')}"
            for part in parts[:3]
        )
        raise InvalidRequestError(f"{told}.") from error


def place(*steps: str | int) -> str:
    """Where in a body something is, for people; names that the client made up may be long."""
    return ".".join(str(step)[:_LONGEST_NAME] for step in steps) or "body"


def picture_bytes(text: object, where: str) -> bytes:
    """The bytes that base64 stands for.

    Raises:
        InvalidRequestError: it is not base64.
    """
    if not isinstance(text, str):
        raise InvalidRequestError(f"{where}: Send a picture file in base64, as a string.")
    message = (
        f"{where}: This is not base64. Send the bytes of a picture file in base64, without line breaks and without "
        "`data:` in front."
    )
    # Pythons differ about padding that nothing needs.
    if len(text) % 4:
        raise InvalidRequestError(message)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise InvalidRequestError(message) from error


def picture_pixels(value: object, where: str) -> Pixels:
    """The pixels of one picture, uint8 (28, 28, 1), written as 28 lists of 28 numbers or of 28 lists of one.

    Raises:
        InvalidRequestError: they are not.
    """
    shape, numbers = _flattened(value, where)
    if shape not in _SHAPES:
        raise InvalidRequestError(f"{where}: A picture is {SIDE} rows of {SIDE} numbers; this has the shape {shape}.")
    return grey_levels(_array(numbers, where), where).reshape(INPUT_SHAPE)


def tensor_numbers(value: object, where: str) -> npt.NDArray[np.float64]:
    """The numbers of a tensor in their order, float64 (n,), written flat or nested.

    Raises:
        InvalidRequestError: what is there are not numbers, or lists of different lengths.
    """
    return _array(_flattened(value, where)[1], where)


def grey_levels(numbers: npt.NDArray[Any], where: str, *, whole: bool = False) -> Pixels:
    """Numbers of 0 to 255 as uint8, of the same shape.

    Args:
        numbers: of any type.
        where: they stand in the request.
        whole: refuse fractions instead of rounding them.

    Raises:
        InvalidRequestError: one of them is smaller or larger, or no number.
    """
    if numbers.dtype == np.uint8:
        return numbers
    # A comparison with NaN is false.
    if not ((numbers >= 0) & (numbers <= WHITE)).all():
        raise InvalidRequestError(f"{where}: Pixels are numbers from 0, black, to {WHITE}, white.")
    rounded = np.rint(numbers)
    if whole and not (rounded == numbers).all():
        raise InvalidRequestError(f"{where}: UINT8 takes whole numbers. Send FP32.")
    return np.asarray(rounded, np.uint8)


def _flattened(value: object, where: str) -> tuple[tuple[int, ...], list[Any]]:
    """Shape and elements of nested lists, which need not be numbers."""
    if not isinstance(value, list):
        raise InvalidRequestError(f"{where}: Send numbers in lists.")
    shape = [len(value)]
    level = value
    while level and isinstance(level[0], list):
        kinds = set(map(type, level))
        lengths = set(map(len, level)) if kinds == {list} else set()
        if len(lengths) != 1 or len(shape) == _DEEPEST:
            raise InvalidRequestError(f"{where}: The lists have different lengths, or are nested too deep.")
        shape += lengths
        level = list(chain.from_iterable(level))
    return tuple(shape), level


def _array(numbers: list[Any], where: str) -> npt.NDArray[np.float64]:
    # A bool is an int to Python.
    if not set(map(type, numbers)) <= {int, float}:
        raise InvalidRequestError(f"{where}: There is something that is no number.")
    try:
        return np.array(numbers, np.float64)
    except OverflowError as error:
        raise InvalidRequestError(f"{where}: There is a number with hundreds of digits.") from error
