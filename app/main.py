"""The entry point: binds settings, application and server. Run it with `python -m app.main`."""

import logging
import sys
import warnings
from typing import Final

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from app.application import create_app
from app.settings import ENVIRONMENT_PREFIX, Settings

SHUTDOWN_SECONDS: Final = 5
"""How long requests under way may take after SIGTERM; container runtimes kill after ten."""


def settings_from_environment() -> Settings:
    """Read the settings; a bad one ends the process with a sentence."""
    try:
        return Settings()
    except ValidationError as error:
        for part in error.errors():
            variable = ENVIRONMENT_PREFIX + str(part["loc"][0]).upper()
            sys.stderr.write(f"{variable}={part['input']!r} is not usable: {part['msg']}.\n")
        sys.exit(2)


def application() -> FastAPI:
    """The application, for servers that take a factory: `uvicorn --factory app.main:application`."""
    return create_app(settings_from_environment())


def main() -> None:
    """Serve until told to stop."""
    settings = settings_from_environment()
    # What clients send must not fill the log.
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        # httptools drops the body of requests that offer to upgrade to HTTP/2, as curl and Java's client do.
        http="h11",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
