"""The body of a request -> the bytes of its pictures, counted while they arrive."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from app.errors import (
    MalformedUploadError,
    MissingPictureError,
    TooManyBytesError,
    TooManyPicturesError,
    UnsupportedUploadError,
    UploadError,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD: Final = "file"
"""Name of the multipart field that holds the picture."""

MAX_PARTS: Final = 16
"""Most parts of a multipart body, beside the pictures of a batch."""

MULTIPART_OVERHEAD: Final = 64 * 1024
"""Bytes that boundaries, part headers and other fields may take beside the picture."""

BINARY_TYPE: Final = "application/octet-stream"
"""What clients say who do not know what they send; the content decides."""

JSON_TYPE: Final = "application/json"

_PLAIN: Final = "identity"
"""The only content coding that is taken: pictures are compressed already, and what unpacks may be a bomb."""

_LONGEST_LENGTH: Final = 18
"""Digits of a Content-Length that is worth reading as a number."""


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A body that says it is JSON."""

    text: bytes


async def read_picture(request: Request, max_bytes: int) -> bytes | JsonBody:
    """The picture a request carries: as the multipart field `file`, as the whole body, or somewhere in JSON.

    Reads no further than the limit; nothing is spooled to disk.

    Args:
        request: with its body not read yet.
        max_bytes: size of the largest picture accepted.

    Raises:
        TooManyBytesError: the picture is larger, whether the request announces it or not.
        UnsupportedUploadError: the content type is neither multipart/form-data nor JSON nor a picture's, or the body is
            compressed.
        MalformedUploadError: the multipart body is not well formed, or the client left.
        MissingPictureError: there is no field `file`, or it is empty.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        fields = _FileFields(max_bytes)
        await _parse(_counted(request, max_bytes, MULTIPART_OVERHEAD), options.get(b"boundary"), fields)
        picture = fields.contents[0].joined() if fields.contents else b""
    elif kind.startswith(b"image/") or kind == BINARY_TYPE.encode():
        picture = b"".join([chunk async for chunk in _counted(request, max_bytes)])
    elif kind == JSON_TYPE.encode():
        # base64 takes four bytes for three.
        overhead = max_bytes // 3 + MULTIPART_OVERHEAD
        return JsonBody(b"".join([chunk async for chunk in _counted(request, max_bytes, overhead)]))
    else:
        raise UnsupportedUploadError(
            f"Send the picture as the multipart/form-data field `{FIELD}`, as the body itself with its content "
            "type, image/png for example, or in JSON."
        )
    if not picture:
        raise MissingPictureError(
            f"The request holds no picture. Send one as the multipart field `{FIELD}` or as the body."
        )
    return picture


async def read_pictures(
    request: Request, max_bytes: int, max_pictures: int, max_total: int
) -> list[bytes | UploadError]:
    """The pictures a request carries as multipart fields `file`, in order, each one or what is wrong with it.

    Args:
        request: with its body not read yet.
        max_bytes: size of the largest picture accepted; larger ones are dropped while they arrive.
        max_pictures: the most pictures accepted.
        max_total: size of all of them together.

    Raises:
        TooManyBytesError: they are larger together, whether the request announces it or not.
        TooManyPicturesError: there are more of them.
        UnsupportedUploadError: the content type is not multipart/form-data, or the body is compressed.
        MalformedUploadError: the multipart body is not well formed, or the client left.
        MissingPictureError: there is no field `file`.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise UnsupportedUploadError(
            f"Send the pictures as multipart/form-data, each as a field `{FIELD}`: curl -F {FIELD}=@1.png -F "
            f"{FIELD}=@2.png does it."
        )
    fields = _FileFields(max_bytes, max_pictures)
    await _parse(_counted(request, max_total, MULTIPART_OVERHEAD, "request"), options.get(b"boundary"), fields)
    if not fields.contents:
        raise MissingPictureError(f"The request holds no picture. Send each as a multipart field `{FIELD}`.")
    return [_picture_or_error(content) for content in fields.contents]


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body, whatever it is called.

    Raises:
        TooManyBytesError: it is larger, whether the request announces it or not.
        UnsupportedUploadError: it is compressed.
        MalformedUploadError: the client left.
    """
    return b"".join([chunk async for chunk in _counted(request, max_bytes, what="request")])


def too_many_bytes(limit: int, what: str = "picture") -> TooManyBytesError:
    """What is said of a picture, or another thing, that is too large."""
    return TooManyBytesError(f"The {what} has more than {limit:,} bytes. Send a smaller one.")


def too_many_pictures(limit: int) -> TooManyPicturesError:
    """What is said of a request with too many pictures."""
    return TooManyPicturesError(f"The request has more than {limit} pictures. Send them in several requests.")


async def _counted(request: Request, max_bytes: int, overhead: int = 0, what: str = "picture") -> AsyncIterator[bytes]:
    limit = max_bytes + overhead
    if request.headers.get("content-encoding", _PLAIN).lower() != _PLAIN:
        raise UnsupportedUploadError(
            "The body is compressed (Content-Encoding). Send it as it is, without that header."
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _LONGEST_LENGTH or int(announced) > limit):
        raise too_many_bytes(max_bytes, what)
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > limit:
                raise too_many_bytes(max_bytes, what)
            yield chunk
    except ClientDisconnect as error:
        raise MalformedUploadError("The client left before its picture had arrived.") from error


def _picture_or_error(content: "_Content") -> bytes | UploadError:
    try:
        return content.joined() or MissingPictureError(f"This field `{FIELD}` is empty. Send a picture in it.")
    except TooManyBytesError as error:
        return error


async def _parse(body: AsyncIterator[bytes], boundary: bytes | None, fields: "_FileFields") -> None:
    if not boundary:
        raise MalformedUploadError("The content type multipart/form-data lacks its boundary.")
    try:
        parser = MultipartParser(boundary, fields.callbacks())
        async for chunk in body:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise MalformedUploadError("The multipart body is not well formed. Let an HTTP library build it.") from error
    if not fields.complete:
        raise MalformedUploadError("The multipart body ends before its closing boundary.")


class _Content:
    """What arrived of one part, up to a limit."""

    __slots__ = ("_chunks", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._chunks: list[bytes] = []
        self._limit = limit
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Keep what arrived next; of a part that is too large, keep nothing."""
        self._size += len(chunk)
        if self._size <= self._limit:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    def joined(self) -> bytes:
        """The whole part.

        Raises:
            TooManyBytesError: it is larger than the limit.
        """
        if self._size > self._limit:
            raise too_many_bytes(self._limit)
        return b"".join(self._chunks)


class _FileFields:
    """Collects the contents of the parts named FIELD and drops all others."""

    def __init__(self, max_bytes: int, max_pictures: int | None = None) -> None:
        """Take pictures of at most `max_bytes`, and no more than `max_pictures`; None takes the first and no other."""
        self.contents: list[_Content] = []
        self.complete = False
        self._max_bytes = max_bytes
        self._max_pictures = max_pictures
        self._parts_left = MAX_PARTS + (max_pictures or 0)
        self._content: _Content | None = None
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""

    def callbacks(self) -> "MultipartCallbacks":
        """The methods the parser calls, by its names for them."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._add_content,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            most = MAX_PARTS + (self._max_pictures or 0)
            raise MalformedUploadError(f"The multipart body has more than {most} parts.")
        self._disposition = b""
        self._content = None

    def _add_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin_content(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        if options.get(b"name") != FIELD.encode():
            return
        if self._max_pictures is None and self.contents:
            return
        if self._max_pictures is not None and len(self.contents) >= self._max_pictures:
            raise too_many_pictures(self._max_pictures)
        self._content = _Content(self._max_bytes)
        self.contents.append(self._content)

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        if self._content is not None:
            self._content.add(data[start:end])

    def _end(self) -> None:
        self.complete = True
