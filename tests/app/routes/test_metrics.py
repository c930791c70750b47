"""GET /metrics."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.routes import metrics
from tests.app.service import Client


def test_metrics_are_told(client: Client) -> None:
    """The answer is Prometheus's text format, and names the model."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    name = client.get("/model").json()["metadata"]
    labels = [sample.labels for sample in families["digits_model_info"].samples if sample.value == 1]
    assert {"name": name["name"], "version": name["version"]} in labels
    assert all(family.name.startswith("digits_") and family.documentation for family in families.values())


def test_not_to_too_many_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few wait for one another; more are refused, and nobody is once those are served."""
    entered, may_go_on = threading.Semaphore(0), threading.Event()

    def slowly(_: object) -> bytes:
        entered.release()
        assert may_go_on.wait(60)
        return b"told"

    monkeypatch.setattr(metrics, "_exposition", slowly)
    with ThreadPoolExecutor(metrics.MOST) as others:
        asked = [others.submit(client.get, metrics.PATH) for _ in range(metrics.MOST)]
        for _ in asked:
            assert entered.acquire(timeout=60)
        refused = client.get(metrics.PATH)
        may_go_on.set()
        assert [answer.result().status_code for answer in asked] == [200] * metrics.MOST
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert client.get(metrics.PATH).content == b"told"
