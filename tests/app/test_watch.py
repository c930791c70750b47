"""Every request is counted, has an id, and gets a line in the log if that is wanted."""

import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from app.application import create_app
from app.gate import CALLER, Caller, Gate
from app.settings import Settings
from app.watch import Watch
from tests import pictures
from tests.app.service import Client, body_messages, request_scope, serving
from tests.app.test_metrics import told

PICTURE = pictures.encode(pictures.seven(28, 28), "PNG")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def logging_client(tiny_artifact: Path) -> Iterator[Client]:
    """A client of a service that logs each request."""
    with serving(create_app(Settings(model=tiny_artifact, access_log=True))) as running:
        yield running


def counted(client: Client, route: str, status: int) -> float:
    """How many requests of a route ended with a status."""
    text = client.get("/metrics").text
    return told(text, "digits_requests_total", route=route, status=str(status))


class TestCounts:
    @pytest.mark.parametrize(
        ("method", "path", "body", "route", "status"),
        [
            ("POST", "/predict", PICTURE, "/predict", 200),
            ("POST", "/predict?explain=true", PICTURE, "/predict", 200),
            ("POST", "/predict", b"no picture", "/predict", 415),
            ("POST", "/predict?explain=perhaps", PICTURE, "/predict", 422),
            ("GET", "/predict", b"", "/predict", 405),
            ("GET", "/health/live", b"", "/health/live", 200),
            ("GET", "/docs", b"", "/docs", 200),
            ("GET", "/openapi.json", b"", "/openapi.json", 200),
            ("GET", "/v2/models/nobody", b"", "/v2/models/{name}", 404),
            ("POST", "/v1/models/nobody:predict", b"{}", "/v1/models/{name}:predict", 404),
            ("GET", "/static/0/evil", b"", "/static/{digest}/{name}", 404),
            ("GET", "/evil%22%0A", b"", "unmatched", 404),
            ("GET", "/predict/evil", b"", "unmatched", 404),
        ],
    )
    def test_by_route_and_status(
        self, client: Client, method: str, path: str, body: bytes, route: str, status: int
    ) -> None:
        """Each request counts once under its route's template, whichever part of the application answers it."""
        before = counted(client, route, status)
        headers = {"content-type": "image/png"}
        assert client.request(method, path, content=body, headers=headers).status_code == status
        assert counted(client, route, status) == before + 1
        assert "evil" not in client.get("/metrics").text
        assert "nobody" not in client.get("/metrics").text

    def test_problems(self, client: Client) -> None:
        """Problems count by their code, those of a picture in a batch too, and of other protocols."""

        def found(code: str) -> float:
            return told(client.get("/metrics").text, "digits_problems_total", code=code)

        before = found("unsupported_format"), found("malformed_json")
        client.predict(b"no picture")
        client.request("POST", "/predict/batch", files=[("file", b"no picture"), ("file", PICTURE)])
        client.request("POST", "/v1/models/tiny:predict", content=b"no json")
        assert (found("unsupported_format"), found("malformed_json")) == (before[0] + 2, before[1] + 1)

    def test_pictures(self, client: Client) -> None:
        """Pictures and tensors count one by one, however they came."""

        def found() -> float:
            # The tiny model judges nothing.
            return told(client.get("/metrics").text, "digits_pictures_total", verdict="none")

        before = found()
        client.predict(PICTURE)
        client.request("POST", "/predict/batch", files=[("file", PICTURE)] * 2)
        instances = {"instances": [[[0] * 28] * 28] * 3}
        assert client.request("POST", "/v1/models/tiny:predict", json=instances).status_code == 200
        headers = {"content-type": "image/png"}
        assert client.request("POST", "/read", content=PICTURE, headers=headers).status_code == 200
        assert found() == before + 7

    def test_queue(self, client: Client) -> None:
        """What goes through the pool notes its wait, and nothing stays behind in the pool."""

        def found() -> float:
            return told(client.get("/metrics").text, "digits_stage_seconds_count", stage="queue")

        before = found()
        client.predict(PICTURE)
        assert found() == before
        client.predict(PICTURE, explain="true")
        assert found() == before + 1
        assert told(client.get("/metrics").text, "digits_queue_depth") == 0

    def test_client_that_left(self, client: Client) -> None:
        """A request whose body never came to an end counts with that problem's status, and only once."""
        before = sum(counted(client, "/predict", status) for status in (400, 499))
        client.exchange(request_scope("/predict", {"content-type": "image/png"}), [{"type": "http.disconnect"}])
        assert sum(counted(client, "/predict", status) for status in (400, 499)) == before + 1

    @pytest.mark.parametrize(("told", "status"), [(None, 504), (499, 499), (408, 408)])
    def test_too_late_or_left(self, client: Client, told: int | None, status: int) -> None:
        """What is said to a caller that has left, or was told something else, is no answer: it does not count."""
        before = counted(client, "/predict", status)

        async def late(scope: Scope, receive: Receive, send: Send) -> None:
            await Response(status_code=504)(scope, receive, send)

        async def ask() -> None:
            caller = Caller(Gate(), math.inf)
            if told is not None:
                caller.leave(told)
            CALLER.set(caller)
            await Watch(late, frozenset({"/predict"}), log=False)(request_scope("/predict", {}), receive, send)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            """Nobody takes it."""

        anyio.run(ask)
        assert counted(client, "/predict", status) == before + 1


class TestId:
    def test_callers_trace_is_returned(self, client: Client) -> None:
        """An answer belongs to the caller's trace, the refused too."""
        for body in (PICTURE, b"no picture"):
            answer = client.request("POST", "/predict", content=body, headers={"traceparent": PARENT})
            assert answer.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
            assert answer.headers["traceparent"] != PARENT

    def test_every_answer_has_an_id(self, client: Client) -> None:
        """One of its own, where the caller has none."""
        ids = {client.get(path).headers["traceparent"] for path in ("/health/live", "/nowhere", "/model", "/model")}
        assert len(ids) == 4
        assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", one) for one in ids)

    def test_faults_have_it_too(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        """A 500 names the id that the log has, and counts as one."""
        state = dict(client.state)
        client.state.clear()
        try:
            answer = client.request("GET", "/model", headers={"traceparent": PARENT})
        finally:
            client.state.update(state)
        assert answer.status_code == 500
        assert answer.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
        assert "unexpected error" in caplog.text
        assert counted(client, "/model", 500) >= 1


class TestLog:
    def test_line_for_each_request(self, logging_client: Client, caplog: pytest.LogCaptureFixture) -> None:
        """It tells method, route, status and time, and nothing that the client made up."""
        with caplog.at_level(logging.INFO, "app.access"):
            logging_client.request("GET", "/v2/models/evil?evil=1", headers={"user-agent": "evil"})
        [record] = [record for record in caplog.records if record.name == "app.access"]
        assert record.getMessage() == "GET /v2/models/{name} 404"
        assert "evil" not in str(record.__dict__)
        assert record.__dict__["seconds"] > 0

    def test_none_unless_wanted(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        """As it comes, the service is silent."""
        with caplog.at_level(logging.INFO, "app.access"):
            client.predict(PICTURE)
        assert caplog.records == []


def test_messages_are_passed_on(client: Client) -> None:
    """The answer is what the application sent, with one header more."""
    scope = request_scope("/predict", {"content-type": "image/png"})
    start, body = client.exchange(scope, body_messages(PICTURE))
    assert [name for name, _ in start["headers"]].count(b"traceparent") == 1
    assert body["type"] == "http.response.body"
