"""GET /metrics: what is counted, for Prometheus."""

import threading
from typing import Final

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from app import metrics
from app.errors import OverloadedError
from app.problems import problem_documentation
from app.routes.state import Service, service_of

router = APIRouter(tags=["health"])

PATH: Final = "/metrics"

MOST: Final = 4
"""Who may wait for them at once: each takes milliseconds of a thread, and the thread time from everybody else."""

_one_at_a_time: Final = threading.Lock()

_places: Final = threading.BoundedSemaphore(MOST)


@router.get(
    PATH,
    summary="What was counted, for Prometheus",
    response_class=PlainTextResponse,
    responses=problem_documentation(OverloadedError),
)
async def tell_metrics(request: Request) -> Response:
    """All processes' metrics, in Prometheus's text format."""
    if not _places.acquire(blocking=False):
        raise OverloadedError("Many are being told the metrics already. Try again in a second.")
    try:
        # Not on the event loop: it reads the files of all processes.
        content = await to_thread.run_sync(_exposition, service_of(request))
    finally:
        _places.release()
    return Response(content, media_type=metrics.MEDIA_TYPE)


def _exposition(service: Service) -> bytes:
    with _one_at_a_time:
        return metrics.exposition(service.inputs.with_drift(metrics.gathered()))
