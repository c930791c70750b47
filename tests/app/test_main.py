"""The entry point: settings, application and server are bound, and mistakes end in a sentence."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from app import main
from app.settings import PROJECT_FOLDER


def run_main(**settings: str) -> subprocess.CompletedProcess[str]:
    """Start the service as its users do, with these settings; for starts that fail."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITS_")}
    return subprocess.run(
        [sys.executable, "-m", "app.main"],
        env=environment | settings,
        cwd=PROJECT_FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class TestMistakes:
    def test_bad_values_are_told_in_sentences(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Each unusable setting is told on stderr by its variable's name and value, and the exit code is 2."""
        monkeypatch.setenv("DIGITS_PORT", "http")
        monkeypatch.setenv("DIGITS_POOL_THREADS", "0")
        with pytest.raises(SystemExit) as caught:
            main.settings_from_environment()
        assert caught.value.code == 2
        port, threads = capsys.readouterr().err.splitlines()
        assert port.startswith("DIGITS_PORT='http' is not usable: ")
        assert threads.startswith("DIGITS_POOL_THREADS='0' is not usable: ")
        assert port.endswith(".")

    def test_process_with_a_bad_value(self) -> None:
        """The process ends with code 2 and one sentence, without a stack trace."""
        ended = run_main(DIGITS_MAX_BYTES="many")
        assert ended.returncode == 2
        assert ended.stderr.startswith("DIGITS_MAX_BYTES='many' is not usable: ")
        assert len(ended.stderr.splitlines()) == 1
        assert ended.stdout == ""

    def test_process_without_a_model(self, tmp_path: Path) -> None:
        """A process without a model ends with an error code and says what to do, without a stack trace."""
        ended = run_main(DIGITS_MODEL=str(tmp_path), DIGITS_PORT="0")
        assert ended.returncode not in (0, 2)
        assert f"{tmp_path} holds no published model. Train one with: make train" in ended.stderr
        assert "Traceback" not in ended.stderr


class TestBinding:
    def test_factory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Servers that take a factory get the application."""
        monkeypatch.setenv("DIGITS_PORT", "1234")
        assert isinstance(main.application(), FastAPI)

    def test_server_gets_the_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server listens where the settings say, insists on the lifespan and does not name itself."""
        calls: list[tuple[Any, dict[str, Any]]] = []

        def record(application: Any, **options: Any) -> None:
            calls.append((application, options))

        monkeypatch.setenv("DIGITS_HOST", "127.0.0.7")
        monkeypatch.setenv("DIGITS_PORT", "1234")
        monkeypatch.setattr(uvicorn, "run", record)
        main.main()
        [(application, options)] = calls
        assert isinstance(application, FastAPI)
        assert (options["host"], options["port"]) == ("127.0.0.7", 1234)
        assert options["lifespan"] == "on"
        assert options["server_header"] is False
