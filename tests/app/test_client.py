"""The client against a service made of functions: what it sends, what it understands, when it asks again."""

import email.utils
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tenacity import Future, RetryCallState

from app import client as module
from app.client import DEFAULT_URL, LONGEST_WAIT, Client
from app.errors import RefusedError, UnavailableError
from app.schemas import Numbers, Prediction, Problem
from tests.app.service import Client as Running

ANSWER: dict[str, Any] = Prediction.model_json_schema()["examples"][0]
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited; it does not."""
    found: list[float] = []

    def wait(_: threading.Event, timeout: float | None = None) -> bool:
        assert timeout is not None
        found.append(timeout)
        return False

    monkeypatch.setattr(module, "sleep_using_event", lambda event: lambda seconds: wait(event, seconds))
    return found


def client_of(handler: Handler, **options: Any) -> Client:
    return Client("http://service/base/", transport=httpx.MockTransport(handler), **options)


def problem(status: int, code: str) -> httpx.Response:
    body = Problem(title="t", status=status, detail="What is wrong.", code=code)
    return httpx.Response(status, content=body.model_dump_json())


class InTurn:
    """Answers requests one after the other; what is an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_picture_is_the_body() -> None:
    """The picture is posted as it is, below the address given, and the answer is the API's."""
    service = InTurn(httpx.Response(200, json=ANSWER), httpx.Response(200, json=ANSWER))
    with client_of(service) as client:
        assert client.read(b"a picture") == Prediction.model_validate(ANSWER)
        client.read(b"a picture", explain=True)
    plain, explained = service.requests
    assert (plain.method, str(plain.url), plain.content) == ("POST", "http://service/base/predict", b"a picture")
    assert str(explained.url) == "http://service/base/predict?explain=true"


def test_whole_numbers() -> None:
    """A picture of several digits goes to the route for them."""
    numbers = Numbers.model_json_schema()["examples"][0]
    service = InTurn(httpx.Response(200, json=numbers))
    with client_of(service) as client:
        assert client.read_numbers(b"a picture") == Numbers.model_validate(numbers)
    (sent,) = service.requests
    assert (sent.method, str(sent.url), sent.content) == ("POST", "http://service/base/read", b"a picture")


def test_it_speaks_with_the_application(client: Running) -> None:
    """The application understands what the client sends, and the client its answers and problems."""

    def relay(request: httpx.Request) -> httpx.Response:
        answer = client.request(
            request.method, request.url.raw_path.decode(), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    from tests.pictures import encode, seven

    with Client("http://service", transport=httpx.MockTransport(relay)) as ours:
        assert ours.model().metadata.name == "tiny"
        assert ours.read(encode(seven(), "PNG")).model.name == "tiny"
        assert ours.read(encode(seven(), "PNG"), explain=True).explanation is not None
        assert len(ours.read_numbers(encode(seven(), "PNG")).text) == 1
        with pytest.raises(RefusedError, match="not a picture") as caught:
            ours.read(b"no picture")
    assert caught.value.code == "unsupported_format"


@pytest.mark.parametrize("status", [400, 413, 415, 422, 500])
def test_refusals_concern_the_picture(status: int) -> None:
    """What the service will never read is not sent again."""
    service = InTurn(problem(status, "some_code"))
    with client_of(service) as client, pytest.raises(RefusedError, match=r"What is wrong\.") as caught:
        client.read(b"x")
    assert caught.value.code == "some_code"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (problem(404, "not_found"), "answers: What is wrong"),
        (httpx.Response(404, text="<html>"), "Is it the right address"),
        (httpx.Response(200, text="<html>"), "Is it the right address"),
        (httpx.Response(200, json={"digit": 7}), "Is it the right address"),
        (httpx.Response(301, headers={"location": "https://service/"}), "has moved: https://service/"),
    ],
)
def test_another_service(answer: httpx.Response, sentence: str) -> None:
    """What is not this service is named by its address."""
    with client_of(InTurn(answer)) as client, pytest.raises(UnavailableError, match=sentence) as caught:
        client.read(b"x")
    assert "http://service/base" in str(caught.value)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.Response(503, headers={"retry-after": "1"}),
        httpx.Response(429),
        httpx.Response(502),
        httpx.Response(500, text="Internal Server Error"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("hung up"),
    ],
)
def test_what_may_pass_is_asked_again(pauses: list[float], failure: httpx.Response | Exception) -> None:
    """The same picture is sent again after a pause, and the answer is as if nothing had been."""
    service = InTurn(failure, failure, httpx.Response(200, json=ANSWER))
    with client_of(service) as client:
        assert client.read(b"x").digit == ANSWER["digit"]
    assert len(pauses) == 2
    assert {request.content for request in service.requests} == {b"x"}


def test_attempts_are_bounded(pauses: list[float]) -> None:
    """After the last attempt the reason is told; one attempt less would have been too few."""
    busy = httpx.Response(503, headers={"retry-after": "2"})
    with client_of(InTurn(busy, busy, busy), attempts=3) as client, pytest.raises(UnavailableError, match="is busy"):
        client.read(b"x")
    assert len(pauses) == 2
    assert all(pause >= 2 for pause in pauses)
    with client_of(InTurn(busy, busy, httpx.Response(200, json=ANSWER)), attempts=3) as client:
        client.read(b"x")


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize(
    ("failure", "kind", "sentence"),
    [
        (httpx.ConnectError("refused"), UnavailableError, "cannot be reached: refused"),
        (httpx.ReadTimeout("slow"), UnavailableError, "did not answer in time"),
        (httpx.ReadError("reset"), RefusedError, "hung up"),
        (httpx.Response(500, text="Internal Server Error"), UnavailableError, "Is it the right address"),
    ],
)
def test_last_words(failure: httpx.Response | Exception, kind: type[Exception], sentence: str) -> None:
    """A service that is gone ends everything; one that hangs up on a picture may read the next."""
    with client_of(InTurn(failure, failure), attempts=2) as client, pytest.raises(kind, match=sentence):
        client.read(b"x")


def test_giving_up_ends_a_pause() -> None:
    """Ctrl-C need not wait for the next attempt."""
    waiting = threading.Event()

    def busy(_: httpx.Request) -> httpx.Response:
        waiting.set()
        return httpx.Response(503, headers={"retry-after": "30"})

    failures: list[Exception] = []
    with client_of(busy) as client:

        def ask() -> None:
            try:
                client.read(b"x")
            except UnavailableError as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert waiting.wait(60)
    thread.join(20)
    assert not thread.is_alive()
    assert len(failures) == 1


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3", 3, 3),
        ("0", 0, 0),
        (None, 0, 0),
        ("soon", 0, 0),
        ("-1", 0, 0),
        ("²", 0, 0),
        ("9" * 5000, LONGEST_WAIT, LONGEST_WAIT),
        pytest.param(email.utils.formatdate(time.time() + 1000, usegmt=True), LONGEST_WAIT, LONGEST_WAIT, id="later"),
        (email.utils.formatdate(0, usegmt=True), 0, 0),
    ],
)
def test_retry_after(monkeypatch: pytest.MonkeyPatch, header: str | None, least: float, most: float) -> None:
    """Seconds and dates are honoured, up to the longest wait; nonsense is not."""
    monkeypatch.setattr(module, "_BACKOFF", lambda _: 0.0)
    headers = [] if header is None else [(b"retry-after", header.encode())]
    error = module._PassingError(UnavailableError("busy"), module._retry_after(httpx.Response(503, headers=headers)))
    outcome = Future(1)
    outcome.set_exception(error)
    state = SimpleNamespace(outcome=outcome)
    assert least <= module._pause(state) <= most  # type: ignore[arg-type]


def test_backoff_grows_while_nothing_is_asked_for() -> None:
    """Pauses are random below a bound that grows, and never longer than the longest."""
    state = RetryCallState(None, None, (), {})  # type: ignore[arg-type]
    for attempt in range(1, 40):
        state.attempt_number = attempt
        assert 0 <= module._pause(state) <= LONGEST_WAIT


@pytest.mark.parametrize("url", ["", "service", "ftp://service", "http://", "http://a b:x", "http://service:port"])
def test_addresses_that_are_none(url: str) -> None:
    """They are told of before anything is sent, with an example."""
    with pytest.raises(ValueError, match="is not an address"):
        Client(url)


def test_key() -> None:
    """Where there is a key it goes with every request, and nowhere without one."""
    for key, sent in (("a-key_1", "Bearer a-key_1"), (None, None)):
        service = InTurn(httpx.Response(200, json=ANSWER))
        with client_of(service, key=key) as client:
            client.read(b"x")
        assert service.requests[0].headers.get("authorization") == sent


@pytest.mark.parametrize("key", ["", " ", "a\nb", "a\r\nX-Other: b", "a ", "schlüssel"])
def test_keys_that_are_none(key: str) -> None:
    """They are told of before anything is sent, and not repeated."""
    with pytest.raises(ValueError, match="That is no API key") as caught:
        Client(key=key)
    assert not key.strip() or key not in str(caught.value)


def test_key_is_not_passed_on() -> None:
    """A service that has moved does not take the key along to wherever it points."""
    service = InTurn(httpx.Response(307, headers={"location": "http://elsewhere/"}))
    with client_of(service, key="a-key") as client, pytest.raises(UnavailableError, match="has moved"):
        client.read(b"x")
    assert [request.url.host for request in service.requests] == ["service"]


def test_wrong_key() -> None:
    """It is told in the service's own words, once: another attempt would not help."""
    service = InTurn(problem(401, "unauthorized"))
    with client_of(service, key="a-key") as client, pytest.raises(UnavailableError, match="answers: What is wrong"):
        client.read(b"x")
    assert len(service.requests) == 1


def test_default_address_is_that_of_make_serve() -> None:
    """The client and the service agree about it."""
    from app.settings import Settings

    settings = Settings()
    assert f"http://{settings.host}:{settings.port}" == DEFAULT_URL
