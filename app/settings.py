"""Settings, from the environment: each field is the variable DIGITS_<FIELD>."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.contract import MAX_PIXELS
from app.quota import usable_cores

ENVIRONMENT_PREFIX: Final = "DIGITS_"

PROJECT_FOLDER: Final = Path(__file__).parent.parent

_CARRIED_MODEL: Final = Path(__file__).parent / "artifacts" / "default"
"""Where the model lies in an installed package; a checkout has no such folder."""


class Settings(BaseSettings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(description="Port to listen on.", ge=0, le=65535)] = 8000
    model: Annotated[
        Path, Field(description="The model to serve: `artifacts/NAME`, a version's folder, or a `.keras` file.")
    ] = _CARRIED_MODEL if _CARRIED_MODEL.is_dir() else PROJECT_FOLDER / "artifacts" / "default"
    max_bytes: Annotated[int, Field(description="Largest picture accepted, in bytes.", ge=1024, le=2**30)] = 16 * 2**20
    max_pixels: Annotated[
        int, Field(description="Most pixels (width times height) of a picture.", ge=28 * 28, le=89_478_485)
    ] = MAX_PIXELS
    max_batch: Annotated[int, Field(description="Most pictures of one request.", ge=1, le=1024)] = 64
    max_batch_bytes: Annotated[
        int, Field(description="Largest request with several pictures or tensors, in bytes.", ge=1024, le=2**30)
    ] = 64 * 2**20
    workers: Annotated[
        int,
        Field(
            description="Processes that share the port; as many as whole cores may be used, in a container too.",
            ge=1,
            le=256,
            default_factory=lambda: max(1, int(usable_cores())),
        ),
    ]
    pool_threads: Annotated[
        int,
        Field(
            description="Threads of each process for pictures that take too long for the event loop.",
            ge=1,
            le=256,
            default_factory=lambda known: max(1, int(usable_cores()) // known["workers"]),
        ),
    ]
    pool_capacity: Annotated[
        int,
        Field(
            description="Requests with such pictures, or with many, that a process has under way or waiting; one "
            "more is answered with 503.",
            ge=1,
            le=10_000,
        ),
    ] = 64


def complaints(error: ValidationError) -> Iterator[str]:
    """A sentence for each setting that is not usable."""
    for part in error.errors():
        if part["type"] == "default_factory_not_called":
            # It follows from another mistake.
            continue
        variable = ENVIRONMENT_PREFIX + str(part["loc"][0]).upper()
        yield f"{variable}={part['input']!r} is not usable: {part['msg']}."
