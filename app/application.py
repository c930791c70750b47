"""The web application and its lifespan."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import __version__, documentation, doors, problems
from app.admission import Pool
from app.allocator import share_arena, trimmed_memory
from app.draining import FAREWELL_SECONDS, draining
from app.errors import ArtifactError
from app.feedback.intake import taking_corrections
from app.gate import GATE_KEY, Gate
from app.inputs import Inputs
from app.loading import Model, load_model
from app.methods import HeadAsGet
from app.pages import build_site
from app.requests import InferRequest, PictureInJson, ServingRequest
from app.routes import batch, feedback, health, metrics, model, open_inference, page, predict, read, tensorflow_serving
from app.routes.state import STATE_KEY, Live, Service
from app.schemas import PlainError, Problem
from app.settings import Settings
from app.succession import Succession
from app.watch import Watch

_TELEMETRY: Final[TelemetryConfig] = {
    "auto_configure": True,
    "tracing": True,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}
"""OpenTelemetry's traces, where its own variables name an endpoint; Prometheus has the metrics."""


def create_app(settings: Settings, load: Callable[[Path], Model] = load_model) -> FastAPI:
    """Build the application; its model is loaded by the lifespan, in the process that serves it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Live | Gate]]:
        # Before anything starts threads.
        share_arena()
        succession = Succession(settings, load)
        served = load(settings.model)
        gate = Gate(
            settings.queue,
            settings.max_held_bytes,
            settings.max_connections,
            settings.timeout,
            settings.upload_timeout,
        )
        with trimmed_memory(), taking_corrections(settings.database, settings.feedback_days) as intake:
            live = Live(
                Service(
                    model=served,
                    inputs=Inputs(served),
                    pool=Pool(settings.pool_threads, settings.pool_capacity),
                    gate=gate,
                    max_bytes=settings.max_bytes,
                    max_pixels=settings.max_pixels,
                    max_batch=settings.max_batch,
                    max_batch_bytes=settings.max_batch_bytes,
                    site=build_site(
                        served.metadata,
                        served.evaluation,
                        served.plots,
                        settings.max_bytes,
                        settings.offered_feedback_days,
                    ),
                    watcher=succession.watcher,
                    intake=intake,
                )
            )
            # Or the first model would stay in memory after it has been replaced.
            del served
            with succession.following(live), draining(gate, settings.drain):
                yield {STATE_KEY: live, GATE_KEY: gate}
                # The server has given up what it still has, and would not wait until all of that is told.
                await gate.emptied(FAREWELL_SECONDS)

    application = FastAPI(
        title="Digits",
        summary="Reads handwritten digits from pictures people really have.",
        version=__version__,
        lifespan=lifespan,
        telemetry=_TELEMETRY,
        # A path with a slash too many is another path: where to go would be told by the host name that was asked for.
        redirect_slashes=False,
        # Those load their scripts from elsewhere; there is a page of our own.
        docs_url=None,
        redoc_url=None,
    )
    parts = (predict, read, batch, feedback, model, health, metrics, open_inference, tensorflow_serving, page)
    routers = [part.router for part in parts]
    for router in routers:
        application.include_router(router)
    problems.install(application)
    documentation.install(
        application,
        (Problem, PlainError, PictureInJson, InferRequest, ServingRequest),
        problems.door_documentation,
    )
    application.add_middleware(predict.Shortcut)
    routes = [route for router in routers for route in router.routes]
    doors.install(application, settings, routes)
    # The documentation's routes are the application's own.
    paths = frozenset(route.path for route in (*application.routes, *routes) if isinstance(route, Route))
    application.add_middleware(HeadAsGet)
    application.add_middleware(Watch, paths, log=settings.access_log)
    application.add_middleware(PlainStartupFailure)
    return application


class PlainStartupFailure:
    """Lets a start-up that ends for want of a model say so in one sentence instead of a stack trace."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but the lifespan's failure."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        failure: Message | None = None

        async def hold_failure(message: Message) -> None:
            nonlocal failure
            if message["type"] == "lifespan.startup.failed":
                failure = message
            else:
                await send(message)

        try:
            await self._app(scope, receive, hold_failure)
        except ArtifactError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except BaseException:
            if failure is not None:
                await send(failure)
            raise
