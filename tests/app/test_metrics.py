"""What is counted, in one process and in several."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import metrics
from app.metrics_folder import FOLDER_VARIABLE
from app.settings import PROJECT_FOLDER


def told(text: str, name: str, /, **labels: str) -> float:
    """One value of an exposition; 0 where it does not occur."""
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    assert len(found) <= 1
    return sum(found)


def current() -> str:
    """All metrics of this process."""
    return metrics.exposition(metrics.gathered()).decode()


def test_request() -> None:
    """A request counts once by route and status, and its time by route."""
    before = current()
    metrics.request("/here", 418, 0.75)
    metrics.request("/here", 418, 0.25)
    after = current()
    assert told(after, "digits_requests_total", route="/here", status="418") == 2
    assert told(after, "digits_request_seconds_sum", route="/here") == 1.0
    assert told(after, "digits_request_seconds_bucket", route="/here", le="0.5") == 1
    assert told(before, "digits_requests_total", route="/here", status="418") == 0


def test_picture() -> None:
    """A picture counts by its verdict and has three stages."""
    before = current()
    metrics.picture("uncertain", 0.25, 0.5, 1.0)
    metrics.picture(None, 0.25, 0.5, 1.0)
    after = current()
    for verdict in ("uncertain", "none"):
        name = "digits_pictures_total"
        assert told(after, name, verdict=verdict) == told(before, name, verdict=verdict) + 1
    for stage, seconds in (("decode", 0.25), ("prepare", 0.5), ("infer", 1.0)):
        name = "digits_stage_seconds_sum"
        assert told(after, name, stage=stage) == pytest.approx(told(before, name, stage=stage) + 2 * seconds)


def test_waiting_is_timed() -> None:
    """Work that waited notes it when it begins, and gives what it gives."""
    name = "digits_stage_seconds_count"
    before = told(current(), name, stage="queue")
    work = metrics.waited(lambda: "done")
    assert told(current(), name, stage="queue") == before
    assert work() == "done"
    assert told(current(), name, stage="queue") == before + 1


def test_counts_that_wait_are_told() -> None:
    """What was put off is counted before anything is told, and in steps that hold nobody up."""
    for _ in range(150):
        metrics.later(metrics.problem, "put_off")
    assert metrics.settle()
    assert told(current(), "digits_problems_total", code="put_off") == 150
    assert not metrics.settle()


def test_switches_are_told_from_the_beginning() -> None:
    """Prometheus sees the first one only if it saw none before."""
    for outcome in ("done", "failed"):
        assert f'digits_model_switches_total{{outcome="{outcome}"}}' in current()
    before = told(current(), "digits_model_switches_total", outcome="failed")
    metrics.model_switch(done=False)
    assert told(current(), "digits_model_switches_total", outcome="failed") == before + 1


PROCESS = """
import os, sys
from app import metrics
metrics.request("/predict", 200, 0.25)
metrics.QUEUE_DEPTH.inc(3)
metrics.MODEL_INFO.labels("default", "1").set(1)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


class Process:
    """A process that counted in a folder and lives until it is told to end."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            cwd=PROJECT_FOLDER,
            env=os.environ | {FOLDER_VARIABLE: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.pid = int(self._process.stdout.readline())

    def end(self) -> None:
        """Kill it, as the system does when memory is short."""
        self._process.kill()
        self._process.communicate()


def test_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts add up over all processes, also of those that died; what they had under way dies with them."""
    processes = [Process(tmp_path) for _ in range(3)]
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    try:
        text = current()
        assert told(text, "digits_requests_total", route="/predict", status="200") == 3
        assert told(text, "digits_request_seconds_sum", route="/predict") == 0.75
        assert told(text, "digits_request_seconds_count", route="/predict") == 3
        assert told(text, "digits_queue_depth") == 9
        assert told(text, "digits_model_info", name="default", version="1") == 1
        processes[0].end()
        text = current()
        assert told(text, "digits_requests_total", route="/predict", status="200") == 3
        assert told(text, "digits_queue_depth") == 6
        assert told(text, "digits_model_info", name="default", version="1") == 1
    finally:
        for process in processes:
            process.end()
    text = current()
    assert told(text, "digits_requests_total", route="/predict", status="200") == 3
    assert told(text, "digits_queue_depth") == 0
    assert "digits_model_info{" not in text
    assert list(tmp_path.glob("gauge_live*")) == []


def test_processes_of_others_are_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not be signalled is there."""

    def refuse(_: int, __: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert metrics._is_alive(1)
