"""The application and its lifespan: ready only with a model, and plain words where there is none."""

from pathlib import Path

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import __version__
from app.application import PlainStartupFailure, create_app
from app.errors import ArtifactError
from app.loading import Model
from app.routes.state import STATE_KEY, Live
from app.settings import Settings
from tests.app.service import serving


def start_up(application: ASGIApp) -> tuple[list[Message], BaseException | None]:
    """What an application says to a server that starts it, and what it raises."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> BaseException | None:
        try:
            await application({"type": "lifespan", "state": {}}, receive, send)
        except Exception as error:  # noqa: BLE001  # the test looks at whatever it is
            return error
        return None

    raised = anyio.run(run)
    return sent, raised


def test_service_is_made_of_the_settings(tiny_artifact: Path, tiny_model: Model) -> None:
    """The lifespan loads the settings' model, once, and hands it to the routes with the settings' limits."""
    loaded: list[Path] = []

    def load(path: Path) -> Model:
        loaded.append(path)
        return tiny_model

    application = create_app(Settings(model=tiny_artifact, max_bytes=2048, max_pixels=4096), load)
    assert loaded == []
    with serving(application) as client:
        live = client.state[STATE_KEY]
        assert isinstance(live, Live)
        service = live.service
        assert service.model is tiny_model
        assert (service.max_bytes, service.max_pixels) == (2048, 4096)
        assert service.model_name.name == "tiny"
        client.get("/model")
    assert loaded == [tiny_artifact]


def test_missing_model_is_told_in_one_sentence(tmp_path: Path) -> None:
    """Without a model the start-up fails with the sentence that says what to do, and nothing else."""
    sent, raised = start_up(create_app(Settings(model=tmp_path / "nothing")))
    sentence = f"{tmp_path / 'nothing'} holds no published model. Train one with: make train"
    assert sent == [{"type": "lifespan.startup.failed", "message": sentence}]
    assert raised is None


def test_damaged_model_is_told_in_one_sentence(tmp_path: Path) -> None:
    """The same for a model that cannot be used, whatever is wrong with it."""

    def load(_: Path) -> Model:
        raise ArtifactError("The model fails its self-test.")

    sent, raised = start_up(create_app(Settings(model=tmp_path), load))
    assert sent == [{"type": "lifespan.startup.failed", "message": "The model fails its self-test."}]
    assert raised is None


def test_other_failures_keep_their_trace(tmp_path: Path) -> None:
    """A fault of the program itself is not hidden: trace and exception reach the server."""

    def load(_: Path) -> Model:
        raise ZeroDivisionError("a bug")

    sent, raised = start_up(create_app(Settings(model=tmp_path), load))
    [failed] = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert "ZeroDivisionError" in failed["message"]
    assert isinstance(raised, ZeroDivisionError)


def test_failure_without_a_word_is_passed_on() -> None:
    """An application that fails before it says so is not spoken for."""

    async def silent(_: Scope, __: Receive, ___: Send) -> None:
        raise ZeroDivisionError

    sent, raised = start_up(PlainStartupFailure(silent))
    assert sent == []
    assert isinstance(raised, ZeroDivisionError)


def test_title_and_version_are_documented(tmp_path: Path) -> None:
    """The document of the interface names the service and its version."""
    document = create_app(Settings(model=tmp_path)).openapi()
    assert document["info"]["title"] == "Digits"
    assert document["info"]["version"] == __version__
