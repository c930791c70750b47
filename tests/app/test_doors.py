"""Doors: what is set is kept, what is not set is not there, and probes answer through all of them."""

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.application import create_app
from app.doors import Doorkeeper
from app.keys import digest_of
from app.loading import Model
from app.problems import MEDIA_TYPE
from app.settings import Settings
from tests import pictures
from tests.app.service import Client, body_messages, request_scope, serving

PICTURE = pictures.encode(pictures.seven(28, 28), "PNG")
KEY, OTHER_KEY = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
HASHES = tuple(digest_of(key.encode()).hex() for key in (KEY, OTHER_KEY))

PROBES = (
    "/health/live",
    "/health/ready",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/tiny/ready",
    "/v1/models/tiny",
)

CLOSED = (
    ("POST", "/predict"),
    ("POST", "/predict?explain=true"),
    ("POST", "/predict/batch"),
    ("GET", "/model"),
    ("GET", "/metrics"),
    ("GET", "/"),
    ("GET", "/about-the-model"),
    ("GET", "/static/0123456789abcdef/page.css"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/openapi.json"),
    ("GET", "/v2"),
    ("GET", "/v2/models/tiny"),
    ("POST", "/v2/models/tiny/infer"),
    ("POST", "/v1/models/tiny:predict"),
    ("GET", "/nowhere"),
    ("POST", "/health/live"),
    ("GET", "/health/live/"),
    ("GET", "//health/live"),
    ("GET", "/health/live/../../model"),
    ("GET", "/health/live%2f..%2f..%2fmodel"),
    ("GET", "/metrics"),
)

Serve = Callable[..., AbstractContextManager[Client]]


@pytest.fixture(scope="module")
def serve(tiny_model: Model) -> Serve:
    """Runs the service with settings."""

    def run(**settings: object) -> AbstractContextManager[Client]:
        return serving(create_app(Settings(**settings), load=lambda _: tiny_model))  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="module")
def closed(serve: Serve) -> Iterator[Client]:
    """A service with two keys."""
    with serve(api_keys=HASHES) as running:
        yield running


@pytest.fixture(scope="module")
def open_to_one(serve: Serve) -> Iterator[Client]:
    """A service with a key that pages of one origin may ask."""
    with serve(cors_origins=("https://example.org",), api_keys=HASHES[:1]) as running:
        yield running


def predict(client: Client, **headers: str) -> httpx.Response:
    return client.request("POST", "/predict", content=PICTURE, headers={"content-type": "image/png"} | headers)


def basic(password: str, name: str = "") -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def from_address(client: Client, host: str | None, path: str = "/model", **headers: str) -> int:
    """The status of a request that a server says comes from this address."""
    scope = request_scope(path, headers, "GET")
    scope["client"] = None if host is None else (host, 1)
    [start, *_] = client.exchange(scope, body_messages())
    return int(start["status"])


class TestNothingIsSet:
    def test_no_door_stands_in_the_way(self, tiny_model: Model) -> None:
        """By default neither keys nor limits nor CORS are among what a request passes."""
        application = create_app(Settings(), load=lambda _: tiny_model)
        kinds = {middleware.cls for middleware in application.user_middleware}
        assert not kinds & {Doorkeeper, CORSMiddleware}

    def test_other_origins_get_no_permission(self, client: Client) -> None:
        """Pages of others may not read answers."""
        answer = client.request("GET", "/model", headers={"origin": "https://example.org"})
        assert not [name for name in answer.headers if name.startswith("access-control")]


class TestKeys:
    @pytest.mark.parametrize(("method", "path"), CLOSED)
    def test_everything_is_closed(self, closed: Client, method: str, path: str) -> None:
        """Without a key nothing answers but probes: no route, no page, not even whether there is such a path."""
        answer = closed.request(method, path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="digits"'
        if path.startswith(("/v1", "/v2")):
            assert list(answer.json()) == ["error"]
        else:
            assert answer.headers["content-type"] == MEDIA_TYPE
            assert answer.json()["code"] == "unauthorized"

    @pytest.mark.parametrize("path", PROBES)
    def test_probes_are_open(self, closed: Client, path: str) -> None:
        """Whoever watches over the service needs no key, whatever protocol it speaks."""
        assert closed.get(path).status_code == 200

    def test_metrics_are_open_if_allowed(self, closed: Client, serve: Serve) -> None:
        """They ask for a key like everything else, unless a setting opens them, and them alone."""
        assert closed.get("/metrics").status_code == 401
        assert closed.request("GET", "/metrics", headers={"x-api-key": KEY}).status_code == 200
        with serve(api_keys=HASHES, public_metrics=True) as client:
            assert client.get("/metrics").status_code == 200
            assert client.get("/model").status_code == 401

    @pytest.mark.parametrize("key", [KEY, OTHER_KEY], ids=["one", "other"])
    @pytest.mark.parametrize(
        "headers",
        [
            lambda key: {"authorization": f"Bearer {key}"},
            lambda key: {"authorization": f"bearer   {key} "},
            lambda key: {"x-api-key": key},
            lambda key: {"authorization": basic(key)},
            lambda key: {"authorization": basic(key, "somebody")},
            lambda key: {"x-api-key": key, "authorization": "Bearer another"},
        ],
    )
    def test_each_key_opens(self, closed: Client, headers: Callable[[str], dict[str, str]], key: str) -> None:
        """Several keys open at once, so that one can take the place of another; each in any of the headers."""
        assert predict(closed, **headers(key)).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"authorization": f"Bearer {KEY}x"},
            {"authorization": f"Bearer {KEY[:-1]}"},
            {"authorization": f"Bearer {HASHES[0]}"},
            {"authorization": f"Digest {KEY}"},
            {"authorization": KEY},
            {"authorization": ""},
            {"authorization": "Bearer"},
            {"authorization": "Basic"},
            {"authorization": "Basic !"},
            {"authorization": "Basic w6g="},
            {"authorization": basic("", KEY)},
            {"x-api-key": ""},
            {"x-api-key": HASHES[0]},
            {"cookie": f"key={KEY}"},
        ],
    )
    def test_nothing_else_opens(self, closed: Client, headers: dict[str, str]) -> None:
        """Neither nearly a key nor its hash, nor a key in another place; what was sent is not repeated."""
        answer = predict(closed, **headers)
        assert answer.status_code == 401
        assert KEY[:-1] not in answer.text

    def test_keys_of_any_bytes(self, closed: Client) -> None:
        """Headers may hold what is no text."""
        scope = request_scope("/model", {"x-api-key": "\xff\xfe\x01", "authorization": "B\xe9arer \xff"}, "GET")
        assert closed.exchange(scope, body_messages())[0]["status"] == 401

    def test_body_is_not_read(self, closed: Client) -> None:
        """Who has no key cannot make the service take in a picture."""
        messages = body_messages(PICTURE)
        sent = closed.exchange(request_scope("/predict", {"content-type": "image/png"}), messages)
        assert sent[0]["status"] == 401
        assert len(messages) == 2

    def test_browser_is_asked_for_the_key(self, closed: Client) -> None:
        """Where a person is looking the browser may ask; a program's request must not open a dialog."""
        answer = closed.request("GET", "/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (answer.status_code, answer.headers["www-authenticate"].split()[0]) == (401, "Basic")
        assert closed.request("GET", "/", headers={"authorization": basic(KEY)}).status_code == 200

    @pytest.mark.parametrize(
        ("site", "mode", "method", "status"),
        [
            ("none", "navigate", "GET", 200),
            ("same-origin", "cors", "GET", 200),
            ("cross-site", "navigate", "GET", 200),
            ("cross-site", "no-cors", "GET", 401),
            ("cross-site", "cors", "GET", 401),
            ("same-site", "no-cors", "GET", 401),
            ("cross-site", "navigate", "POST", 401),
        ],
    )
    def test_other_pages_do_not_use_the_kept_key(
        self, closed: Client, site: str, mode: str, method: str, status: int
    ) -> None:
        """A key that a browser keeps opens to the page and to links, not to what other sites' pages send by it."""
        fetched = {"sec-fetch-site": site, "sec-fetch-mode": mode}
        path = "/" if method == "GET" else "/predict"
        assert closed.request(method, path, headers={"authorization": basic(KEY), **fetched}).status_code == status
        # A key that the page itself brings along is its own business.
        assert closed.request("GET", "/", headers={"x-api-key": KEY, **fetched}).status_code == 200

    def test_keys_of_a_file(self, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> None:
        """A file's keys open beside those of the environment."""
        path = tmp_path_factory.mktemp("keys") / "keys"
        path.write_text(f"{HASHES[1]} the other\n")
        with serve(api_keys=HASHES[:1], api_keys_file=path) as client:
            found = [predict(client, **{"x-api-key": key}).status_code for key in (KEY, OTHER_KEY, "third")]
        assert found == [200, 200, 401]
        with serve(api_keys_file=path) as client:
            found = [predict(client, **{"x-api-key": key}).status_code for key in (KEY, OTHER_KEY)]
        assert found == [401, 200]


class TestRate:
    def test_limit(self, serve: Serve) -> None:
        """What is too much is told when to come back, as a problem; probes are not counted."""
        with serve(rate_limit="3/hour") as client:
            assert [client.get("/health/live").status_code for _ in range(5)] == [200] * 5
            assert [predict(client).status_code for _ in range(3)] == [200] * 3
            answer = predict(client)
            plain = client.get("/v2")
            assert client.get("/health/ready").status_code == 200
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
        # A third of the hour, but for what the three took and a tenth.
        assert 1000 <= int(answer.headers["retry-after"]) <= 1200
        assert answer.headers["retry-after"] in answer.json()["detail"]
        assert plain.status_code == 429
        assert list(plain.json()) == ["error"]

    def test_addresses(self, serve: Serve) -> None:
        """Each address is counted by itself; of IPv6 each network of 64 bits; IPv4 within IPv6 is IPv4."""
        with serve(rate_limit="1/hour") as client:
            assert from_address(client, "192.0.2.1") == 200
            assert from_address(client, "192.0.2.1") == 429
            assert from_address(client, "::ffff:192.0.2.1") == 429
            assert from_address(client, "::ffff:192.0.2.2") == 200
            assert from_address(client, "2001:db8::1") == 200
            assert from_address(client, "2001:db8::2") == 429
            assert from_address(client, "2001:db8:0:1::1") == 200
            assert from_address(client, "no address") == 200
            assert from_address(client, None) == 200
            assert from_address(client, None) == 429

    def test_forwarded_addresses_are_not_believed(self, serve: Serve) -> None:
        """Whoever names another address in a header is counted by the one it has."""
        with serve(rate_limit="1/hour") as client:
            headers = [{"x-forwarded-for": f"192.0.2.{last}", "forwarded": f"for=192.0.2.{last}"} for last in (1, 2)]
            assert [from_address(client, "127.0.0.1", **one) for one in headers] == [200, 429]

    def test_trusted_proxy(self, tiny_model: Model) -> None:
        """Behind a proxy that is trusted each of its clients is counted, by the address that the proxy itself saw."""
        application = create_app(Settings.model_validate({"rate_limit": "1/hour"}), load=lambda _: tiny_model)
        # As the server puts it in front, by the settings: see test_main.
        with serving(ProxyHeadersMiddleware(application, ["10.0.0.0/8"])) as client:  # type: ignore[arg-type]
            for last in (1, 2):
                forwarded = {"x-forwarded-for": f"203.0.113.{last}, 192.0.2.{last}"}
                assert [from_address(client, "10.1.2.3", **forwarded) for _ in range(2)] == [200, 429]
            assert from_address(client, "10.1.2.3", **{"x-forwarded-for": "198.51.100.9, 192.0.2.1"}) == 429
            assert from_address(client, "11.0.0.1", **{"x-forwarded-for": "192.0.2.1"}) == 200
            assert from_address(client, "11.0.0.1", **{"x-forwarded-for": "192.0.2.99"}) == 429

    def test_keys_are_counted_wherever_they_come_from(self, serve: Serve) -> None:
        """Where there are keys each has its allowance; wrong ones are counted by their address, and told so."""
        with serve(rate_limit="2/hour", api_keys=HASHES) as client:
            first, second, wrong = ({"x-api-key": key} for key in (KEY, OTHER_KEY, "wrong"))
            assert [from_address(client, f"192.0.2.{last}", **first) for last in (1, 2, 3)] == [200, 200, 429]
            assert from_address(client, "192.0.2.1", **second) == 200
            assert [from_address(client, "192.0.2.1", **wrong) for _ in range(3)] == [401, 401, 429]
            assert from_address(client, "192.0.2.1", **second) == 200


class TestHosts:
    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("digits.example.org", 200),
            ("DIGITS.example.org:8000", 200),
            ("a.example.com", 200),
            ("a.b.example.com", 200),
            ("[::1]:8000", 200),
            ("example.com", 421),
            ("example.org", 421),
            ("digits.example.org.attacker.example", 421),
            ("attackerexample.com", 421),
            ("192.0.2.1", 421),
            ("", 421),
        ],
    )
    def test_names(self, serve: Serve, host: str, status: int) -> None:
        """The service answers to its own names only, on any port."""
        with serve(allowed_hosts=("digits.example.org", "*.example.com", "[::1]")) as client:
            answer = client.request("GET", "/model", headers={"host": host})
            assert client.request("GET", "/health/ready", headers={"host": host}).status_code == 200
        assert answer.status_code == status
        if status != 200:
            assert answer.json()["code"] == "misdirected_request"

    def test_none_and_two(self, serve: Serve) -> None:
        """A request without a name is not for us; nor is one with two, if one of them is another's."""
        with serve(allowed_hosts=("example.org",)) as client:
            scope = request_scope("/model", {}, "GET")
            assert client.exchange(scope, body_messages())[0]["status"] == 421
            scope["headers"] = [(b"host", b"example.org"), (b"host", b"attacker.example")]
            assert client.exchange(scope, body_messages())[0]["status"] == 421


class TestOtherOrigins:
    def test_may_ask_and_read(self, open_to_one: Client) -> None:
        """Its pages learn without a key what they may send, and can read answers and refusals."""
        asked = {"origin": "https://example.org", "access-control-request-method": "POST"}
        asked |= {"access-control-request-headers": "authorization, content-type, x-api-key"}
        preflight = open_to_one.request("OPTIONS", "/predict", headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://example.org"
        for headers, status in (({"x-api-key": KEY}, 200), ({}, 401)):
            answer = predict(open_to_one, origin="https://example.org", **headers)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://example.org"
            assert "retry-after" in answer.headers["access-control-expose-headers"].lower()
            # Keys that a browser has kept for the page here are not for others to use.
            assert "access-control-allow-credentials" not in answer.headers

    def test_others_may_not(self, open_to_one: Client) -> None:
        """Pages of all other origins get no permission."""
        for origin in ("https://example.org.attacker.example", "http://example.org", "null"):
            answer = predict(open_to_one, origin=origin, **{"x-api-key": KEY})
            assert "access-control-allow-origin" not in answer.headers

    def test_everybody(self, serve: Serve) -> None:
        """`*` stands for all."""
        with serve(cors_origins=("*",)) as client:
            answer = predict(client, origin="https://example.org")
        assert answer.headers["access-control-allow-origin"] == "*"


def test_doors_stand_before_the_shortcut(tiny_model: Model) -> None:
    """POST /predict, which is answered before FastAPI is asked, is behind every door."""
    application = create_app(
        Settings.model_validate({"api_keys": HASHES, "cors_origins": ("*",)}), load=lambda _: tiny_model
    )
    assert isinstance(application, FastAPI)
    names = [getattr(middleware.cls, "__name__", "") for middleware in application.user_middleware]
    order = [name for name in names if name != "PlainStartupFailure"]
    assert order == ["Watch", "HeadAsGet", "GuardHeaders", "CORSMiddleware", "Doorkeeper", "Shortcut"]
