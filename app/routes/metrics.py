"""GET /metrics: what is counted, for Prometheus."""

import threading
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from app import metrics
from app.routes.state import service_of

router = APIRouter(tags=["health"])

PATH: Final = "/metrics"

_one_at_a_time: Final = threading.Lock()
"""It is never refused: many at once would keep the event loop from its turn."""


@router.get(PATH, summary="What was counted, for Prometheus", response_class=PlainTextResponse)
def tell_metrics(request: Request) -> Response:
    """All processes' metrics, in Prometheus's text format. Not on the event loop: it reads their files."""
    with _one_at_a_time:
        families = service_of(request).inputs.with_drift(metrics.gathered())
        return Response(metrics.exposition(families), media_type=metrics.MEDIA_TYPE)
