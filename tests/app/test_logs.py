"""The log: one JSON object a line, or text, and nothing of clients that could pass for something else."""

import contextlib
import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.correlation import CURRENT, Trace
from app.logs import LogFormat, logging_config, native_lines
from app.settings import PROJECT_FOLDER

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


class TestNativeLines:
    def test_become_records(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        """What is written past Python becomes lines of the log, and nothing of it gets to standard error."""
        logger = logging.getLogger("app.test")
        with caplog.at_level(logging.INFO, "app.test"), native_lines(logger):
            os.write(2, b"INFO: made\nodd \xff\x1b[2J\n")
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("INFO", "INFO: made"),
            ("INFO", "odd \ufffd\\x1b[2J"),
        ]
        os.write(2, b"after\n")
        assert capfd.readouterr().err == "after\n"

    def test_more_than_is_kept(self, caplog: pytest.LogCaptureFixture) -> None:
        """A library that writes without end does not wait for ever."""
        with caplog.at_level(logging.INFO, "app.test"), native_lines(logging.getLogger("app.test")):
            for _ in range(100):
                with contextlib.suppress(BlockingIOError):
                    os.write(2, b"x" * 4095 + b"\n")
        assert 0 < len(caplog.records) < 100

    def test_service_logs_nothing_else(self) -> None:
        """From a start to an end, all that a service writes is JSON."""
        program = (
            "import os, logging.config; from app.logs import logging_config; from tests.app.service import serving\n"
            "logging.config.dictConfig(logging_config('json')); import app.main\n"
            "with serving(app.main.application()) as client: assert client.get('/health/ready').status_code == 200"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], cwd=PROJECT_FOLDER, capture_output=True, text=True, check=True, timeout=120
        )
        assert [json.loads(line)["level"] for line in ended.stderr.splitlines()]
        assert ended.stdout == ""
