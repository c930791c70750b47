"""JSON -> pixels and picture files: what is not right is refused with the place where it stands."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidRequestError, MalformedJsonError
from app.requests import PictureInJson
from app.values import (
    PUNCTUATION_BESIDE,
    PUNCTUATION_OF_A_PICTURE,
    checked,
    grey_levels,
    parse_json,
    picture_bytes,
    picture_pixels,
    tensor_numbers,
)

ROWS = [[float(row + column) for column in range(28)] for row in range(28)]


def changed(value: Any) -> list[list[Any]]:
    """The rows with something else in one place."""
    rows: list[list[Any]] = [list(row) for row in ROWS]
    rows[3][4] = value
    return rows


class TestJson:
    @pytest.mark.parametrize(
        "text",
        [b"", b"{", b"NaN", b'{"a": NaN}', b"[Infinity]", b"[-Infinity]", b"\xff", b'"\\ud800"', b"[" * 900, b"1 2"],
    )
    def test_no_json(self, text: bytes) -> None:
        """What is no JSON, NaN and infinities among it, or is nested without end, is refused as such."""
        with pytest.raises(MalformedJsonError, match="not JSON"):
            parse_json(text, 1)

    def test_number_of_values_is_bounded(self) -> None:
        """Values are counted before they are parsed: as many as pictures may need, and not one more."""
        most = 2 * PUNCTUATION_OF_A_PICTURE + PUNCTUATION_BESIDE
        assert parse_json(b"[" + b"0," * (most - 1) + b"0]", 2) == [0] * most
        with pytest.raises(InvalidRequestError, match="more values"):
            parse_json(b"[" + b"0," * most + b"0]", 2)

    def test_pictures_with_brackets_around_each_pixel_fit(self) -> None:
        """The longest way to write as many pictures as are allowed passes."""
        nested = np.zeros((3, 28, 28, 1)).tolist()
        assert parse_json(json.dumps(nested).encode(), 3) == nested

    @given(st.binary(max_size=60))
    def test_any_bytes(self, text: bytes) -> None:
        """Any bytes are a value or a MalformedJsonError."""
        try:
            parse_json(text, 1)
        except MalformedJsonError:
            return

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ([], "body: Send a JSON object"),
            (None, "body: Send a JSON object"),
            ({}, "either `image` or `pixels`"),
            ({"image": "", "pixels": []}, "either `image` or `pixels`"),
            ({"image": 7}, "image: "),
            ({"pixels": None}, "pixels: "),
            ({"picture": ""}, "picture: "),
        ],
    )
    def test_wrong_fields(self, value: object, said: str) -> None:
        """A field of the wrong kind, a missing or an unknown one is refused with its name."""
        with pytest.raises(InvalidRequestError, match=said):
            checked(PictureInJson, value)

    def test_long_names(self) -> None:
        """What a client made up is not repeated at length."""
        with pytest.raises(InvalidRequestError) as refused:
            checked(PictureInJson, {"x" * 1_000_000: 0})
        assert len(str(refused.value)) < 200


class TestBase64:
    def test_bytes(self) -> None:
        """The bytes come back."""
        assert picture_bytes(base64.b64encode(bytes(range(256))).decode(), "x") == bytes(range(256))

    @pytest.mark.parametrize(
        "text", ["a", "ab=c", "ab==\n", "a b=", "data:image/png;base64,AAAA", "ä", "_-_-", "AAAA="]
    )
    def test_no_base64(self, text: str) -> None:
        """What is no base64, or has anything around it, is refused with its place."""
        with pytest.raises(InvalidRequestError, match=r"^here: This is not base64"):
            picture_bytes(text, "here")

    def test_no_string(self) -> None:
        """So is what is no string."""
        with pytest.raises(InvalidRequestError, match=r"^here: "):
            picture_bytes(7, "here")


class TestPixels:
    @pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1)])
    def test_shapes(self, shape: tuple[int, ...]) -> None:
        """28 rows of 28, each number in brackets of its own or not."""
        pixels = picture_pixels(np.reshape(ROWS, shape).tolist(), "here")
        assert pixels.shape == (28, 28, 1)
        assert pixels.dtype == np.uint8
        assert np.array_equal(pixels[..., 0], ROWS)

    @pytest.mark.parametrize(
        "value",
        [
            7,
            "text",
            {},
            [],
            [[]] * 28,
            ROWS[:27],
            [row[:27] for row in ROWS],
            [*ROWS[:27], ROWS[27][:27]],
            [[row] for row in ROWS],
            [level for row in ROWS for level in row],
            [ROWS],
            changed([1]),
            changed(None),
            changed("1"),
            changed(True),
            changed({}),
            changed(-0.001),
            changed(255.001),
            changed(float("inf")),
            changed(float("nan")),
            changed(10**400),
            json.loads("[" * 100 + "]" * 100),
        ],
    )
    def test_no_pictures(self, value: object) -> None:
        """Wrong shapes, wrong kinds and numbers beyond 0 and 255 are refused with their place."""
        with pytest.raises(InvalidRequestError, match=r"^here: "):
            picture_pixels(value, "here")

    @pytest.mark.parametrize(("number", "level"), [(0, 0), (255, 255), (0.4, 0), (254.6, 255), (-0.0, 0)])
    def test_rounding(self, number: float, level: int) -> None:
        """Fractions are rounded."""
        assert picture_pixels(changed(number), "here")[3, 4, 0] == level

    def test_whole_numbers(self) -> None:
        """Where whole numbers are promised, fractions are refused and 7.0 is not."""
        assert grey_levels(np.array([7.0, 255.0]), "here", whole=True).tolist() == [7, 255]
        with pytest.raises(InvalidRequestError, match="FP32"):
            grey_levels(np.array([7.5]), "here", whole=True)

    def test_flat_or_nested(self) -> None:
        """The numbers of a tensor have one order, however they are written."""
        nested = np.arange(16).reshape(2, 2, 2, 2)
        assert np.array_equal(tensor_numbers(nested.tolist(), "here"), np.arange(16))
        assert np.array_equal(tensor_numbers(list(range(16)), "here"), np.arange(16))
