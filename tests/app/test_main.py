"""The entry point: settings, application and server are bound, and mistakes end in a sentence."""

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE

from app import main
from app.metrics_folder import FOLDER_VARIABLE
from app.protocol import HttpProtocol
from app.settings import PROJECT_FOLDER
from tests.app.service import request_scope


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


class Started:
    """What was started in place of servers and supervisors."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, Config]] = []
        self.works = True
        """Whether the next one gets as far as serving."""
        self.interrupted = False
        self.counted_in: list[str | None] = []
        """The folders that processes would have been told to count in."""
        """Whether Ctrl-C ends it."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The entry point starts nothing that listens."""
    record = Started()

    class RecordedServer:
        def __init__(self, config: Config) -> None:
            self._config = config
            self.started = False

        def run(self) -> None:
            record.runs.append(("server", self._config))
            record.counted_in.append(os.environ.get(FOLDER_VARIABLE))
            self.started = record.works
            if record.interrupted:
                raise KeyboardInterrupt

    class RecordedSupervisor:
        def __init__(self, config: Config, sockets: list[str]) -> None:
            assert sockets == ["the shared socket"]
            self._config = config
            self.processes = [SimpleNamespace(exitcode=0), SimpleNamespace(exitcode=0)]

        def run(self) -> None:
            record.runs.append(("supervisor", self._config))
            record.counted_in.append(os.environ.get(FOLDER_VARIABLE))
            if not record.works:
                self.processes[1].exitcode = STARTUP_FAILURE

    monkeypatch.setattr(main, "Server", RecordedServer)
    monkeypatch.setattr(main, "Multiprocess", RecordedSupervisor)
    monkeypatch.setattr(Config, "bind_socket", lambda _: "a socket")
    monkeypatch.setattr(main, "shared", {"a socket": "the shared socket"}.get)
    return record


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

    @pytest.mark.parametrize("name", ["DIGITS_WORKERS", "DIGITS_POOL_THREADS"])
    @pytest.mark.parametrize("value", ["0", "many", "257", ""])
    def test_one_mistake_is_one_sentence(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
    ) -> None:
        """Settings that follow from a bad one are not told of."""
        monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as caught:
            main.settings_from_environment()
        assert caught.value.code == 2
        [sentence] = capsys.readouterr().err.splitlines()
        assert sentence.startswith(f"{name}='{value}' is not usable: ")

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_process_without_a_model(self, tmp_path: Path, workers: str) -> None:
        """A service without a model ends with an error code and says what to do, without a stack trace."""
        ended = run_main(DIGITS_MODEL=str(tmp_path), DIGITS_PORT="0", DIGITS_WORKERS=workers)
        assert ended.returncode not in (0, 2)
        assert f"{tmp_path} holds no published model. Train one with: make train" in ended.stderr
        assert "Traceback" not in ended.stderr


class TestBinding:
    def test_factory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Servers that take a factory get the application."""
        monkeypatch.setenv("DIGITS_PORT", "1234")
        assert isinstance(main.application(), FastAPI)

    def test_server_gets_the_settings(self, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server listens where the settings say, insists on the lifespan and does not name itself."""
        monkeypatch.setenv("DIGITS_HOST", "127.0.0.7")
        monkeypatch.setenv("DIGITS_PORT", "1234")
        monkeypatch.setenv("DIGITS_WORKERS", "1")
        main.main()
        [(_, config)] = started.runs
        assert (config.host, config.port, config.workers) == ("127.0.0.7", 1234, 1)
        assert config.lifespan == "on"
        assert config.server_header is False
        config.load()
        assert config.http_protocol_class is HttpProtocol
        assert config.ws_protocol_class is None


class TestProxies:
    def seen(self, monkeypatch: pytest.MonkeyPatch, started: Started, host: str) -> tuple[str, str]:
        """The client's address and the scheme that an application gets to see of a request that a proxy passed on."""
        found = []

        async def look(scope: Scope, _: Receive, __: Send) -> None:
            found.append((scope["client"][0], scope["scheme"]))

        monkeypatch.setattr(main, "application", lambda: look)
        monkeypatch.setenv("DIGITS_WORKERS", "1")
        main.main()
        [(_, config)] = started.runs
        config.load()
        scope = request_scope("/", {"x-forwarded-for": "203.0.113.9, 192.0.2.7", "x-forwarded-proto": "https"})
        scope["client"] = (host, 1)
        anyio.run(config.loaded_app, scope, None, None)
        return found[0]

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.1"])
    def test_nobody_is_believed(self, started: Started, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
        """Unless it is set no proxy is trusted, not even on this machine, and whatever uvicorn's own variable says."""
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
        assert self.seen(monkeypatch, started, host) == (host, "http")

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("10.0.0.1", ("192.0.2.7", "https")),
            ("127.0.0.1", ("192.0.2.7", "https")),
            ("11.0.0.1", ("11.0.0.1", "http")),
        ],
    )
    def test_those_that_are_set(
        self, started: Started, monkeypatch: pytest.MonkeyPatch, host: str, expected: tuple[str, str]
    ) -> None:
        """Proxies that are named are believed about their own clients; all others are not."""
        monkeypatch.setenv("DIGITS_TRUSTED_PROXIES", "10.0.0.0/8 127.0.0.1")
        assert self.seen(monkeypatch, started, host) == expected


class TestProcesses:
    @pytest.mark.parametrize(
        ("rate", "workers", "together"), [("9/hour", "2", True), ("9/hour", "1", False), ("none", "2", False)]
    )
    def test_several_keep_one_rate_limit(
        self, started: Started, monkeypatch: pytest.MonkeyPatch, rate: str, workers: str, *, together: bool
    ) -> None:
        """Processes count together where there are several and a limit; the memory is theirs while they run."""
        shared = []

        @contextlib.contextmanager
        def share() -> Iterator[None]:
            shared.append(len(started.runs))
            yield
            shared.append(len(started.runs))

        monkeypatch.setattr(main, "shared_between_processes", share)
        monkeypatch.setenv("DIGITS_RATE_LIMIT", rate)
        monkeypatch.setenv("DIGITS_WORKERS", workers)
        main.main()
        assert shared == ([0, 1] if together else [])

    def test_no_shared_memory(self, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the system has none for a rate limit, a sentence says what to do."""

        def fail() -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(main, "shared_between_processes", fail)
        monkeypatch.setenv("DIGITS_RATE_LIMIT", "9/hour")
        monkeypatch.setenv("DIGITS_WORKERS", "2")
        with pytest.raises(SystemExit, match=r"No space left on device.*DIGITS_WORKERS=1"):
            main.main()
        assert started.runs == []

    @pytest.mark.parametrize(("workers", "kind"), [("1", "server"), ("2", "supervisor"), ("5", "supervisor")])
    def test_kinds(self, started: Started, monkeypatch: pytest.MonkeyPatch, workers: str, kind: str) -> None:
        """One process serves by itself, several have one that watches over them."""
        monkeypatch.setenv("DIGITS_WORKERS", workers)
        main.main()
        [(found, config)] = started.runs
        assert (found, config.workers) == (kind, int(workers))

    def test_processes_count_together(self, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
        """Several processes have a folder for their metrics while they run, one needs none."""
        for workers in ("1", "2"):
            monkeypatch.setenv("DIGITS_WORKERS", workers)
            main.main()
        alone, together = started.counted_in
        assert alone is None
        assert together is not None
        assert not Path(together).exists()

    def test_no_place_to_count(self, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where several processes find no place for their metrics, a sentence says what to do; one needs none."""

        def refuse(*_: object, **__: object) -> str:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        monkeypatch.setattr("tempfile.mkdtemp", refuse)
        monkeypatch.setenv("DIGITS_WORKERS", "1")
        main.main()
        assert len(started.runs) == 1
        monkeypatch.setenv("DIGITS_WORKERS", "2")
        with pytest.raises(SystemExit, match=r"metrics, .* \(Read-only file system\); or say DIGITS_WORKERS=1\."):
            main.main()
        assert len(started.runs) == 1

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_failed_start(self, started: Started, monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
        """Where a process failed to start, the exit code says so, whichever kind it is."""
        monkeypatch.setenv("DIGITS_WORKERS", workers)
        started.works = False
        with pytest.raises(SystemExit) as caught:
            main.main()
        assert caught.value.code == STARTUP_FAILURE

    def test_interrupt_is_no_failure(self, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C ends a service that has started without a stack trace and without a code."""
        monkeypatch.setenv("DIGITS_WORKERS", "1")
        started.interrupted = True
        main.main()
        assert len(started.runs) == 1
