"""Targets: the bodies of requests, as pictures, forms and JSON."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.types import Message

from app.contract import MAX_PIXELS
from app.errors import UploadError
from app.requests import PictureInJson
from app.routes import open_inference, tensorflow_serving
from app.routes.state import Service
from app.uploads import JsonBody, read_body, read_picture, read_pictures
from app.values import checked, parse_json, picture_bytes, picture_pixels
from tests import pictures
from tests.app.service import body_messages, multipart, multipart_type, part, request_scope
from tests.fuzz.cases import MOST, MOST_PIECES, READ, Read, Target, simply, with_changed_lines, with_changed_values

SERVICE: Final = cast(
    Service, SimpleNamespace(max_bytes=MOST, max_pixels=MAX_PIXELS, max_batch=4, max_batch_bytes=MOST)
)


def upload_case(kind: str, body: bytes, *, length: str = "", sizes: bytes = b"") -> bytes:
    """A request's content type, length and body, and the sizes of the pieces in which it comes; the last one recurs."""
    return b"\n".join([kind.encode(), length.encode(), sizes or bytes([255]), body])


def _read_upload(case: bytes, read: Callable[[Request], Any]) -> str:
    kind, length, sizes, body = (case.split(b"\n", 3) + [b""] * 4)[:4]
    headers = {"content-type": kind.decode("latin-1")}
    if length:
        headers["content-length"] = length.decode("latin-1")
    chunks, place = [], 0
    for index in range(len(body)):
        if place >= len(body):
            break
        size = max(sizes[min(index, len(sizes) - 1)] if sizes else MOST, len(body) // MOST_PIECES, 1)
        chunks.append(body[place : place + size])
        place += size
    messages = body_messages(*chunks)
    if sizes[:1] == b"\0":
        messages[-1] = {"type": "http.disconnect"}
    try:
        found = played(_asked(read, headers, messages))
    except UploadError as error:
        return type(error).__name__
    assert isinstance(found, bytes | list | JsonBody)
    return READ


async def _asked(read: Callable[[Request], Any], headers: dict[str, str], messages: list[Message]) -> Any:
    async def receive() -> Message:
        return messages.pop(0)

    return await read(Request(request_scope("/predict", headers), receive))


def played(coroutine: Any) -> Any:
    """Run a coroutine that never waits, without an event loop: a hundred times faster."""
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    finally:
        coroutine.close()
    raise AssertionError("it waited")


def _form_seeds() -> list[bytes]:
    """Forms as clients write them, and as nobody does."""
    found = []
    names = ["file", "other", "../../etc/passwd", "file\r\nX: y", "a" * 300]
    for boundary in ("b", "x" * 70, 'a"b', "a b"):
        parts = [part("file", b"picture", name) for name in (None, *names)]
        found.append(upload_case(multipart_type(boundary), multipart(*parts, boundary=boundary), sizes=b"\7\1\xff"))
    found += [
        upload_case(multipart_type(), multipart(part(name, b"--the-boundar\r\n"), part("file", b"\0")))
        for name in names
    ]
    found.append(upload_case('multipart/form-data; boundary="b"', b"--b--", length="5"))
    found.append(
        upload_case("multipart/form-data; charset=\"\xe4\"; boundary*=utf-8''b", b"preamble\r\n--b\r\n", length="0")
    )
    found.append(upload_case(multipart_type(), multipart(*[part("file", b"1")] * 25), sizes=b"\0"))
    return found


def _upload_seeds() -> list[bytes]:
    return [
        *_form_seeds(),
        upload_case("image/png", b"picture", length="7"),
        upload_case("application/octet-stream", b"p" * 2000, length="99999999"),
        upload_case("application/json; charset=utf-8", b"{}", length="9" * 30),
        upload_case("multipart/mixed; boundary=b", b"--b--", length="-1"),
        upload_case("", b"picture", length="\u00b2"),
    ]


_UPLOAD_WORDS: Final = (
    b"multipart/form-data; boundary=",
    b"; boundary=b",
    b"\r\n--b\r\n",
    b"\r\n--b--\r\n",
    b"\r\n--the-boundary\r\n",
    b'Content-Disposition: form-data; name="file"\r\n\r\n',
    b"; filename=",
    b"; filename*=utf-8''%00",
    b"name*0=fi; name*1=le",
    b"Content-Transfer-Encoding: base64\r\n",
    b"\r\n\r\n",
    b"\r\n",
    b"\n",
    b'"',
    b"\\",
)

_ROWS: Final = json.dumps([[0] * 12 + [255, 0.5, 1e2] + [0] * 13] * 28)
_PICTURE: Final = base64.b64encode(pictures.encode(pictures.seven(8, 8), "PNG"))

_JSON_WORDS: Final = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0.0", b"null", b"true", b"[[[[[[", b"{", b'""', b"\\ud800"),
    *(b"9" * 400, b"255.0000001", b"-1e-320", b"[]", b"2147483648", b"\0", b"\xff", b"\xc0\x80", b",", b'"\\u0000"'),
    *(b'"pixels":', b'"image":', b'"b64":', b'"instances":', b'"inputs":', b'"signature_name":', b'"shape":[1,28,28]'),
    *(b'"datatype":"FP32"', b'"datatype":"BYTES"', b'"data":', b'"binary_data_size":', b'"parameters":', b'"outputs":'),
    *(b'"name":"image"', b'"name":"digit"', b'"id":', b'"binary_data":true', b'"classification":1'),
)


def _read_json(body: bytes) -> str:
    try:
        asked = checked(PictureInJson, parse_json(body, 1))
        if "image" in asked.model_fields_set:
            picture_bytes(asked.image, "image")
        else:
            picture_pixels(asked.pixels, "pixels")
    except UploadError as error:
        return type(error).__name__
    return READ


def _read_serving(body: bytes) -> str:
    try:
        assert 0 < len(tensorflow_serving._parse(SERVICE, body).items) <= SERVICE.max_batch
    except UploadError as error:
        return type(error).__name__
    return READ


def _read_inference(case: bytes) -> str:
    """The first line is the length of the JSON, or empty where there is no such header."""
    length, _, body = case.partition(b"\n")
    try:
        items = open_inference._parse(SERVICE, length.decode("latin-1") or None, body).items
    except UploadError as error:
        return type(error).__name__
    assert 0 < len(items) <= SERVICE.max_batch
    return READ


def _changed_inference(case: bytes, random: Random) -> bytes:
    length, _, body = case.partition(b"\n")
    if not length:
        return b"\n" + with_changed_values(body, random)
    end = body.find(b"}]}") + 3
    return _inference(with_changed_values(body[:end], random), body[end:])


def _inference(text: bytes, behind: bytes | None = None) -> bytes:
    return (b"" if behind is None else str(len(text)).encode()) + b"\n" + text + (behind or b"")


def _repaired_inference(case: bytes, random: Random) -> bytes:
    """The same with right lengths, of the JSON and of what is behind it."""
    length, _, body = case.partition(b"\n")
    end = body.find(b"}]}") + 3
    if not length or end < 3 or random.random() < 0.2:
        return case
    size = str(len(body) - end).encode()
    text = re.sub(rb'("binary_data_size" ?: ?)[0-9]+', lambda found: found[1] + size, body[:end])
    return _inference(text, body[end:])


_INFERENCE_SEEDS: Final = [
    _inference(
        b'{"id": "", "inputs": [{"name": "image", "shape": [1, 28, 28], "datatype": "FP32", "data": %s}]}'
        % _ROWS.encode()
    ),
    _inference(b'{"inputs": [{"name": "image", "shape": [2], "datatype": "BYTES", "data": ["AAAA", ""]}]}'),
    _inference(
        b'{"outputs": [{"name": "digit", "parameters": {"binary_data": true}}], "inputs": [{"name": "image", '
        b'"shape": [1, 28, 28, 1], "datatype": "UINT8", "parameters": {"binary_data_size": 784}}]}',
        bytes(784),
    ),
    _inference(
        b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 8}}]}',
        b"\4\0\0\0abcd",
    ),
    _inference(
        b'{"inputs": [{"name": "image", "shape": [2, 28, 28], "datatype": "FP32", "parameters": '
        b'{"binary_data_size": 6272}}]}',
        bytes(6272),
    ),
]


def _changed_upload(case: bytes, random: Random) -> bytes:
    return with_changed_lines(case, random, _UPLOAD_WORDS, random.choice((b"\r\n", b"\n")))


def _uploads(read: Callable[[Request], Any]) -> Callable[[], AbstractContextManager[Read]]:
    return simply(partial(_read_upload, read=read))


TARGETS: Final[dict[str, Target]] = {
    "upload": Target(_upload_seeds, _uploads(partial(read_picture, max_bytes=1000)), _UPLOAD_WORDS, _changed_upload),
    "batch": Target(
        _form_seeds,
        _uploads(partial(read_pictures, max_bytes=100, max_pictures=4, max_total=1000)),
        _UPLOAD_WORDS,
        _changed_upload,
    ),
    "body": Target(_upload_seeds, _uploads(partial(read_body, max_bytes=1000)), _UPLOAD_WORDS, _changed_upload),
    "json": Target(
        lambda: [b"{}", b'{"image": "%s"}' % _PICTURE, f'{{"pixels": {_ROWS}}}'.encode()],
        simply(_read_json),
        _JSON_WORDS,
        with_changed_values,
    ),
    "serving": Target(
        lambda: [
            f'{{"instances": [{_ROWS}, {{"b64": "AAAA"}}, {{"image": {{"b64": ""}}}}]}}'.encode(),
            f'{{"signature_name": "serving_default", "inputs": {{"image": [{_ROWS}]}}}}'.encode(),
            b'{"inputs": [{"b64": "%s"}]}' % _PICTURE,
        ],
        simply(_read_serving),
        _JSON_WORDS,
        with_changed_values,
    ),
    "inference": Target(
        lambda: _INFERENCE_SEEDS, simply(_read_inference), _JSON_WORDS, _changed_inference, _repaired_inference
    ),
}
"""By name."""
