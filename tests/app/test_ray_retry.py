"""The middleware of Ray Serve's proxies: a request that died with its replica is asked again, and nothing else is."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app import ray_retry
from app.ray_retry import MOST_BYTES, PAUSES, Retry, middlewares
from tests.app.service import body_messages, request_scope

DIED = None
"""In place of the status of an answer."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_retry, "PAUSES", tuple(0.0 for _ in PAUSES))


class Replicas:
    """Stands in for Ray Serve: gives these answers, one after the other, and keeps what it was asked."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            body += message.get("body", b"")
        self.bodies.append(body)
        scope["path"] = "changed"
        answer = self.answers.pop(0)
        if answer is not DIED:
            await send({"type": "http.response.start", "status": answer, "headers": []})
            await send({"type": "http.response.body", "body": str(answer).encode()})


def ask(replicas: Replicas, *chunks: bytes, **headers: str) -> list[Message]:
    """Send a request; returns what the client got."""
    messages = body_messages(*chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = request_scope("/predict", {"content-length": str(sum(map(len, chunks)))} | headers)
    asyncio.run(Retry(replicas)(scope, receive, send))
    return sent


def status(sent: list[Message]) -> Any:
    """The answer's status; there is one answer."""
    start, body = sent
    assert body["body"] == str(start["status"]).encode()
    return start["status"]


@pytest.mark.parametrize("died", range(len(PAUSES) + 1))
def test_another_replica_is_asked(died: int) -> None:
    """The client gets the answer of the first replica that lives, to its whole request."""
    replicas = Replicas(*[DIED] * died, 200)
    assert status(ask(replicas, b"one", b"two")) == 200
    assert replicas.bodies == [b"onetwo"] * (died + 1)


def test_patience_ends() -> None:
    """A picture that kills every replica kills no more than so many."""
    replicas = Replicas(*[DIED] * (len(PAUSES) + 2))
    assert ask(replicas, b"one") == []
    assert len(replicas.bodies) == len(PAUSES) + 1


def test_faults_of_the_service_are_answers() -> None:
    """What the service itself says is passed on, whatever it says."""
    replicas = Replicas(500)
    assert status(ask(replicas, b"one")) == 500
    assert len(replicas.bodies) == 1


@pytest.mark.parametrize(
    "headers", [{"content-length": str(MOST_BYTES + 1)}, {"content-length": "x"}, {"transfer-encoding": "chunked"}]
)
def test_large_bodies_are_not_kept(headers: dict[str, str]) -> None:
    """They are handed on once, as they come."""
    replicas = Replicas(DIED)
    assert ask(replicas, b"one", **headers) == []
    assert replicas.bodies == [b"one"]


def test_clients_that_leave() -> None:
    """That a client has left in the middle of its request is told to the replica."""
    replicas = Replicas(200)
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Retry(replicas)(request_scope("/predict", {"content-length": "9"}), receive, send))
    assert replicas.bodies == [b"half"]


def test_proxies_are_given_it() -> None:
    """What Ray Serve asks for is the middleware."""
    [middleware] = middlewares()
    assert isinstance(middleware.cls(Replicas(), *middleware.args, **middleware.kwargs), Retry)


def test_other_protocols() -> None:
    """A lifespan is passed on."""
    seen: list[Scope] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope)

    asyncio.run(Retry(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan"}]
