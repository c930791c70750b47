"""What the lifespan made and the handlers use."""

from dataclasses import dataclass
from typing import Final, cast

from fastapi import Request

from app.admission import Pool
from app.errors import ShuttingDownError
from app.feedback.intake import Intake
from app.gate import Gate
from app.inputs import Inputs
from app.loading import Model
from app.pages import Site
from app.schemas import ModelName
from app.shadow import Shadow
from app.versions import Watcher

STATE_KEY: Final = "service"
"""Where in the lifespan's state the service lies, as Live."""


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a handler needs."""

    model: Model
    inputs: Inputs
    pool: Pool
    gate: Gate
    max_bytes: int
    max_pixels: int
    max_batch: int
    max_batch_bytes: int
    site: Site
    watcher: Watcher
    """Brings the next version of the model."""
    intake: Intake | None = None
    """Keeps corrections, if there is a database for them."""
    shadow: Shadow | None = None
    shadow_watcher: Watcher | None = None

    @property
    def model_name(self) -> ModelName:
        """Which model answers."""
        return ModelName(name=self.model.metadata.name, version=self.model.metadata.version)

    def check_ready(self) -> None:
        """Whether pictures should be sent here.

        Raises:
            ShuttingDownError: the process was told to end.
        """
        if self.gate.draining:
            raise ShuttingDownError("The service is about to stop. Send pictures elsewhere.")


@dataclass(slots=True)
class Live:
    """The service as it is now. A new version of the model comes as another Service, in one step."""

    service: Service


def service_of(request: Request) -> Service:
    """The service as it is now; a request asks once, and ends with the model it began with."""
    return cast(Live, request.scope["state"][STATE_KEY]).service
