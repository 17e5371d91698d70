"""Figures of the vault, and its metrics."""

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.answers import KNOWN_QUERY
from api.deps import SettingsDep
from api.routes.upkeep_deps import UpkeepDep
from schemas.rest.admin import StatsDocument

router = APIRouter(tags=["figures"], dependencies=[KNOWN_QUERY])


@router.get("/stats", summary="Counts, bytes and savings", response_model=StatsDocument)
async def get_stats(upkeep: UpkeepDep) -> StatsDocument:
    """Files, versions and bytes by space; what deduplication and compression save; this node's store."""
    return StatsDocument.model_validate(await upkeep.stats.vault())


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"description": "Metrics in the Prometheus text format.", "content": {"text/plain": {}}}},
)
async def get_metrics(upkeep: UpkeepDep, settings: SettingsDep) -> Response:
    """No metric names a file, a chunk or a path. Public where the configuration says so."""
    await upkeep.metrics.refresh()
    body = await asyncio.to_thread(generate_latest, settings.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
