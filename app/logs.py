"""How the log is written: as text for a terminal, or as one JSON object a line; always with the request's id."""

import logging
import textwrap
import traceback
from typing import Any, Final, Literal

from app.correlation import CURRENT

LogFormat = Literal["json", "text"]

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


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line)
