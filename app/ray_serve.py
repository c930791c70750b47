"""The service on Ray Serve, for clusters that run Ray anyway: `serve run app.ray_serve:digits`.

It is the application of app.main, in as many replicas as there is work for; its settings are the same.
"""

from typing import Any, cast

from ray import serve
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import application
from app.routes.state import STATE_KEY, Live


class WithState:
    """Hands what the lifespan has made on to the requests, as servers do and Ray Serve does not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        """What the lifespan has made; empty before its start-up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] == "lifespan":
            self.state = scope.setdefault("state", self.state)
        else:
            scope["state"] = dict(self.state)
        await self._app(scope, receive, send)


def build() -> WithState:
    """The application of one replica, in the replica's process."""
    return WithState(application())


@serve.deployment(
    name="digits",
    # A replica takes small pictures one after the other; more at a time would only wait in it.
    max_ongoing_requests=32,
    # More are answered with 503, as the service itself does.
    max_queued_requests=256,
    autoscaling_config={"min_replicas": 2, "max_replicas": 16, "target_ongoing_requests": 4},
    ray_actor_options={"num_cpus": 1},
    # A replica that ends is sent no more, and finishes what it has.
    health_check_period_s=2,
    health_check_timeout_s=10,
    graceful_shutdown_wait_loop_s=1,
    graceful_shutdown_timeout_s=20,
)
@serve.ingress(build)
class Digits:
    """A replica."""

    app: WithState
    """Ray Serve sets it."""

    def check_health(self) -> None:
        """Whether it is ready, in the terms of /health/ready; Ray Serve replaces a replica that is not.

        Raises:
            ShuttingDownError: it was told to end.
        """
        cast(Live, self.app.state[STATE_KEY]).service.check_ready()


digits = Digits.bind()  # type: ignore[attr-defined]
