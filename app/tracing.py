"""What this service adds to OpenTelemetry's traces. FastAPI makes the requests' spans, and sends them where wanted."""

import time
from itertools import pairwise

from opentelemetry import trace

from app.correlation import Trace
from app.reading import Times


def current_trace() -> Trace | None:
    """The current span's place in its trace; None where there are no traces."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags))


def name_request(method: str, route: str) -> None:
    """Name the current span after a route that FastAPI did not look for."""
    span = trace.get_current_span()
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)


def add_stages(times: Times) -> None:
    """Add the stages of a reading to the current span, if there is one."""
    if not trace.get_current_span().is_recording():
        return
    tracer = trace.get_tracer("app")
    offset = time.time_ns() - time.perf_counter_ns()
    moments = [offset + int(moment * 1e9) for moment in times]
    for name, (begin, end) in zip(("decode", "prepare", "infer"), pairwise(moments), strict=True):
        tracer.start_span(name, start_time=begin).end(end)
