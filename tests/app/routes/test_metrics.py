"""GET /metrics."""

from prometheus_client.parser import text_string_to_metric_families

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
