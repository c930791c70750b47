"""What one request may take, whatever its route: each with the costliest bodies that are known, under a limit."""

import base64
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests import hostile
from tests.app.service import multipart, multipart_type, part
from tests.app.test_hostile import MOST_MEMORY
from tests.system.conftest import PATIENCE, Server, serve, workers_of

MOST_COPIES: Final = 4
"""Of a request's bytes, in whatever form, at any time; beside what one picture takes."""

ROOM: Final = 2**30
"""Bytes of address space for all that: threads reserve more than they use."""

MOST_OF_ALL: Final = 64 * 2**20
"""The usual limit of a request with several pictures."""

SMALL: Final = 4095
"""The longest side that /read does not shrink while it decodes."""


def deep(side: int = 4990) -> bytes:
    """A TIFF of 32 bits a pixel, in a few bytes: of what is decoded at all the costliest."""
    return hostile.float_tiff(side, side, 2)


def junk() -> bytes:
    """As many bytes as a picture may have, and none."""
    return bytes(hostile.MOST_BYTES - 1)


def form(*pictures: bytes) -> bytes:
    return multipart(*[part("file", picture, "file") for picture in pictures])


def text(*pictures: bytes) -> list[str]:
    return [base64.b64encode(picture).decode() for picture in pictures]


def tensor(datatype: str, shape: list[int], **more: object) -> dict[str, object]:
    return {"inputs": [{"name": "image", "shape": shape, "datatype": datatype, **more}]}


FORM: Final = multipart_type()
JSON: Final = "application/json"
INFER: Final = "/v2/models/default/infer"
PREDICT: Final = "/v1/models/default:predict"

REQUESTS: Final[dict[str, tuple[str, str, Callable[[], bytes]]]] = {
    "predict": ("/predict", "image/tiff", deep),
    "predict: bytes": ("/predict", FORM, lambda: form(junk())),
    "predict: one name": ("/predict", JSON, lambda: b'{"' + b"x" * hostile.MOST_BYTES + b'":0}'),
    "predict: json": ("/predict", JSON, lambda: json.dumps({"image": text(junk())[0]}).encode()),
    "explain": ("/predict?explain=true", "image/tiff", deep),
    "feedback": ("/feedback?label=7", "image/tiff", deep),
    "read": ("/read", "image/tiff", lambda: deep(SMALL)),
    "read: larger": ("/read", FORM, lambda: form(hostile.COSTLY["webp: large"]())),
    "batch": ("/predict/batch", FORM, lambda: form(junk(), deep(), junk(), deep(), junk(), deep())),
    "infer: files": (
        INFER,
        JSON,
        lambda: json.dumps(tensor("BYTES", [4], data=text(junk(), junk(), deep(), deep()))).encode(),
    ),
    "infer: numbers": (
        INFER,
        JSON,
        lambda: json.dumps(tensor("FP32", [64, 28, 28], data=[0.1234567890123] * 64 * 784)).encode(),
    ),
    "instances: files": (
        PREDICT,
        JSON,
        lambda: json.dumps({"instances": [{"b64": one} for one in text(junk(), deep(), junk())]}).encode(),
    ),
    "instances: one number": (PREDICT, JSON, lambda: b'{"instances":[[[0.' + b"9" * (MOST_OF_ALL - 100) + b"]]]}"),
    "instances: one name": (PREDICT, JSON, lambda: b'{"' + b"\\u00e9" * (MOST_OF_ALL // 6 - 10) + b'":0}'),
}
"""By name: path, content type and body."""


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    """A service in one process that may take no more address space than it has and ROOM; and its id."""
    database = tmp_path_factory.mktemp("database") / "corrections.db"
    with serve(DIGITS_WORKERS=1, DIGITS_POOL_THREADS=1, DIGITS_DATABASE=f"sqlite:///{database}") as server:
        [pid] = workers_of(server)
        if not Path(f"/proc/{pid}/clear_refs").exists():
            pytest.skip("this system does not tell the most memory that a process held")
        # What is made on first use is there: threads, interpreters, the database.
        assert ask(server, "feedback", hostile.png()).status_code == httpx.codes.CREATED
        assert ask(server, "read", hostile.png()).status_code in {httpx.codes.OK, httpx.codes.UNPROCESSABLE_ENTITY}
        resource.prlimit(pid, resource.RLIMIT_AS, (memory(pid, "VmSize") + ROOM, resource.RLIM_INFINITY))
        yield server, pid


def ask(server: Server, name: str, body: bytes) -> httpx.Response:
    """A request of REQUESTS, with this body."""
    path, kind, _ = REQUESTS[name]
    return httpx.post(f"{server.url}{path}", content=body, headers={"content-type": kind}, timeout=PATIENCE)


def memory(pid: int, field: str) -> int:
    """Bytes of a process's memory, by the kernel's name for them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


@pytest.mark.parametrize("name", REQUESTS)
def test_one_request(limited: tuple[Server, int], name: str) -> None:
    """It is answered as documented, and takes no more than one picture may and some copies of its own bytes."""
    server, pid = limited
    body = REQUESTS[name][2]()
    assert len(body) <= MOST_OF_ALL + 4096
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = memory(pid, "VmRSS")
    answer = ask(server, name, body)
    peak = memory(pid, "VmHWM") - before
    print(f"{name}: {len(body):,} bytes, {answer.status_code}, {peak:,} bytes more")  # noqa: T201  # a figure
    assert answer.status_code in {200, 400, 413, 415, 422}
    if name == "batch":
        assert {one["problem"]["code"] for one in answer.json()["results"]} == {"unsupported_format", "no_ink"}
    assert len(answer.content) < 50_000
    assert peak <= MOST_MEMORY + MOST_COPIES * len(body)


def test_all_routes() -> None:
    """Every route that takes a body is among them."""
    from app.application import create_app
    from app.settings import Settings

    paths = {path for path, operations in create_app(Settings()).openapi()["paths"].items() if "post" in operations}
    asked = {path.partition("?")[0].replace("default", "{name}") for path, _, _ in REQUESTS.values()}
    assert {path for path in paths if "{version}" not in path} == asked
