"""Health: for supervisors of processes (``/livez``), balancers (``/readyz``) and people (``/health``). Public."""

from fastapi import APIRouter, Response

from api.routes.upkeep_deps import UpkeepDep
from schemas.rest.admin import AliveDocument, HealthDocument, ReadyDocument

router = APIRouter(tags=["health"])


@router.get("/livez", summary="Whether the process answers", response_model=AliveDocument)
async def get_livez() -> AliveDocument:
    """Always 200 while the event loop turns. Restart the process where this does not answer."""
    return AliveDocument()


@router.get(
    "/readyz",
    summary="Whether requests should come here",
    response_model=ReadyDocument,
    responses={503: {"model": ReadyDocument, "description": "Not ready: the checks say why."}},
)
async def get_readyz(upkeep: UpkeepDep, response: Response) -> ReadyDocument:
    """200 where the log is reachable, the views have caught up and the store answers; otherwise 503."""
    report = await upkeep.health.report()
    if not report.ready:
        response.status_code = 503
    return ReadyDocument.model_validate(report)


@router.get("/health", summary="How the node is, for people", response_model=HealthDocument)
async def get_health(upkeep: UpkeepDep) -> HealthDocument:
    """Always 200: each finding says in sentences what is the case, what it means and what to do."""
    return HealthDocument.model_validate(await upkeep.health.report())
