"""Traces: spans of requests and stages, in the caller's trace."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from app.application import create_app
from app.settings import Settings
from tests import pictures
from tests.app.service import Client, serving

PICTURE = pictures.encode(pictures.seven(28, 28), "PNG")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Keeps what would be sent."""
    return InMemorySpanExporter()


@pytest.fixture
def traced(tiny_artifact: Path, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a service with traces."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # What an endpoint in the environment would set for the whole process, and for good.
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    application = create_app(Settings(model=tiny_artifact))
    application._telemetry["tracer_provider"] = provider
    with serving(application) as running:
        yield running


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """What was sent, by name."""
    return {span.name: span for span in exporter.get_finished_spans()}


def test_request_and_stages(traced: Client, exporter: InMemorySpanExporter) -> None:
    """A request's span belongs to the caller's trace, its stages to the request's span, one after the other."""
    answer = traced.request("POST", "/predict", content=PICTURE, headers={"traceparent": PARENT})
    assert answer.status_code == 415
    answer = traced.request(
        "POST", "/predict", content=PICTURE, headers={"traceparent": PARENT, "content-type": "image/png"}
    )
    assert answer.status_code == 200
    found = spans(exporter)
    request = found["POST /predict"]
    assert request.parent is not None
    assert request.context is not None
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"
    assert f"{request.context.trace_id:032x}" == TRACE
    assert answer.headers["traceparent"] == f"00-{TRACE}-{request.context.span_id:016x}-01"
    assert request.attributes is not None
    assert request.attributes["http.route"] == "/predict"
    assert request.attributes["http.response.status_code"] == 200
    assert request.status.status_code == StatusCode.UNSET
    times = []
    for name in ("decode", "prepare", "infer"):
        assert found[name].parent == request.context
        times += [found[name].start_time, found[name].end_time]
    assert times == sorted(times, key=lambda time: time or 0)


@pytest.mark.parametrize("path", ["/predict?explain=true", "/predict/batch"])
def test_stages_in_threads(traced: Client, exporter: InMemorySpanExporter, path: str) -> None:
    """Threads know whose picture they read."""
    assert traced.request("POST", path, files={"file": PICTURE}).status_code == 200
    found = spans(exporter)
    assert found["infer"].parent == found[f"POST {path.partition('?')[0]}"].context


def test_unknown_routes(traced: Client, exporter: InMemorySpanExporter) -> None:
    """What clients write is no span's name."""
    traced.get("/evil")
    [span] = spans(exporter).values()
    assert span.name == "GET"


def test_faults(traced: Client, exporter: InMemorySpanExporter) -> None:
    """A fault of the service is an error, a mistake of the client is none."""
    traced.state.clear()
    assert traced.get("/model").status_code == 500
    assert spans(exporter)["GET /model"].status.status_code == StatusCode.ERROR
