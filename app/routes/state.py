"""What the lifespan made and the handlers use."""

from dataclasses import dataclass
from typing import Final, cast

from fastapi import Request

from app.admission import Pool
from app.loading import Model
from app.pages import Site
from app.schemas import ModelName

STATE_KEY: Final = "service"
"""Where in the lifespan's state the service lies."""


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a handler needs."""

    model: Model
    pool: Pool
    max_bytes: int
    max_pixels: int
    max_batch: int
    max_batch_bytes: int
    site: Site

    @property
    def model_name(self) -> ModelName:
        """Which model answers."""
        return ModelName(name=self.model.metadata.name, version=self.model.metadata.version)


def service_of(request: Request) -> Service:
    """The service that the lifespan made."""
    return cast(Service, request.scope["state"][STATE_KEY])
