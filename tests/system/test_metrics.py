"""What operators see of a running service: metrics of all its processes, read by a real Prometheus, and its log."""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.metrics_folder import MEMORY
from app.settings import PROJECT_FOLDER
from tests import pictures
from tests.app.test_metrics import told
from tests.system.conftest import PATIENCE, Server, serve, wait_until, workers_of

SMALL = pictures.encode(pictures.seven(28, 28), "PNG")
PROMETHEUS_FILES = PROJECT_FOLDER / "deploy" / "prometheus"
DASHBOARD = PROJECT_FOLDER / "deploy" / "grafana" / "digits.json"


def installed(program: str) -> str:
    """The path of a program of Prometheus's package; skips where the package is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: apt-get install prometheus")
    return path


def ask(server: Server, count: int) -> None:
    """Send small pictures, each over a connection of its own, so that all processes get some."""
    for _ in range(count):
        answer = httpx.post(f"{server.url}/predict", content=SMALL, headers={"content-type": "image/png"})
        assert answer.status_code == httpx.codes.OK


def asked(server: Server) -> float:
    """How many pictures all processes together have answered."""
    return told(metrics_of(server), "digits_requests_total", route="/predict", status="200")


def metrics_of(server: Server) -> str:
    """The exposition."""
    return httpx.get(f"{server.url}/metrics", timeout=PATIENCE).raise_for_status().text


def folders(pid: int) -> set[Path]:
    """Where a process counts together with others, if it does; there may be other services on this machine."""
    return {path.parent for path in MEMORY.glob(f"digits-metrics-*/*_{pid}.db")}


def test_processes_count_together() -> None:
    """Whichever process is asked, it tells all counts; they survive a process, what it had under way does not."""
    with serve(DIGITS_WORKERS=2) as server:
        wait_until(lambda: len(workers_of(server)) == 2, server.process)
        ask(server, 20)
        # The other process settles its counts within a moment.
        wait_until(lambda: asked(server) == 20, server.process)
        for _ in range(10):
            assert asked(server) == 20
        text = metrics_of(server)
        assert told(text, "digits_pictures_total", verdict="digit") == 20
        for stage in ("decode", "prepare", "infer"):
            assert told(text, "digits_stage_seconds_count", stage=stage) == 20
        first, second = workers_of(server)
        [folder] = folders(first)
        assert folders(second) == {folder}
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in workers_of(server) and len(workers_of(server)) == 2, server.process)
        assert second in workers_of(server)

        def counted() -> bool:
            try:
                return asked(server) == 20
            except httpx.TransportError:
                # The connection had been handed to the process that was killed.
                return False

        wait_until(counted, server.process)
        assert not list(folder.glob(f"gauge_live*_{first}.db"))
        assert list(folder.glob(f"counter_{first}.db"))
    assert not folder.exists()


def test_single_process_needs_no_folder() -> None:
    """One process counts in its memory."""
    with serve(DIGITS_WORKERS=1) as server:
        ask(server, 3)
        assert asked(server) == 3
        [pid] = workers_of(server)
        assert folders(pid) == set()


def test_metrics_keep_to_the_rules(server: Server) -> None:
    """Prometheus's own linter has nothing to say."""
    program = installed("promtool")
    ask(server, 1)
    result = subprocess.run(
        [program, "check", "metrics"], input=metrics_of(server), capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_alert_rules() -> None:
    """The rules are well formed, silent about a healthy service, and each is raised by one that is ill."""
    program = installed("promtool")
    for command in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        result = subprocess.run(
            [program, *command], cwd=PROMETHEUS_FILES, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_rules_and_dashboard_name_what_is_told(server: Server) -> None:
    """Each metric in the alert rules and on the dashboard exists."""
    ask(server, 1)
    httpx.post(f"{server.url}/predict", content=b"no picture", headers={"content-type": "image/png"})
    told_names = set(re.findall(r"^# TYPE (\w+)", metrics_of(server), re.MULTILINE)) | {"digits_input_drift"}
    used = PROMETHEUS_FILES.joinpath("alerts.yml").read_text() + DASHBOARD.read_text()
    found = {re.sub("_bucket$", "", name) for name in re.findall(r"\bdigits_\w+", used)}
    assert len(found) >= 8
    assert found <= told_names
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert all(panel["description"] and panel["targets"] for panel in panels)


@contextmanager
def prometheus(folder: Path, server: Server) -> Iterator[str]:
    """A real Prometheus with the repository's configuration, reading this server; yields its address."""
    program = installed("prometheus")
    shutil.copytree(PROMETHEUS_FILES, folder / "config")
    config = folder / "config" / "prometheus.yml"
    config.write_text(
        config.read_text().replace("127.0.0.1:8000", server.url.removeprefix("http://")).replace(": 15s", ": 1s")
    )
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stdout=output,
            stderr=output,
        )
    try:

        def address() -> str | None:
            found = re.search(r"Listening on.*address=(127\.0\.0\.1:\d+)", log.read_text())
            return found and f"http://{found[1]}"

        wait_until(lambda: address() is not None, process)
        yield str(address())
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_real_prometheus_reads_it(tmp_path: Path) -> None:
    """It finds the service up, its counts as they are, and evaluates the rules."""
    installed("prometheus")
    with serve(DIGITS_WORKERS=2) as server, prometheus(tmp_path, server) as address:

        def query(text: str) -> list[dict[str, Any]]:
            answer = httpx.get(f"{address}/api/v1/query", params={"query": text}).raise_for_status().json()
            result: list[dict[str, Any]] = answer["data"]["result"]
            return result

        def value(text: str) -> float | None:
            result = query(text)
            return float(result[0]["value"][1]) if result else None

        wait_until(lambda: value('up{job="digits"}') == 1, server.process)
        ask(server, 7)
        wait_until(lambda: value('digits_requests_total{route="/predict", status="200"}') == 7, server.process)
        wait_until(lambda: value('digits_stage_seconds_count{stage="infer"}') == 7, server.process)
        [model] = query("digits_model_info == 1")
        assert model["metric"]["version"] == httpx.get(f"{server.url}/model").json()["metadata"]["version"]
        groups = httpx.get(f"{address}/api/v1/rules").json()["data"]["groups"]
        assert [rule["health"] for group in groups for rule in group["rules"] if rule["health"] == "err"] == []
        assert sum(len(group["rules"]) for group in groups) == 9


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes what OpenTelemetry's exporter sends."""

    received: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        """Keep it."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("workers", [1, 2])
def test_log_and_traces(workers: int) -> None:
    """Each line of the log is a JSON object; the request's has the id that the caller and the collector got."""
    Collector.received = []
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    try:
        with serve(
            python=sys.executable,  # which has the extra `tracing`
            DIGITS_WORKERS=workers,
            DIGITS_ACCESS_LOG="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_SERVICE_NAME="digits",
        ) as server:
            answer = httpx.post(
                f"{server.url}/predict",
                content=SMALL,
                headers={"content-type": "image/png", "traceparent": parent, "user-agent": 'x"\\u001b[2J'},
            )
            httpx.get(f"{server.url}/evil%0A%22")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.stdout is not None
            # The compiled libraries have lines of their own.
            lines = [line for line in server.process.stdout.read().splitlines() if not line.startswith("INFO: Created")]
    finally:
        collector.shutdown()
        collector.server_close()
    records = [json.loads(line) for line in lines]
    assert {"level", "logger", "message", "timestamp", "process"} <= set.intersection(*map(set, records))
    [record] = [one for one in records if one.get("route") == "/predict"]
    _, trace_id, span_id, _ = answer.headers["traceparent"].split("-")
    assert (record["trace_id"], record["span_id"]) == (trace_id, span_id)
    assert (record["method"], record["status"], trace_id) == ("POST", 200, parent.split("-")[1])
    assert "evil" not in str(records)
    spans = {
        span.name: span
        for request in Collector.received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert (spans["POST /predict"].trace_id.hex(), spans["POST /predict"].span_id.hex()) == (trace_id, span_id)
    for stage in ("decode", "prepare", "infer"):
        assert spans[stage].parent_span_id.hex() == span_id
