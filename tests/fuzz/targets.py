"""What is fuzzed: each target makes one case out of chance, and fails by raising what is not documented."""

import asyncio
import base64
import json
import re
import warnings
from collections.abc import Callable
from functools import cache, partial
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

import uvicorn
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from app.contract import MAX_PIXELS
from app.decoding import FORMATS, decode, open_upload
from app.errors import PictureError, UploadError
from app.normalization import normalize
from app.protocol import MAX_HEAD, HttpProtocol
from app.requests import InferRequest, PictureInJson, ServingRequest
from app.routes import open_inference, tensorflow_serving
from app.routes.state import Service
from app.uploads import JsonBody, read_body, read_picture, read_pictures
from app.values import checked, parse_json, picture_bytes, picture_pixels
from tests import hostile, pictures
from tests.app.service import body_messages, multipart, multipart_type, part, request_scope

MOST: Final = 20_000
"""Bytes of a case, and of what may be read."""

NUMBERS: Final = (0, 1, 2, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Where counts and sizes go wrong."""

SERVICE: Final = cast(
    Service, SimpleNamespace(max_bytes=MOST, max_pixels=MAX_PIXELS, max_batch=4, max_batch_bytes=MOST)
)


def mutated(random: Random, seeds: list[bytes]) -> bytes:  # noqa: C901  # a list of ways
    """A seed with some bytes changed, taken out, put in, doubled, or taken from another seed."""
    body = bytearray(random.choice(seeds))
    for _ in range(random.choice((0, 1, 1, 2, 3, 5, 10))):
        place = random.randrange(len(body) + 1)
        match random.randrange(8):
            case 0:
                body[place : place + 1] = random.randbytes(1)
            case 1:
                if place < len(body):
                    body[place] ^= 1 << random.randrange(8)
            case 2:
                del body[place : place + random.choice((1, 2, 4, 16, 64))]
            case 3:
                body[place:place] = random.randbytes(random.choice((1, 2, 4, 16)))
            case 4:
                number = random.choice(NUMBERS) + random.choice((-1, 0, 1))
                size = random.choice((1, 2, 4))
                order = random.choice(("big", "little"))
                body[place : place + size] = (number % (1 << 8 * size)).to_bytes(size, cast(Any, order))
            case 5:
                end = place + random.randrange(64)
                body[end:end] = body[place:end] * random.choice((1, 2, 50))
            case 6:
                other = random.choice(seeds)
                start = random.randrange(len(other) + 1)
                body[place : place + random.randrange(64)] = other[start : start + random.randrange(64)]
            case _:
                if random.random() < 0.2:
                    del body[place:]
    return bytes(body[:MOST])


@cache
def files(image_format: str) -> list[bytes]:
    """Small pictures of a format in its variants."""
    grey, colour = pictures.seven(24, 16), pictures.seven(24, 16).convert("RGB")
    found = [pictures.encode(grey, image_format), pictures.encode(colour, image_format)]
    if image_format not in {"BMP", "GIF"}:
        found.append(pictures.oriented(colour, 6, image_format))
    if image_format in {"GIF", "WEBP", "PNG", "TIFF", "AVIF"}:
        found.append(
            pictures.encode(grey, image_format, save_all=True, append_images=[pictures.seven(24, 16, ink=200)])
        )
    if image_format not in {"JPEG", "BMP"}:
        found.append(pictures.encode(colour.convert("RGBA"), image_format))
    match image_format:
        case "PNG":
            found += [pictures.encode(grey.convert(mode), "PNG") for mode in ("1", "LA", "P", "I;16")]
            found += [hostile.png_with_many(kind, b"k\0\0", 1000) for kind in (b"zTXt", b"iCCP", b"tRNS", b"abCd")]
        case "JPEG":
            found += [pictures.encode(colour, "JPEG", progressive=True), hostile.jpeg_of_scans(24, 20)]
            found += [pictures.encode(colour.convert("CMYK"), "JPEG", restart_marker_blocks=1)]
        case "TIFF":
            kinds = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4")
            found += [
                pictures.encode(grey.convert("1") if kind == "group4" else colour, "TIFF", compression=kind)
                for kind in kinds
            ]
            found += [pictures.encode(grey.convert(mode), "TIFF") for mode in ("P", "CMYK", "I;16", "I", "F", "LA")]
            found += [hostile.plain_tiff(24, 16, strips=4), hostile.float_tiff(24, 16)]
            found += [pictures.encode(grey, "TIFF", big_tiff=True)]
        case "BMP":
            found += [
                hostile.bmp(24, 16, b"\x18\1\0\0" * 16),
                hostile.bmp(24, 16, b"\x18\1\0\0" * 16, bits=4, compression=2),
            ]
    return found


def read_picture_file(random: Random, image_format: str) -> None:
    """A picture, decoded and prepared as the service does it."""
    body = mutated(random, files(image_format))
    with warnings.catch_warnings():
        # Pillow tells of broken metadata; app.main ignores that.
        warnings.simplefilter("ignore")
        try:
            # A large picture is as good a case, and takes longer.
            picture = decode(open_upload(body, 100_000))
            normalize(picture.pixels)
        except PictureError:
            return


def read_upload(random: Random) -> None:
    """A body as multipart, in pieces, under headers that may be wrong."""
    boundary = random.choice(["b", "the-boundary", "x" * 70, 'a"b', "a b"])
    names = ["file", "file", "other", "../../etc/passwd", "f\0le", "file\r\nX: y", "ä", "a" * 300]
    parts = [
        part(random.choice(names), random.randbytes(random.randrange(50)), random.choice([None, *names]))
        for _ in range(random.choice((0, 1, 2, 3, 16, 17, 25)))
    ]
    body = mutated(random, [multipart(*parts, boundary=boundary), multipart(*parts), b"", b"--b\r\n", b"--b--"])
    kinds = [multipart_type(boundary), multipart_type(), f'multipart/form-data; boundary="{boundary}"', "image/png"]
    kinds += [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=b",
    ]
    headers = {"content-type": mutated(random, [kind.encode() for kind in kinds]).decode("latin-1")}
    if random.random() < 0.3:
        headers["content-length"] = random.choice(
            ["0", "-1", "ten", "9" * 30, str(len(body)), "²", "1e3", " 5", "99999999"]
        )
    chunks, place = [], 0
    while place < len(body):
        size = random.choice((1, 3, 7, 64, 1000, MOST))
        chunks.append(body[place : place + size])
        place += size
    messages = body_messages(*chunks)
    if random.random() < 0.1:
        messages[-1] = {"type": "http.disconnect"}
    reads: list[Callable[[Request], Any]] = [
        partial(read_picture, max_bytes=1000),
        partial(read_pictures, max_bytes=100, max_pictures=4, max_total=1000),
        partial(read_body, max_bytes=1000),
    ]
    read = random.choice(reads)
    try:
        found = _played(read, headers, messages)
    except UploadError:
        return
    assert isinstance(found, bytes | list | JsonBody)


async def _read(read: Callable[[Request], Any], headers: dict[str, str], messages: list[Message]) -> Any:
    async def receive() -> Message:
        return messages.pop(0)

    return await read(Request(request_scope("/predict", headers), receive))


def _played(read: Callable[[Request], Any], headers: dict[str, str], messages: list[Message]) -> Any:
    """Run a coroutine that never waits, without an event loop: a hundred times faster."""
    coroutine = _read(read, headers, messages)
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    finally:
        coroutine.close()
    raise AssertionError("it waited")


ROWS: Final = json.dumps([[0] * 12 + [255, 0.5, 1e2] + [0] * 13] * 28)

JSON: Final = [
    b"{}",
    b'{"image": "%s"}' % base64.b64encode(pictures.encode(pictures.seven(8, 8), "PNG")),
    f'{{"pixels": {ROWS}}}'.encode(),
    f'{{"instances": [{ROWS}, {{"b64": "AAAA"}}, {{"image": {{"b64": ""}}}}]}}'.encode(),
    f'{{"signature_name": "serving_default", "inputs": {{"image": [{ROWS}]}}}}'.encode(),
    f'{{"id": "", "inputs": [{{"name": "image", "shape": [1, 28, 28], "datatype": "FP32", "data": {ROWS}}}]}}'.encode(),
    b'{"inputs": [{"name": "image", "shape": [2], "datatype": "BYTES", "data": ["AAAA", ""]}]}',
    b'{"inputs": [{"name": "image", "shape": [1, 28, 28, 1], "datatype": "UINT8", "parameters": '
    b'{"binary_data_size": 784}}]}' + bytes(784),
    b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 8}}]}'
    b"\4\0\0\0abcd",
]

WORDS: Final = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"-0.0",
    b"null",
    b"true",
    b"[[[[[[",
    b"{",
    b'""',
    b"\\ud800",
]
WORDS_OF_NUMBERS: Final = [
    b"9" * 400,
    b"255.0000001",
    b"-1e-320",
    b"[]",
    b"2147483648",
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b",",
]


def read_json(random: Random) -> None:
    """A body in JSON, for each of the routes that take it."""
    body = mutated(random, JSON)
    for _ in range(random.choice((0, 1, 2))):
        place = random.randrange(len(body) + 1)
        body = body[:place] + random.choice(WORDS + WORDS_OF_NUMBERS) + body[place + random.choice((0, 1, 3)) :]
    length = random.choice([None, None, str(body.find(b"}]}") + 3), "0", "-1", "\u00b2", "9" * 9, str(len(body) + 1)])
    try:
        match random.randrange(4):
            case 0:
                asked = checked(PictureInJson, parse_json(body, 1))
                picture_bytes(asked.image, "image")
                picture_pixels(asked.pixels, "pixels")
            case 1:
                assert len(open_inference._parse(SERVICE, length, body).items) <= SERVICE.max_batch
            case 2:
                assert len(tensorflow_serving._parse(SERVICE, body).items) <= SERVICE.max_batch
            case _:
                checked(random.choice((InferRequest, ServingRequest)), parse_json(body, 4))
    except UploadError:
        return


HTTP: Final = [
    b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nseven",
    b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nseven\r\n0\r\nTrailer: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nsevenGET / HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/b?c=%00#d HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
]

HTTP_WORDS: Final = [
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Content-Length : 5\r\n",
    b"Content-Length: +5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"Connection: close\r\n",
    b"Upgrade: websocket\r\n",
    b"X: " + b"a" * 3000 + b"\r\n",
    b" folded\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"ffffffffffffffffff\r\n",
    b"-1\r\n",
    b"0x5\r\n",
]


class Wire(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is sent by itself."""

    def resume_reading(self) -> None:
        """Nothing is sent by itself."""


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@cache
def _server() -> tuple[asyncio.AbstractEventLoop, uvicorn.Config]:
    config = uvicorn.Config(_echo, http=HttpProtocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    return asyncio.new_event_loop(), config


def read_http(random: Random) -> None:
    """Bytes on a connection, in pieces."""
    loop, config = _server()
    loop.run_until_complete(_connection(random, config))


async def _connection(random: Random, config: uvicorn.Config) -> None:
    data = b"".join(mutated(random, HTTP) for _ in range(random.choice((1, 1, 2, 3))))
    for _ in range(random.choice((0, 1, 1, 2))):
        ends = [place for place in range(len(data)) if data.startswith(b"\r\n", place)] or [0]
        place = random.choice(ends) + 2
        data = data[:place] + random.choice(HTTP_WORDS) + data[place:]
    wire = Wire()
    connection = HttpProtocol(config, ServerState(), {})
    connection.connection_made(wire)
    place = 0
    while place < len(data) and not wire.closed:
        size = random.choice((1, 2, 10, 100, MOST))
        connection.data_received(data[place : place + size])
        place += size
        assert connection._head <= MAX_HEAD + MOST
        for _ in range(random.choice((0, 3))):
            await asyncio.sleep(0)
    for _ in range(6):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    for _ in range(3):
        await asyncio.sleep(0)
    statuses = re.findall(rb"HTTP/1.1 (\d+)", wire.written)
    assert set(statuses) <= {b"100", b"200", b"400"}
    assert statuses or not wire.written


TARGETS: Final[dict[str, Callable[[Random], None]]] = {
    **{image_format.lower(): partial(read_picture_file, image_format=image_format) for image_format in FORMATS},
    "multipart": read_upload,
    "json": read_json,
    "http": read_http,
}
"""By name."""


def run(target: str, case: int) -> None:
    """Run one case; the same name and number are the same case everywhere.

    Raises:
        Exception: something that is not documented.
    """
    TARGETS[target](Random(f"{target} {case}"))  # noqa: S311  # the same cases everywhere
