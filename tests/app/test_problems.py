"""Errors -> problem+json: every error has its row, every answer its shape, and nothing inside leaks out."""

import logging
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app import errors
from app.problems import MEDIA_TYPE, PROBLEMS, install, problem_documentation
from app.schemas import Problem
from tests.app.service import Client, serving

SECRET = "the password is swordfish"  # noqa: S105  # what must not leak


class FailingMiddleware:
    """Fails before the request finds its route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Fail at one path."""
        if scope.get("path") == "/before-routing":
            raise RuntimeError(SECRET)
        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def failing() -> Iterator[Client]:
    """An application whose routes fail in every way."""
    application = FastAPI()

    @application.get("/unexpected")
    async def unexpected() -> None:
        raise RuntimeError(SECRET)

    @application.get("/domain/{name}")
    async def domain(name: str) -> None:
        raise getattr(errors, name)("What is wrong and what to do.")

    @application.get("/number/{number}")
    async def number(number: int) -> int:
        return number

    @application.get("/flag/{flag}")
    async def flag(flag: bool) -> bool:
        return flag

    @application.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout", headers={"X-Pot": "tea"})

    install(application)
    application.add_middleware(FailingMiddleware)
    with serving(application) as running:
        yield running


def leaves(kind: type[errors.DigitsError]) -> set[type[errors.DigitsError]]:
    """All classes below an error that have none below themselves."""
    below = kind.__subclasses__()
    return set().union(*(leaves(child) for child in below)) if below else {kind}


def problem_in(response: httpx.Response) -> Problem:
    """The problem in an answer, which must be one by its media type and agree with the status."""
    assert response.headers["content-type"] == MEDIA_TYPE
    problem = Problem.model_validate_json(response.content)
    assert problem.status == response.status_code
    assert problem.type == "about:blank"
    return problem


class TestTable:
    def test_every_error_of_a_request_has_a_row(self) -> None:
        """Whatever a request can end with is in the table; what only start-up can end with is not."""
        expected = leaves(errors.PictureError) | leaves(errors.UploadError) | leaves(errors.FeedbackError)
        expected |= leaves(errors.DoorError) | {errors.OverloadedError, errors.UnknownModelError}
        expected |= {errors.ShuttingDownError, errors.DeadlineExceededError}
        assert set(PROBLEMS) == expected

    def test_codes_are_unique(self) -> None:
        """Programs can tell the errors apart."""
        codes = [code for _, code in PROBLEMS.values()]
        assert len(set(codes)) == len(codes)

    def test_statuses_are_the_promised_ones(self) -> None:
        """Statuses and codes are part of the interface and change only on purpose."""
        assert {code: int(status) for status, code in PROBLEMS.values()} == {
            "unsupported_format": 415,
            "unsupported_content_type": 415,
            "too_many_bytes": 413,
            "too_many_pixels": 422,
            "too_much_writing": 422,
            "damaged_picture": 422,
            "no_ink": 422,
            "missing_picture": 422,
            "malformed_upload": 400,
            "malformed_json": 400,
            "invalid_request": 422,
            "too_many_pictures": 413,
            "unknown_model": 404,
            "upload_timeout": 408,
            "overloaded": 503,
            "shutting_down": 503,
            "deadline_exceeded": 504,
            "unauthorized": 401,
            "misdirected_request": 421,
            "too_many_requests": 429,
            "feedback_off": 404,
            "feedback_unavailable": 503,
        }


class TestAnswers:
    @pytest.mark.parametrize("kind", PROBLEMS)
    def test_domain_errors(self, failing: Client, kind: type[errors.DigitsError]) -> None:
        """An error of the table is answered with its status, its code and its own sentence."""
        response = failing.get(f"/domain/{kind.__name__}")
        status, code = PROBLEMS[kind]
        problem = problem_in(response)
        assert (problem.status, problem.code) == (status, code)
        assert problem.detail == "What is wrong and what to do."
        assert problem.title.lower().replace(" ", "_") == code

    def test_overload_says_when_to_come_back(self, failing: Client) -> None:
        """A 503 names the seconds after which to try again."""
        assert int(failing.get("/domain/OverloadedError").headers["retry-after"]) >= 1

    def test_too_large_a_body_ends_the_connection(self, failing: Client) -> None:
        """After a 413 nobody reads the rest of the body."""
        assert failing.get("/domain/TooManyBytesError").headers["connection"] == "close"

    def test_unknown_path(self, client: Client) -> None:
        """A 404 is a problem that says where the routes are listed."""
        problem = problem_in(client.get("/nowhere"))
        assert (problem.status, problem.code) == (404, "not_found")
        assert "/docs" in problem.detail

    @pytest.mark.parametrize(
        ("method", "path", "allowed"), [("GET", "/predict", "POST"), ("POST", "/model", "GET, HEAD")]
    )
    def test_wrong_method(self, client: Client, method: str, path: str, allowed: str) -> None:
        """A 405 is a problem that keeps the Allow header."""
        response = client.request(method, path)
        assert (problem_in(response).status, problem_in(response).code) == (405, "method_not_allowed")
        assert response.headers["allow"] == allowed

    def test_other_http_errors(self, failing: Client) -> None:
        """Any other HTTP error is a problem too, with its own headers."""
        response = failing.get("/teapot")
        problem = problem_in(response)
        assert problem.code == HTTPStatus(418).name.lower()
        assert problem.detail.startswith("short and stout")
        assert response.headers["x-pot"] == "tea"

    def test_invalid_request(self, failing: Client) -> None:
        """A parameter of the wrong kind is a problem that names it."""
        problem = problem_in(failing.get("/number/seven"))
        assert (problem.status, problem.code) == (422, "invalid_request")
        assert "path.number" in problem.detail

    def test_invalid_flag(self, failing: Client) -> None:
        """Where a flag is wrong, the problem says what to write."""
        problem = problem_in(failing.get("/flag/maybe"))
        assert (problem.status, problem.code) == (422, "invalid_request")
        assert problem.detail == "path.flag: Write true or false."

    @pytest.mark.parametrize(("path", "named"), [("/unexpected", "/unexpected"), ("/before-routing", "?")])
    def test_unexpected_error(self, failing: Client, caplog: pytest.LogCaptureFixture, path: str, named: str) -> None:
        """A fault of the service is a 500 that tells the client nothing of its inside, and the log everything."""
        with caplog.at_level(logging.ERROR, logger="app.problems"):
            response = failing.get(path)
        problem = problem_in(response)
        assert (problem.status, problem.code) == (500, "internal_error")
        assert not any(text in response.text for text in (SECRET, "Traceback", "RuntimeError", "test_problems"))
        [record] = [record for record in caplog.records if record.name == "app.problems"]
        assert record.getMessage() == f"unexpected error at {named}"
        assert record.exc_info is not None
        assert SECRET in str(record.exc_info[1])


class TestDocumentation:
    def test_codes_of_one_status_stand_together(self) -> None:
        """Errors that share a status share its description, which names every code."""
        documented = problem_documentation(errors.NoInkError, errors.DamagedPictureError, errors.OverloadedError)
        assert set(documented) == {422, 503}
        assert "`no_ink` or `damaged_picture`" in documented[422]["description"]

    def test_parameters_have_a_problem_of_their_own(self) -> None:
        """A route with parameters documents what is said where one is of the wrong kind."""
        documented = problem_documentation(errors.NoInkError, parameters=True)
        assert "`no_ink` or `invalid_request`" in documented[422]["description"]
        assert "invalid_request" not in problem_documentation(errors.NoInkError)[422]["description"]

    def test_every_documented_error_is_a_problem(self, client: Client) -> None:
        """In the OpenAPI document every error refers to the schema of a problem, which exists."""
        document = client.get("/openapi.json").json()
        errors_seen = 0
        plain = {"application/json": {"schema": {"$ref": "#/components/schemas/PlainError"}}}
        problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                for status, response in operation["responses"].items():
                    if status.startswith("2"):
                        continue
                    errors_seen += 1
                    assert response["content"] == (plain if path.startswith(("/v1", "/v2")) else problem)
        assert errors_seen >= 5
        schema = document["components"]["schemas"]["Problem"]
        assert set(schema["properties"]) == {"type", "title", "status", "detail", "code"}

    def test_references_of_the_document_lead_somewhere(self, client: Client) -> None:
        """No reference in the OpenAPI document dangles."""
        response = client.get("/openapi.json")
        schemas = response.json()["components"]["schemas"]
        references = {part.split('"')[0] for part in response.text.split("#/components/schemas/")[1:]}
        assert references
        assert references <= set(schemas)

    def test_predict_documents_every_row(self, client: Client) -> None:
        """Each code of the table stands in the description of one of /predict's answers, but for those of others."""
        responses = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]
        of_others = {errors.TooManyPicturesError, errors.TooMuchWritingError, errors.UnknownModelError}
        for kind in set(PROBLEMS) - of_others - leaves(errors.FeedbackError):
            status, code = PROBLEMS[kind]
            assert f"`{code}`" in responses[str(int(status))]["description"]
