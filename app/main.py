"""The entry point: binds settings, application and server. Run it with `python -m app.main`."""

import contextlib
import logging
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if __name__ == "__main__":
    # Until the server listens to SIGTERM, and once it is done with it, the signal is a clean end. First of all: the
    # imports below take a while, and as a container's first process this one would be deaf to it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

from pydantic import ValidationError
from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.draining import SHUTDOWN_SECONDS
from app.listening import shared
from app.logs import logging_config
from app.metrics_folder import shared_folder
from app.rate import shared_between_processes
from app.settings import Settings, complaints

_STILL_SECONDS: Final = 20
"""How long a process may say nothing before it is replaced. On a busy machine one that starts is silent for more than
uvicorn's five seconds, and so is the one that replaces it."""

if TYPE_CHECKING:
    from fastapi import FastAPI


def settings_from_environment() -> Settings:
    """Read the settings; a bad one ends the process with a sentence."""
    try:
        return Settings()
    except ValidationError as error:
        sys.stderr.writelines(f"{complaint}\n" for complaint in complaints(error))
        sys.exit(2)


def application() -> "FastAPI":
    """The application of one process; other servers take it too: `uvicorn --factory app.main:application`."""
    # The process that only watches over the others does without all this.
    from app.application import create_app

    # What clients send must not fill the log.
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    return create_app(settings_from_environment())


@contextlib.contextmanager
def counting_together(settings: Settings) -> Iterator[None]:
    """Give several processes what they need to count together: their metrics, and one rate limit if there is one."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(shared_folder())
        except OSError as error:
            sys.exit(
                f"Several processes need a place for their metrics, /dev/shm or temporary files ({error.strerror}); "
                "or say DIGITS_WORKERS=1."
            )
        if settings.rate_limit:
            try:
                stack.enter_context(shared_between_processes())
            except OSError as error:
                sys.exit(
                    f"DIGITS_RATE_LIMIT needs shared memory for several processes ({error.strerror}); "
                    "or say DIGITS_WORKERS=1."
                )
        yield


def main() -> None:
    """Serve until told to stop."""
    settings = settings_from_environment()
    config = Config(
        "app.main:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="app.protocol:HttpProtocol",
        ws="none",
        lifespan="on",
        log_config=logging_config(settings.log_format),
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_worker_healthcheck=_STILL_SECONDS,
        # uvicorn would believe whatever runs on this machine about its clients.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    if settings.workers == 1:
        server = Server(config)
        # Ctrl-C, after the requests under way were answered.
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
        failed = not server.started
    else:
        supervisor = Multiprocess(config, [shared(config.bind_socket())])
        with counting_together(settings):
            supervisor.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    if failed:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
