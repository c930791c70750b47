"""The log: one JSON object a line, or text, and nothing of clients that could pass for something else."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from app.correlation import CURRENT, Trace
from app.logs import LogFormat, logging_config

EVIL = 'a"b\nERROR: forged\r\x1b[2J\u2028ü'


@pytest.fixture
def unchanged_logging() -> Iterator[None]:
    """What a test configures, others do not see."""
    names = ("app", "uvicorn")
    root = logging.getLogger()
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers, root.level = before[0], before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)


def written(form: LogFormat, message: str, *, failed: bool = False, **extra: object) -> str:
    """What one record becomes."""
    stream = io.StringIO()
    config = logging_config(form)
    config["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(config)
    logger = logging.getLogger("app.test")
    logger.info("%s", message, exc_info=ValueError(EVIL) if failed else None, extra=extra)
    return stream.getvalue()


@pytest.mark.usefixtures("unchanged_logging")
class TestJson:
    def test_fields(self) -> None:
        """Each line says when, how grave, who and what, and what was added."""
        [line] = written("json", "hello", route="/predict").splitlines()
        record = json.loads(line)
        assert {"timestamp", "process"} < set(record)
        assert (record["level"], record["logger"], record["message"]) == ("INFO", "app.test", "hello")
        assert record["route"] == "/predict"
        assert "trace_id" not in record

    def test_request_id(self) -> None:
        """While a request is answered, its ids are told."""
        token = CURRENT.set(Trace("1" * 32, "2" * 16))
        try:
            record = json.loads(written("json", "hello"))
        finally:
            CURRENT.reset(token)
        assert (record["trace_id"], record["span_id"]) == ("1" * 32, "2" * 16)

    def test_nothing_breaks_out(self) -> None:
        """Whatever a text holds, the line stays one line of plain ASCII and holds the text."""
        output = written("json", EVIL, failed=True)
        assert output.isascii()
        assert output.count("\n") == 1
        assert output.rstrip("\n").isprintable()
        record = json.loads(output)
        assert record["message"] == EVIL
        assert f"ValueError: {EVIL}" in record["exception"]


@pytest.mark.usefixtures("unchanged_logging")
class TestText:
    def test_line(self) -> None:
        """As the server writes its own."""
        assert written("text", "hello") == "INFO:     hello\n"

    def test_stack_trace_cannot_pass_for_lines(self) -> None:
        """An exception's text is indented and has no commands to the terminal."""
        first, *others = written("text", "failed", failed=True).splitlines()
        assert first == "INFO:     failed"
        assert all(line.startswith("    ") and line.isprintable() for line in others)
        assert any("ERROR: forged" in line for line in others)
