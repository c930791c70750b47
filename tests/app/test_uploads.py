"""The body of a request -> the bytes of one picture, and no byte more than the limit."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from app.errors import (
    MalformedUploadError,
    MissingPictureError,
    TooManyBytesError,
    UnsupportedUploadError,
    UploadError,
)
from app.uploads import FIELD, MAX_PARTS, MULTIPART_OVERHEAD, JsonBody, read_picture
from tests.app.service import body_messages, multipart, multipart_type, part, request_scope

LIMIT = 4096
PICTURE = bytes(range(256)) * 4


def uploaded(
    *chunks: bytes, content_type: str | None, limit: int = LIMIT, announced: str | None = None
) -> tuple[bytes, list[Message]]:
    """What is read from a request, and the messages nobody asked for."""
    headers = {} if content_type is None else {"content-type": content_type}
    if announced is not None:
        headers["content-length"] = announced
    messages = body_messages(*chunks)

    async def receive() -> Message:
        return messages.pop(0)

    async def read() -> bytes | JsonBody:
        return await read_picture(Request(request_scope("/predict", headers), receive), limit)

    picture = anyio.run(read)
    assert isinstance(picture, bytes)
    return picture, messages


def picture_in(*chunks: bytes, content_type: str | None, limit: int = LIMIT) -> bytes:
    return uploaded(*chunks, content_type=content_type, limit=limit)[0]


class TestMultipart:
    def test_only_field(self) -> None:
        """The content of the field `file` is the picture, byte for byte."""
        body = multipart(part(FIELD, PICTURE, filename="seven.png"))
        assert picture_in(body, content_type=multipart_type()) == PICTURE

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_among_other_fields(self, place: int) -> None:
        """The field is found before, between and after others, whose content is dropped."""
        parts = [part("note", b"ein Sieben"), part("other", bytes(500), filename="other.bin")]
        parts.insert(place, part(FIELD, PICTURE, filename="x"))
        assert picture_in(multipart(*parts), content_type=multipart_type()) == PICTURE

    def test_first_of_two(self) -> None:
        """Of two fields `file`, the first is read."""
        body = multipart(part(FIELD, PICTURE), part(FIELD, b"second"))
        assert picture_in(body, content_type=multipart_type()) == PICTURE

    def test_without_file_name(self) -> None:
        """The field counts whether or not it names a file."""
        assert picture_in(multipart(part(FIELD, PICTURE)), content_type=multipart_type()) == PICTURE

    @pytest.mark.parametrize(
        "content_type",
        [
            'multipart/form-data; boundary="a b:c"',
            'Multipart/Form-Data;charset=utf-8;  BOUNDARY="a b:c"',
        ],
    )
    def test_quoted_boundary(self, content_type: str) -> None:
        """A boundary may be quoted, and names in the content type are not case-sensitive."""
        body = multipart(part(FIELD, PICTURE), boundary="a b:c")
        assert picture_in(body, content_type=content_type) == PICTURE

    def test_headers_in_any_case_and_order(self) -> None:
        """The disposition is found among the part's headers, however they are written."""
        headers = (
            b'X-Before: name="file"\r\ncontent-DISPOSITION: form-data; filename="a;b"; name="file"\r\nX: y\r\n\r\n'
        )
        assert picture_in(multipart(headers + PICTURE + b"\r\n"), content_type=multipart_type()) == PICTURE

    def test_epilogue_is_ignored(self) -> None:
        """What stands behind the closing boundary is not part of the picture."""
        body = multipart(part(FIELD, PICTURE)) + b"epilogue"
        assert picture_in(body, content_type=multipart_type()) == PICTURE

    def test_content_that_looks_like_a_boundary(self) -> None:
        """Line ends and dashes inside the picture do not end it."""
        tricky = b"\r\n--the-boundar\r\n--\r\n\r\n----the-boundary" + PICTURE
        assert picture_in(multipart(part(FIELD, tricky)), content_type=multipart_type()) == tricky

    @given(content=st.binary(min_size=1, max_size=300), cuts=st.lists(st.integers(1, 40), max_size=30))
    def test_however_it_is_cut_into_chunks(self, content: bytes, cuts: list[int]) -> None:
        """Where the network cuts the body makes no difference."""
        body = multipart(part("before", b"x"), part(FIELD, content), part("after", b"y"))
        chunks = []
        for cut in cuts:
            chunks.append(body[:cut])
            body = body[cut:]
        assert picture_in(*chunks, body, content_type=multipart_type()) == content

    @pytest.mark.parametrize("content_type", ["multipart/form-data", 'multipart/form-data; boundary=""'])
    def test_missing_boundary(self, content_type: str) -> None:
        """Without a boundary the body means nothing."""
        with pytest.raises(MalformedUploadError, match="boundary"):
            picture_in(multipart(part(FIELD, PICTURE)), content_type=content_type)

    def test_wrong_boundary(self) -> None:
        """A body that does not begin with its boundary is not well formed."""
        with pytest.raises(MalformedUploadError, match="not well formed"):
            picture_in(multipart(part(FIELD, PICTURE)), content_type=multipart_type("another"))

    def test_endless_boundary(self) -> None:
        """A boundary longer than any client's is refused."""
        boundary = "b" * 400
        with pytest.raises(MalformedUploadError, match="not well formed"):
            picture_in(multipart(part(FIELD, PICTURE), boundary=boundary), content_type=multipart_type(boundary))

    @pytest.mark.parametrize("missing", [3, 4, 10, 17, 18, 200, 1030, 1080])
    def test_truncated(self, missing: int) -> None:
        """A body that ends before its closing boundary is refused, wherever it ends."""
        body = multipart(part(FIELD, PICTURE))
        assert len(body) > 1080
        with pytest.raises(MalformedUploadError):
            picture_in(body[:-missing], content_type=multipart_type())

    def test_empty_body(self) -> None:
        """A multipart body without a single boundary is not well formed."""
        with pytest.raises(MalformedUploadError):
            picture_in(content_type=multipart_type())

    def test_number_of_parts(self) -> None:
        """As many parts as allowed are read, one more is refused."""
        others = [part(f"field{number}", b"x") for number in range(MAX_PARTS - 1)]
        body = multipart(*others, part(FIELD, PICTURE))
        assert picture_in(body, content_type=multipart_type()) == PICTURE
        with pytest.raises(MalformedUploadError, match=f"more than {MAX_PARTS} parts"):
            picture_in(multipart(part("one", b""), *others, part(FIELD, PICTURE)), content_type=multipart_type())

    @pytest.mark.parametrize(
        "body",
        [
            multipart(part("picture", PICTURE)),
            multipart(part("File", PICTURE)),
            multipart(b"\r\n" + PICTURE + b"\r\n"),
            multipart(b'Content-Disposition: form-data; filename="file"\r\n\r\n' + PICTURE + b"\r\n"),
            multipart(part(FIELD, b"", filename="empty.png")),
        ],
        ids=["other name", "other case", "no headers", "no name", "empty"],
    )
    def test_no_picture(self, body: bytes) -> None:
        """A body without the field `file`, or with nothing in it, holds no picture."""
        with pytest.raises(MissingPictureError, match=f"`{FIELD}`"):
            picture_in(body, content_type=multipart_type())

    def test_size_limit_is_the_pictures(self) -> None:
        """A picture of exactly the limit is accepted whatever the multipart adds; one byte more is not."""
        note = part("note", bytes(2000))
        assert len(picture_in(multipart(note, part(FIELD, bytes(LIMIT))), content_type=multipart_type())) == LIMIT
        with pytest.raises(TooManyBytesError, match="4,096 bytes"):
            picture_in(multipart(note, part(FIELD, bytes(LIMIT + 1))), content_type=multipart_type())

    def test_other_fields_are_limited_too(self) -> None:
        """What stands beside the picture may not grow without end."""
        body = multipart(part("note", bytes(MULTIPART_OVERHEAD + LIMIT)), part(FIELD, PICTURE))
        with pytest.raises(TooManyBytesError):
            picture_in(body, content_type=multipart_type())

    @given(st.binary(max_size=300))
    def test_any_body(self, body: bytes) -> None:
        """Any bytes called multipart give a picture or an UploadError, never another exception."""
        try:
            picture = picture_in(b"--the-boundary\r\n" + body, content_type=multipart_type())
        except UploadError:
            return
        assert picture


class TestBodyItself:
    @pytest.mark.parametrize(
        "content_type", ["image/png", "image/jpeg", "IMAGE/HEIC", "image/x-unknown; q=1", "application/octet-stream"]
    )
    def test_whole_body(self, content_type: str) -> None:
        """The body of a picture's content type is the picture."""
        assert picture_in(PICTURE[:100], PICTURE[100:], content_type=content_type) == PICTURE

    @pytest.mark.parametrize("content_type", [None, "", "text/plain", "text/json", "multipart/mixed", "image"])
    def test_other_content_types(self, content_type: str | None) -> None:
        """What is neither a form nor a picture is refused, and nothing of it is read."""
        with pytest.raises(UnsupportedUploadError, match="multipart/form-data"):
            picture_in(PICTURE, content_type=content_type)

    def test_empty(self) -> None:
        """An empty body holds no picture."""
        with pytest.raises(MissingPictureError):
            picture_in(content_type="image/png")

    def test_size_limit(self) -> None:
        """Exactly the limit is accepted, one byte more is not."""
        assert len(picture_in(bytes(LIMIT), content_type="image/png")) == LIMIT
        with pytest.raises(TooManyBytesError, match="4,096 bytes"):
            picture_in(bytes(LIMIT + 1), content_type="image/png")


class TestNothingBeyondTheLimitIsRead:
    @pytest.mark.parametrize(("content_type", "allowance"), [("image/png", 0), (multipart_type(), MULTIPART_OVERHEAD)])
    def test_reading_stops_at_the_limit(self, content_type: str, allowance: int) -> None:
        """Of an endless body without length, no more than one chunk beyond the limit is asked for."""
        size = 1024
        start = b'--the-boundary\r\nContent-Disposition: form-data; name="file"\r\n\r\n' if allowance else b""
        messages = body_messages(start, *[bytes(size)] * 1000)

        async def receive() -> Message:
            return messages.pop(0)

        async def read() -> bytes | JsonBody:
            scope = request_scope("/predict", {"content-type": content_type})
            return await read_picture(Request(scope, receive), LIMIT)

        total = len(messages)
        with pytest.raises(TooManyBytesError):
            anyio.run(read)
        assert (total - len(messages)) * size <= LIMIT + allowance + 2 * size

    @pytest.mark.parametrize(
        ("content_type", "announced"), [("image/png", LIMIT + 1), (multipart_type(), LIMIT + MULTIPART_OVERHEAD + 1)]
    )
    def test_announced_size_is_believed(self, content_type: str, announced: int) -> None:
        """A body announced as too large is refused before any of it is read."""
        asked = False

        async def receive() -> Message:
            nonlocal asked
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def read() -> bytes | JsonBody:
            headers = {"content-type": content_type, "content-length": str(announced)}
            return await read_picture(Request(request_scope("/predict", headers), receive), LIMIT)

        with pytest.raises(TooManyBytesError):
            anyio.run(read)
        assert not asked

    def test_announced_size_is_not_trusted(self) -> None:
        """A body larger than announced is cut off like any other."""
        with pytest.raises(TooManyBytesError):
            uploaded(bytes(LIMIT), b"x", content_type="image/png", announced="10")

    @pytest.mark.parametrize("announced", ["", "ten", "-1", "1.5"])
    def test_nonsense_as_size_is_ignored(self, announced: str) -> None:
        """What is no number announces nothing; the bytes are counted all the same."""
        assert uploaded(PICTURE, content_type="image/png", announced=announced)[0] == PICTURE


class TestContentCodings:
    @pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate, identity", ""])
    @pytest.mark.parametrize("content_type", ["image/png", "application/json", multipart_type()])
    def test_compressed(self, content_type: str, coding: str) -> None:
        """A compressed body is refused before it is read, with what to do instead."""

        async def read() -> bytes | JsonBody:
            headers = {"content-type": content_type, "content-encoding": coding}
            return await read_picture(Request(request_scope("/predict", headers)), LIMIT)

        with pytest.raises(UnsupportedUploadError, match=r"compressed .* Send it as it is"):
            anyio.run(read)

    def test_identity(self) -> None:
        """One that says that it is not compressed is read."""
        messages = body_messages(PICTURE)

        async def receive() -> Message:
            return messages.pop(0)

        async def read() -> bytes | JsonBody:
            headers = {"content-type": "image/png", "content-encoding": "Identity"}
            return await read_picture(Request(request_scope("/predict", headers), receive), LIMIT)

        assert anyio.run(read) == PICTURE
