"""Repair: how replicas stand, and making them whole now, later, or not for a while."""

from fastapi import APIRouter

from api.answers import KNOWN_QUERY, problems
from api.routes.upkeep_deps import UpkeepDep
from govault.errors import NotFound
from govault.services.healing.assembly import Healing
from govault.services.healing.status import RepairStatus
from govault.services.maintenance.assembly import Upkeep
from schemas.rest.repair import (
    RepairDocument,
    RepairedDocument,
    RepairQueueDocument,
    RepairRequest,
    RepairWalkDocument,
    ScrubDocument,
)

router = APIRouter(prefix="/admin/repair", tags=["administration"], dependencies=[KNOWN_QUERY])


@router.get("", summary="How repair stands", response_model=RepairDocument, responses=problems(404))
async def get_repair(upkeep: UpkeepDep) -> RepairDocument:
    """What waits for repair on this node, what was done, and how far walk and scrub are."""
    return repair_document(_healing(upkeep).status())


@router.post("", summary="Run, pause or resume repair", response_model=RepairDocument, responses=problems(404))
async def change_repair(asked: RepairRequest, upkeep: UpkeepDep) -> RepairDocument:
    """Repair goes on by itself. ``run`` looks for what is missing now; a pause ends with ``resume`` or a restart."""
    healing = _healing(upkeep)
    if asked.action in ("run", "scrub"):
        healing.run(scrub=asked.action == "scrub")
        for name in ("resync", "scrub") if asked.action == "scrub" else ("resync",):
            upkeep.workers.wake(name)
    else:
        healing.pause(asked.action == "pause")
    return repair_document(healing.status())


def _healing(upkeep: Upkeep) -> Healing:
    if upkeep.healing is None:
        raise NotFound("this node does no repair")
    return upkeep.healing


def repair_document(status: RepairStatus) -> RepairDocument:
    """The status as it is answered."""
    state = "fenced" if status.fenced else "paused" if status.paused else "idle"
    if state == "idle" and (status.queue.chunks > status.queue.lost or status.walk.running):
        state = "working"
    return RepairDocument(
        state=state,
        queue=RepairQueueDocument.model_validate(status.queue),
        done=RepairedDocument.model_validate(status.total),
        chunks_per_s=status.chunks_per_s,
        bytes_per_s=status.bytes_per_s,
        bytes_per_s_max=status.bytes_per_s_max,
        eta_s=status.eta_s,
        walk=RepairWalkDocument.model_validate(status.walk),
        layout_version=status.layout_version,
        layout_reached=status.layout_reached,
        drained=status.drained,
        scrub=_scrub_document(status),
    )


def _scrub_document(status: RepairStatus) -> ScrubDocument:
    current, scrub = status.scrub.current, status.scrub
    return ScrubDocument(
        running=bool(current.began_ms) and not status.paused,
        progress=status.scrub_share,
        eta_s=status.scrub_eta_s,
        began_ms=current.began_ms or None,
        chunks=current.chunks,
        read_bytes=current.read_bytes,
        damaged=current.damaged,
        bytes_per_s=status.scrub_bytes_per_s,
        passes=scrub.passes,
        finished_ms=scrub.finished_ms or None,
        damaged_before=scrub.found,
    )
