"""GET /model: which model answers and how good it is."""

from fastapi import APIRouter, Request

from app.routes.state import Service, service_of
from app.schemas import ModelReport, RefusedVersion, ShadowReport, VersionsReport
from app.shadow import Differences
from app.versions import Switches

router = APIRouter(tags=["model"])


@router.get("/model", summary="The model being served")
async def model(request: Request) -> ModelReport:
    """Its origin, digests and measured figures, and how the process that answers came to serve it."""
    service = service_of(request)
    switches = service.watcher.switches
    return ModelReport(
        metadata=service.model.metadata,
        evaluation=service.model.evaluation,
        versions=VersionsReport(
            since=switches.since, switches=switches.made, refusals=switches.refused, refused=_refused(switches)
        ),
        shadow=_shadow(service),
    )


def _shadow(service: Service) -> ShadowReport | None:
    if service.shadow_watcher is None:
        return None
    candidate = service.shadow.candidate.metadata if service.shadow is not None else None
    told = service.shadow.differences if service.shadow is not None else Differences()
    return ShadowReport(
        name=candidate.name if candidate is not None else None,
        version=candidate.version if candidate is not None else None,
        compared=told.compared,
        different_digits=told.digits,
        different_verdicts=told.verdicts,
        largest_difference=told.largest,
        dropped=told.dropped,
        refused=_refused(service.shadow_watcher.switches),
    )


def _refused(switches: Switches) -> RefusedVersion | None:
    refusal = switches.refusal
    return (
        RefusedVersion(version=refusal.version, reason=refusal.reason, at=refusal.at) if refusal is not None else None
    )
