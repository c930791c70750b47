"""Settings, from the environment: each field is the variable DIGITS_<FIELD>."""

import os
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.contract import MAX_PIXELS

ENVIRONMENT_PREFIX: Final = "DIGITS_"

PROJECT_FOLDER: Final = Path(__file__).parent.parent


class Settings(BaseSettings):
    """What an operator may choose."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True)

    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(description="Port to listen on.", ge=0, le=65535)] = 8000
    model: Annotated[
        Path, Field(description="The model to serve: `artifacts/NAME`, a version's folder, or a `.keras` file.")
    ] = PROJECT_FOLDER / "artifacts" / "default"
    max_bytes: Annotated[int, Field(description="Largest picture accepted, in bytes.", ge=1024, le=2**30)] = 16 * 2**20
    max_pixels: Annotated[
        int, Field(description="Most pixels (width times height) of a picture.", ge=28 * 28, le=89_478_485)
    ] = MAX_PIXELS
    pool_threads: Annotated[
        int, Field(description="Threads for pictures that take too long for the event loop.", ge=1, le=256)
    ] = max(1, os.cpu_count() or 1)
    pool_capacity: Annotated[
        int, Field(description="Such pictures read or waiting at once; one more is answered with 503.", ge=1, le=10_000)
    ] = 64
