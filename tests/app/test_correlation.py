"""Request ids, as W3C Trace Context has them."""

import re

import pytest

from app.correlation import CURRENT, Trace, continued, response_headers

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def test_new_trace() -> None:
    """Without a caller's header each request has an id of its own, well formed."""
    first, second = continued(None), continued(None)
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", first.header)
    assert first.trace_id != second.trace_id
    assert first.span_id != second.span_id


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        # Flags that mean nothing yet are not passed on.
        (f"00-{TRACE}-{SPAN}-ff", 3),
        # A later version may have more to say.
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", 1),
    ],
)
def test_callers_trace_goes_on(header: str, flags: int) -> None:
    """The trace is the caller's, the span is not."""
    trace = continued(header.encode())
    assert (trace.trace_id, trace.flags) == (TRACE, flags)
    assert re.fullmatch("[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != SPAN


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_malformed_header_begins_a_new_trace(header: str) -> None:
    """What is not a traceparent is as if it were not there."""
    assert continued(header.encode()).trace_id != TRACE


def test_headers_of_the_current_request() -> None:
    """Outside of a request there are none."""
    assert response_headers() == {}
    token = CURRENT.set(Trace(TRACE, SPAN, 1))
    try:
        assert response_headers() == {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    finally:
        CURRENT.reset(token)
