"""The body of a request -> the bytes of one picture, counted while they arrive."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from app.errors import (
    MalformedUploadError,
    MissingPictureError,
    TooManyBytesError,
    UnsupportedUploadError,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD: Final = "file"
"""Name of the multipart field that holds the picture."""

MAX_PARTS: Final = 16
"""Most parts of a multipart body."""

MULTIPART_OVERHEAD: Final = 64 * 1024
"""Bytes that boundaries, part headers and other fields may take beside the picture."""

BINARY_TYPE: Final = "application/octet-stream"
"""What clients say who do not know what they send; the content decides."""


_LONGEST_LENGTH: Final = 18
"""Digits of a Content-Length that is worth reading as a number."""


async def read_picture(request: Request, max_bytes: int) -> bytes:
    """The picture a request carries: as the multipart field `file`, or as the whole body.

    Reads no further than the limit; nothing is spooled to disk.

    Args:
        request: with its body not read yet.
        max_bytes: size of the largest picture accepted.

    Raises:
        TooManyBytesError: the picture is larger, whether the request announces it or not.
        UnsupportedUploadError: the content type is neither multipart/form-data nor a picture's.
        MalformedUploadError: the multipart body is not well formed, or the client left.
        MissingPictureError: there is no field `file`, or it is empty.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        picture = await _from_multipart(_counted(request, max_bytes, MULTIPART_OVERHEAD), options.get(b"boundary"))
        if len(picture) > max_bytes:
            raise _too_many_bytes(max_bytes)
    elif kind.startswith(b"image/") or kind == BINARY_TYPE.encode():
        picture = b"".join([chunk async for chunk in _counted(request, max_bytes)])
    else:
        raise UnsupportedUploadError(
            f"Send the picture as the multipart/form-data field `{FIELD}`, or as the body itself with its content "
            "type, image/png for example."
        )
    if not picture:
        raise MissingPictureError(
            f"The request holds no picture. Send one as the multipart field `{FIELD}` or as the body."
        )
    return picture


def _too_many_bytes(limit: int) -> TooManyBytesError:
    return TooManyBytesError(f"The picture has more than {limit:,} bytes. Send a smaller one.")


async def _counted(request: Request, max_bytes: int, overhead: int = 0) -> AsyncIterator[bytes]:
    limit = max_bytes + overhead
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > _LONGEST_LENGTH or int(announced) > limit):
        raise _too_many_bytes(max_bytes)
    received = 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > limit:
                raise _too_many_bytes(max_bytes)
            yield chunk
    except ClientDisconnect as error:
        raise MalformedUploadError("The client left before its picture had arrived.") from error


async def _from_multipart(body: AsyncIterator[bytes], boundary: bytes | None) -> bytes:
    if not boundary:
        raise MalformedUploadError("The content type multipart/form-data lacks its boundary.")
    field = _FileField()
    try:
        parser = MultipartParser(boundary, field.callbacks())
        async for chunk in body:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise MalformedUploadError("The multipart body is not well formed. Let an HTTP library build it.") from error
    if not field.complete:
        raise MalformedUploadError("The multipart body ends before its closing boundary.")
    return b"".join(field.content)


class _FileField:
    """Collects the content of the first part named FIELD and drops all others."""

    def __init__(self) -> None:
        self.content: list[bytes] = []
        self.complete = False
        self._parts = 0
        self._found = False
        self._collecting = False
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
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MalformedUploadError(f"The multipart body has more than {MAX_PARTS} parts.")
        self._disposition = b""
        self._collecting = False

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
        self._collecting = not self._found and options.get(b"name") == FIELD.encode()
        self._found |= self._collecting

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        if self._collecting:
            self.content.append(data[start:end])

    def _end(self) -> None:
        self.complete = True
