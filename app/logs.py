"""How the log is written: as text for a terminal, or as one JSON object a line; always with the request's id."""

import logging
import os
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from app.correlation import CURRENT

LogFormat = Literal["json", "text"]

_STANDARD_ERROR: Final = 2
"""Its number, for those who know nothing of Python's."""

ACCESS: Final = "app.access"
"""The logger with a line for each request."""

_NOT_TOLD: Final = ("color_message", "taskName")
"""What uvicorn and asyncio add to records, for others."""


def logging_config(form: LogFormat) -> dict[str, Any]:
    """For `logging.config.dictConfig`: one stream, standard error, for the service and its server."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"json": {"()": "app.logs.WithTrace"}, "text": {"()": "app.logs.Escaped"}},
        "formatters": {
            "json": {
                "()": "app.logs.json_formatter",
            },
            "text": {"()": "uvicorn.logging.DefaultFormatter", "fmt": "%(levelprefix)s %(message)s"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": form,
                "filters": [form],
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"app": {"level": "INFO"}, "uvicorn": {"level": "INFO"}},
    }


def json_formatter() -> logging.Formatter:
    """Writes a record as one line of ASCII: whatever it holds is escaped."""
    from pythonjsonlogger.core import RESERVED_ATTRS
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        ["levelname", "name", "message", "process"],
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        timestamp=True,
        reserved_attrs=[*RESERVED_ATTRS, *_NOT_TOLD],
    )


class WithTrace(logging.Filter):
    """Adds the ids of the request that is being answered, under the names of OpenTelemetry's log data model."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add them; every record passes."""
        trace = CURRENT.get()
        if trace is not None:
            record.trace_id, record.span_id = trace.trace_id, trace.span_id
        return True


class Escaped(logging.Filter):
    """Lets no stack trace pass for lines of the log, or for commands to a terminal: its texts may come from clients."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the stack trace in advance, indented and without control characters; every record passes."""
        if record.exc_info and record.exc_info[0] is not None:
            lines = "".join(traceback.format_exception(*record.exc_info)).rstrip().split("\n")
            record.exc_text = textwrap.indent("\n".join(map(_printable, lines)), "    ")
        return True


@contextmanager
def native_lines(logger: logging.Logger) -> Iterator[None]:
    """Let what libraries that are not Python write to standard error in this block become lines of the log.

    All that this process writes there meanwhile does: it is for the time before it serves.
    """
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:
        # It is closed.
        yield
        return
    reader, writer = os.pipe()
    # A library must not wait because nobody reads; what does not fit is lost.
    os.set_blocking(writer, False)
    os.dup2(writer, _STANDARD_ERROR)
    os.close(writer)
    try:
        yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        os.close(kept)
        with os.fdopen(reader, "rb") as written:
            for line in written.read().decode(errors="replace").splitlines():
                logger.info("%s", _printable(line))


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
