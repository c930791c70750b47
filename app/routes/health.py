"""Probes: trivial on purpose, they never wait for a picture."""

from fastapi import APIRouter, Request

from app.documentation import PUBLIC
from app.errors import ShuttingDownError
from app.problems import problem_documentation
from app.routes.state import service_of
from app.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Whether the process answers", **PUBLIC)
async def live() -> Health:
    """Restart the process when this fails."""
    return Health()


@router.get(
    "/ready", summary="Whether pictures can be sent", responses=problem_documentation(ShuttingDownError), **PUBLIC
)
async def ready(request: Request) -> Health:
    """Send traffic only while this succeeds.

    The server accepts no connection before its model passed the self-test, and fails this for a while before it stops.
    """
    service_of(request).check_ready()
    return Health()
