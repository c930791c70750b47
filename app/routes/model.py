"""GET /model: which model answers and how good it is."""

from fastapi import APIRouter, Request

from app.routes.state import service_of
from app.schemas import ModelReport

router = APIRouter(tags=["model"])


@router.get("/model", summary="The model being served")
async def model(request: Request) -> ModelReport:
    """Its origin, digests and measured figures."""
    served = service_of(request).model
    return ModelReport(metadata=served.metadata, evaluation=served.evaluation)
