"""Probes: trivial on purpose, they never wait for a picture."""

from fastapi import APIRouter

from app.schemas import Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Whether the process answers")
async def live() -> Health:
    """Restart the process when this fails."""
    return Health()


@router.get("/ready", summary="Whether pictures can be sent")
async def ready() -> Health:
    """Send traffic only while this succeeds; the server accepts no connection before its model passed the self-test."""
    return Health()
