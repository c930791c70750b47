"""Probes: trivial on purpose, they never wait for a picture."""

from fastapi import APIRouter

from app.documentation import PUBLIC
from app.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Whether the process answers", **PUBLIC)
async def live() -> Health:
    """Restart the process when this fails."""
    return Health()


@router.get("/ready", summary="Whether pictures can be sent", **PUBLIC)
async def ready() -> Health:
    """Send traffic only while this succeeds; the server accepts no connection before its model passed the self-test."""
    return Health()
