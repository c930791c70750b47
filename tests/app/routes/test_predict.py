"""POST /predict: a picture in, its digit out, whichever way it is sent; every refusal is a problem."""

import base64
import dataclasses
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from fastapi import APIRouter
from PIL import Image
from starlette.types import ASGIApp, Receive, Scope, Send

from app.admission import QUICK_BYTES, Pool
from app.application import create_app
from app.artifact import Thresholds
from app.classifier import Classifier
from app.decoding import decode, open_upload
from app.errors import OverloadedError
from app.explanation import METHOD, occlusion_saliency
from app.loading import Model
from app.normalization import normalize
from app.problems import MEDIA_TYPE
from app.routes.state import STATE_KEY, Live
from app.schemas import Prediction
from app.settings import Settings
from app.uploads import FIELD, MULTIPART_OVERHEAD
from tests import pictures
from tests.app.service import Client, body_messages, chunked, multipart, multipart_type, part, request_scope, serving

SMALL = pictures.encode(pictures.seven(30, 20), "PNG")
LARGE = pictures.encode(pictures.seven(300, 200), "PNG")
LIMIT = 4096


class RefusingPool(Pool):
    """A pool that is full."""

    def __init__(self) -> None:
        super().__init__(threads=1, capacity=1)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Refuse."""
        raise OverloadedError("The service is busy.")
        yield


class BrokenClassifier:
    """A classifier with a bug."""

    def classify(self, _: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Fail."""
        raise RuntimeError("the password is swordfish")


@pytest.fixture(scope="module")
def strict(tiny_artifact: Path) -> Iterator[Client]:
    """A service that takes little."""
    with serving(create_app(Settings(model=tiny_artifact, max_bytes=LIMIT, max_pixels=10_000))) as running:
        yield running


@pytest.fixture
def busy(tiny_artifact: Path) -> Iterator[Client]:
    """A service whose pool is full."""
    with serving(create_app(Settings(model=tiny_artifact))) as running:
        live: Live = running.state[STATE_KEY]
        live.service = dataclasses.replace(live.service, pool=RefusingPool())
        yield running


def prediction_in(response: httpx.Response) -> Prediction:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return Prediction.model_validate_json(response.content)


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    content = response.json()
    assert (content["status"], content["code"]) == (status, code)
    assert content["detail"]


class FixedClassifier:
    """A classifier that answers the same whatever it is shown."""

    def __init__(self, probabilities: list[float]) -> None:
        self._probabilities = np.array([probabilities], np.float32)

    def classify(self, _: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Answer."""
        return self._probabilities


def judging(model: Model, probabilities: list[float]) -> Model:
    """The model with thresholds, and with the same answer to everything."""
    thresholds = Thresholds(
        least_pair_probability=0.6,
        prepared_least_pair_probability=0.7,
        least_confidence=0.9,
        rejection_risk=0.003,
        prepared_rejection_risk=0.008,
        mistake_risk=0.001,
    )
    return Model(
        metadata=model.metadata.model_copy(update={"thresholds": thresholds}),
        evaluation=None,
        classifier=cast(Classifier, FixedClassifier(probabilities)),
    )


class TestVerdict:
    @pytest.mark.parametrize(
        ("probabilities", "verdict", "candidates"),
        [
            ([0.96, 0.04] + [0.0] * 8, "digit", []),
            ([0.4, 0.0, 0.58, 0.02] + [0.0] * 6, "uncertain", [(2, 0.58), (0, 0.4)]),
            ([0.1] * 10, "not_a_digit", []),
        ],
    )
    def test_verdicts(
        self, tiny_model: Model, probabilities: list[float], verdict: str, candidates: list[tuple[int, float]]
    ) -> None:
        """The answer carries the verdict in words and, where it is uncertain, the candidates."""
        model = judging(tiny_model, probabilities)
        with serving(create_app(Settings(), load=lambda _: model)) as running:
            prediction = prediction_in(running.predict(SMALL))
        assert prediction.verdict == verdict
        assert prediction.reason
        assert [(one.digit, round(one.probability, 4)) for one in prediction.candidates] == candidates

    def test_prepared_pictures_are_judged_more_strictly(
        self, tiny_model: Model, mnist_digits: npt.NDArray[np.uint8]
    ) -> None:
        """The same answer is worth more for a picture that has MNIST's geometry already than for any other."""
        model = judging(tiny_model, [0.35, 0.3] + [0.35 / 8] * 8)
        unchanged = pictures.encode(Image.fromarray(mnist_digits[0]), "PNG")
        with serving(create_app(Settings(), load=lambda _: model)) as running:
            verdicts = [prediction_in(running.predict(body)).verdict for body in (unchanged, SMALL)]
        assert verdicts == ["uncertain", "not_a_digit"]

    def test_no_thresholds_no_verdict(self, client: Client) -> None:
        """A model that was never measured leaves the verdict open."""
        prediction = prediction_in(client.predict(SMALL))
        assert (prediction.verdict, prediction.reason, prediction.candidates) == (None, None, ())


class TestAnswer:
    def test_fields(self, client: Client, tiny_model: Model) -> None:
        """The answer names the digit, ten probabilities that sum to 1, what was done, and which model answered."""
        prediction = prediction_in(client.predict(SMALL))
        assert sum(prediction.probabilities) == pytest.approx(1.0, abs=1e-5)
        assert prediction.confidence == max(prediction.probabilities) == prediction.probabilities[prediction.digit]
        preparation = prediction.preparation
        assert (preparation.width, preparation.height, preparation.format) == (30, 20, "PNG")
        assert preparation.inverted
        box = preparation.crop_box
        assert 0 <= box.left < box.right <= 30
        assert 0 <= box.top < box.bottom <= 20
        assert prediction.model.name == tiny_model.metadata.name
        assert prediction.model.version == tiny_model.metadata.version

    def test_white_on_black(self, client: Client) -> None:
        """White ink on black is not inverted."""
        body = pictures.encode(pictures.seven(ink=255, ground=0), "PNG")
        assert not prediction_in(client.predict(body)).preparation.inverted

    @pytest.mark.parametrize("image_format", pictures.FORMATS)
    def test_content_decides_about_the_format(self, client: Client, image_format: str) -> None:
        """Every format is read under any name and content type, and reported as what it is."""
        body = pictures.encode(pictures.seven(), image_format)
        form = multipart(part(FIELD, body, filename="picture.txt"))
        by_form = prediction_in(client.predict(form, multipart_type()))
        by_body = prediction_in(client.predict(body, "image/x-nothing"))
        assert by_form == by_body
        assert by_form.preparation.format == image_format

    @pytest.mark.parametrize("body", [SMALL, LARGE], ids=["quick", "slow"])
    def test_every_way_of_sending_gives_the_same_answer(self, client: Client, body: bytes) -> None:
        """As a form, as a body, in pieces: the answer is the same."""
        form = multipart(part("note", b"x"), part(FIELD, body, filename="seven.png"))
        answers = [
            prediction_in(client.predict(form, multipart_type())),
            prediction_in(client.predict(chunked(form, 7), multipart_type())),
            prediction_in(client.predict(body, "image/png")),
            prediction_in(client.predict(body, "application/octet-stream")),
            prediction_in(client.predict(chunked(body, 7), "image/jpeg")),
            prediction_in(client.request("POST", "/predict", files={FIELD: ("seven.png", body, "image/png")})),
        ]
        assert all(answer == answers[0] for answer in answers)

    def test_upright_size(self, client: Client) -> None:
        """Width and height are those of the picture as a person sees it."""
        body = pictures.oriented(pictures.seven(), 6, "JPEG")
        preparation = prediction_in(client.predict(body)).preparation
        assert (preparation.width, preparation.height) == (120, 80)


def png_in(text: str) -> pictures.Grey:
    """The grey levels of a PNG file in base64."""
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image)


class TestExplanation:
    @pytest.mark.parametrize("body", [SMALL, LARGE], ids=["quick", "slow"])
    def test_shows_what_the_model_saw_and_where_it_looked(self, client: Client, tiny_model: Model, body: bytes) -> None:
        """The picture is the prepared one; the map is its saliency for the digit, white at the peak."""
        prediction = prediction_in(client.predict(body, explain="true"))
        explanation = prediction.explanation
        assert explanation is not None
        pixels = normalize(decode(open_upload(body, 10**6)).pixels).pixels
        assert np.array_equal(png_in(explanation.picture), pixels[..., 0])
        expected = occlusion_saliency(pixels, prediction.digit, tiny_model.classifier)
        assert explanation.saliency_peak_log_odds == pytest.approx(expected.max())
        assert expected.max() > 0
        shown = png_in(explanation.saliency)
        assert shown.shape == (28, 28)
        assert shown.max() == 255
        assert shown == pytest.approx(expected * (255 / expected.max()), abs=0.51)
        assert explanation.saliency_method == METHOD

    def test_every_way_of_sending_is_explained(self, client: Client) -> None:
        """As a form, as a body, under any name of truth: the explanation is the same."""
        form = multipart(part(FIELD, SMALL, filename="seven.png"))
        by_body = prediction_in(client.predict(SMALL, explain="true"))
        assert by_body.explanation is not None
        assert prediction_in(client.predict(form, multipart_type(), explain="true")) == by_body
        assert prediction_in(client.predict(chunked(SMALL, 7), explain="1")) == by_body

    @pytest.mark.parametrize("explain", [None, "false", "0"])
    def test_only_on_request(self, client: Client, explain: str | None) -> None:
        """Otherwise the explanation is null, and the answer is the same but for it."""
        response = client.predict(SMALL, explain=explain)
        assert response.json()["explanation"] is None
        explained = prediction_in(client.predict(SMALL, explain="true"))
        assert prediction_in(response) == explained.model_copy(update={"explanation": None})

    @pytest.mark.parametrize("explain", ["maybe", "", "2"])
    def test_neither_true_nor_false(self, client: Client, explain: str) -> None:
        """Any other value is refused with a sentence that names the parameter and says what to write."""
        response = client.predict(SMALL, explain=explain)
        assert_problem(response, 422, "invalid_request")
        assert response.json()["detail"] == "query.explain: Write true or false."

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"no picture", 415, "unsupported_format"),
            (b"", 422, "missing_picture"),
            (pictures.encode(Image.new("L", (28, 28), 255), "PNG"), 422, "no_ink"),
        ],
        ids=["text", "empty", "blank"],
    )
    def test_refusals_stay(self, client: Client, body: bytes, status: int, code: str) -> None:
        """What cannot be read cannot be explained, and is refused as ever."""
        assert_problem(client.predict(body, explain="true"), status, code)

    def test_parameter_is_documented(self, client: Client) -> None:
        """The reference describes the parameter, and the problem that a wrong value ends with."""
        operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
        [parameter] = operation["parameters"]
        assert (parameter["name"], parameter["in"], parameter["required"]) == ("explain", "query", False)
        assert parameter["schema"]["type"] == "boolean"
        assert "`true`" in parameter["description"]
        assert "`invalid_request`" in operation["responses"]["422"]["description"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"no picture", 415, "unsupported_format"),
            (LARGE[: len(LARGE) // 2], 422, "damaged_picture"),
            (pictures.encode(Image.new("L", (28, 28), 255), "PNG"), 422, "no_ink"),
            (pictures.encode(Image.new("RGBA", (300, 300)), "PNG"), 422, "no_ink"),
            (pictures.png_claiming(8000, 8000), 422, "too_many_pixels"),
            (b"", 422, "missing_picture"),
        ],
        ids=["text", "damaged", "blank", "transparent", "pixels", "empty"],
    )
    def test_pictures(self, client: Client, body: bytes, status: int, code: str) -> None:
        """What cannot be read is refused with its own code, sent as a form or as a body."""
        assert_problem(client.predict(body), status, code)
        assert_problem(client.predict(multipart(part(FIELD, body)), multipart_type()), status, code)

    @pytest.mark.parametrize(
        ("body", "content_type", "status", "code"),
        [
            (SMALL, "text/plain", 415, "unsupported_content_type"),
            (SMALL, None, 415, "unsupported_content_type"),
            (multipart(part(FIELD, SMALL)), "multipart/form-data", 400, "malformed_upload"),
            (multipart(part(FIELD, SMALL))[:-20], multipart_type(), 400, "malformed_upload"),
            (b"nonsense", multipart_type(), 400, "malformed_upload"),
            (multipart(*[part("x", b"y")] * 17), multipart_type(), 400, "malformed_upload"),
            (multipart(part("other", SMALL)), multipart_type(), 422, "missing_picture"),
            (multipart(part(FIELD, b"")), multipart_type(), 422, "missing_picture"),
        ],
    )
    def test_requests(self, client: Client, body: bytes, content_type: str | None, status: int, code: str) -> None:
        """A request that carries no picture in a way the service understands is refused with its own code."""
        assert_problem(client.predict(body, content_type), status, code)

    def test_pixel_limit_is_the_setting(self, strict: Client) -> None:
        """The operator's limit of pixels holds."""
        assert prediction_in(strict.predict(pictures.encode(pictures.seven(100, 100), "PNG")))
        too_many = pictures.encode(pictures.seven(101, 100), "PNG")
        assert_problem(strict.predict(too_many), 422, "too_many_pixels")

    def test_fault_of_the_service(self, tiny_artifact: Path, tiny_model: Model) -> None:
        """A bug behind the route is a 500 that does not tell what happened inside, on either way through admission."""
        broken = dataclasses.replace(tiny_model, classifier=cast(Classifier, BrokenClassifier()))
        with serving(create_app(Settings(model=tiny_artifact), lambda _: broken)) as client:
            for body in (SMALL, LARGE):
                response = client.predict(body)
                assert_problem(response, 500, "internal_error")
                assert "swordfish" not in response.text

    def test_client_that_leaves(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        """A client that goes away in mid-upload is no fault of the service: nothing is raised or logged as an error."""
        scope = request_scope("/predict", {"content-type": "image/png"})
        messages = [*body_messages(SMALL[:100])[:1], {"type": "http.disconnect"}]
        with caplog.at_level(logging.ERROR):
            client.exchange(scope, messages)
        assert caplog.records == []


class TestSize:
    def test_exactly_the_limit_is_accepted(self, strict: Client) -> None:
        """A picture of exactly the limit is read, however it is sent."""
        body = pictures.padded(SMALL, LIMIT)
        form = multipart(part(FIELD, body))
        prediction_in(strict.predict(body))
        prediction_in(strict.predict(chunked(body)))
        prediction_in(strict.predict(form, multipart_type()))
        prediction_in(strict.predict(chunked(form), multipart_type()))

    def test_one_byte_more_is_not(self, strict: Client) -> None:
        """One byte more is refused with 413, announced or not, as a form or as a body."""
        body = pictures.padded(SMALL, LIMIT + 1)
        form = multipart(part(FIELD, body))
        assert_problem(strict.predict(body), 413, "too_many_bytes")
        assert_problem(strict.predict(chunked(body)), 413, "too_many_bytes")
        assert_problem(strict.predict(form, multipart_type()), 413, "too_many_bytes")
        assert_problem(strict.predict(chunked(form), multipart_type()), 413, "too_many_bytes")

    @pytest.mark.parametrize(("content_type", "allowance"), [("image/png", 0), (multipart_type(), MULTIPART_OVERHEAD)])
    def test_reading_stops_soon_after_the_limit(self, strict: Client, content_type: str, allowance: int) -> None:
        """An endless upload is answered with 413 after little more than the limit, and the connection is closed."""
        start = b'--the-boundary\r\nContent-Disposition: form-data; name="file"\r\n\r\n' if allowance else b""
        messages = body_messages(start, *[bytes(1024)] * 2000)
        total = len(messages)
        sent = strict.exchange(request_scope("/predict", {"content-type": content_type}), messages)
        assert sent[0]["status"] == 413
        assert (b"connection", b"close") in sent[0]["headers"]
        assert (total - len(messages)) * 1024 <= LIMIT + allowance + 2 * 1024


class TestAdmission:
    def test_quick_pictures_need_no_pool(self, busy: Client) -> None:
        """Small pictures are read even while the pool takes nothing."""
        assert prediction_in(busy.predict(SMALL))

    @pytest.mark.parametrize(
        "body",
        [
            LARGE,
            pictures.encode(pictures.seven(30, 20), "WEBP"),
            pictures.padded(SMALL, QUICK_BYTES + 1),
        ],
        ids=["many pixels", "slow format", "many bytes"],
    )
    def test_overload(self, busy: Client, body: bytes) -> None:
        """A slow picture is refused with 503 while the pool is full, and the answer says when to try again."""
        response = busy.predict(body)
        assert_problem(response, 503, "overloaded")
        assert response.headers["retry-after"] == "1"

    def test_explanations_are_slow(self, busy: Client) -> None:
        """An explanation of a small picture needs the pool, which refuses it while the bare answer is given."""
        assert_problem(busy.predict(SMALL, explain="true"), 503, "overloaded")
        assert prediction_in(busy.predict(SMALL, explain="false"))
        assert prediction_in(busy.predict(SMALL))

    def test_many_bytes_of_few_pixels(self, client: Client) -> None:
        """A file with few pixels and many bytes is read in the pool, with the same answer."""
        padded = pictures.padded(SMALL, QUICK_BYTES + 1)
        assert prediction_in(client.predict(padded)) == prediction_in(client.predict(SMALL))

    def test_bytes_that_are_no_picture_are_refused_in_the_pool_too(self, client: Client) -> None:
        """Many bytes without a picture are refused like few."""
        assert_problem(client.predict(bytes(QUICK_BYTES + 1)), 415, "unsupported_format")

    def test_state_is_the_service(self, client: Client) -> None:
        """The routes work on what the lifespan made."""
        assert isinstance(client.state[STATE_KEY], Live)


class Counted:
    """A router that remembers which requests got to it."""

    def __init__(self, router: ASGIApp) -> None:
        self._router = router
        self.requests: list[tuple[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Remember and pass on."""
        if scope["type"] == "http":
            self.requests.append((scope["method"], scope["path"]))
        await self._router(scope, receive, send)


@pytest.fixture(scope="module")
def routed(tiny_artifact: Path) -> Iterator[tuple[Client, Counted]]:
    """A service that takes little, and what gets to its router."""
    application = create_app(Settings(model=tiny_artifact, max_bytes=LIMIT, max_pixels=10_000))
    router = Counted(application.router)
    # Before the first request, when the middleware is put around it.
    application.router = cast(APIRouter, router)
    with serving(application) as running:
        yield running, router


class TestShortcut:
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (SMALL, "image/png"),
            (SMALL, "application/octet-stream"),
            (multipart(part(FIELD, SMALL)), multipart_type()),
            (pictures.encode(pictures.seven(100, 100), "JPEG"), "image/jpeg"),
            (b"no picture", "image/png"),
            (SMALL[:60], "image/png"),
            (pictures.encode(Image.new("L", (28, 28), 255), "PNG"), "image/png"),
            (pictures.encode(pictures.seven(101, 100), "PNG"), "image/png"),
            (b"", "image/png"),
            (bytes(LIMIT + 1), "image/png"),
            (SMALL, "text/plain"),
            (SMALL, None),
            (SMALL, "multipart/form-data"),
            (multipart(part(FIELD, SMALL))[:-20], multipart_type()),
            (multipart(part("note", SMALL)), multipart_type()),
        ],
    )
    def test_answers_as_the_route(self, routed: tuple[Client, Counted], body: bytes, content_type: str | None) -> None:
        """With and without the router the answer is the same but for its id, of every kind of refusal too."""
        client, router = routed
        router.requests.clear()
        short = client.predict(body, content_type)
        assert router.requests == []
        headers = {} if content_type is None else {"content-type": content_type}
        by_route = client.request("POST", "/predict", content=body, headers=headers, params={"nothing": "1"})
        assert router.requests == [("POST", "/predict")]
        assert short.status_code == by_route.status_code
        # Each answer has an id of its own.
        assert short.headers.pop("traceparent") != by_route.headers.pop("traceparent")
        assert sorted(short.headers.multi_items()) == sorted(by_route.headers.multi_items())
        assert short.content == by_route.content

    def test_overload_answers_as_the_route(self, busy: Client) -> None:
        """A full pool is told of in the same way, with the time to come back."""
        short, by_route = busy.predict(LARGE), busy.predict(LARGE, explain="false")
        for response in (short, by_route):
            assert_problem(response, 503, "overloaded")
        assert short.headers["retry-after"] == by_route.headers["retry-after"]
        assert short.headers.keys() == by_route.headers.keys()

    @pytest.mark.parametrize(
        ("query", "status"), [("explain=true", 200), ("explain=false", 200), ("explain=maybe", 422), ("other=1", 200)]
    )
    def test_queries_are_routed(self, routed: tuple[Client, Counted], query: str, status: int) -> None:
        """A request with parameters goes to FastAPI, which knows them."""
        client, router = routed
        router.requests.clear()
        response = client.request("POST", f"/predict?{query}", content=SMALL, headers={"content-type": "image/png"})
        assert response.status_code == status
        assert router.requests == [("POST", "/predict")]

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/predict", 405),
            ("HEAD", "/predict", 405),
            ("PUT", "/predict", 405),
            ("OPTIONS", "/predict", 405),
            ("post", "/predict", 405),
            ("POST", "/predict/", 404),
            ("POST", "/Predict", 404),
            ("POST", "//predict", 404),
            ("POST", "/", 405),
            ("GET", "/model", 200),
            ("GET", "/health/live", 200),
        ],
    )
    def test_other_requests_are_routed(
        self, routed: tuple[Client, Counted], method: str, path: str, status: int
    ) -> None:
        """Other methods and other paths go to FastAPI."""
        client, router = routed
        router.requests.clear()
        sent = client.exchange(request_scope(path, {"content-type": "image/png"}, method), body_messages(SMALL))
        assert sent[0]["status"] == status
        # HEAD is answered as GET is.
        assert router.requests == [("GET" if method == "HEAD" else method, path)]

    def test_faults_answer_as_the_route(self, tiny_artifact: Path, tiny_model: Model) -> None:
        """A fault behind it ends as one behind the route: a 500 without a word of its inside."""
        broken = dataclasses.replace(tiny_model, classifier=cast(Classifier, BrokenClassifier()))
        with serving(create_app(Settings(model=tiny_artifact), lambda _: broken)) as client:
            short, by_route = client.predict(SMALL), client.predict(SMALL, explain="false")
        assert_problem(short, 500, "internal_error")
        assert not any(word in short.text for word in ("swordfish", "Traceback", "RuntimeError", ".py"))
        assert short.content == by_route.content
