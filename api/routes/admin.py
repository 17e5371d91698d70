"""Administration: check, collection, views, configuration, keys, workers, checkpoints, backup."""

import asyncio
from hashlib import sha256
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep
from api.routes.upkeep_deps import UpkeepDep, accepted_job
from govault.errors import InvalidRequest
from govault.services.log.checkpoints import verify
from schemas.events.records import CheckpointSigned, PartitionDigest
from schemas.rest.admin import (
    BackupRequest,
    CheckpointDocument,
    CheckpointRequest,
    CheckpointVerdict,
    JobDocument,
    KeysDocument,
    RecoveryKeyDocument,
    ViewPartitionDocument,
    ViewsDocument,
    WorkerDocument,
    WorkerPatch,
    WorkersDocument,
)

router = APIRouter(prefix="/admin", tags=["administration"], dependencies=[KNOWN_QUERY])
_BEGINS_JOB: dict[str, Any] = {"response_model": JobDocument, "status_code": 202, "responses": problems(409)}


@router.post(
    "/check", summary="Check views and store", response_model=JobDocument, status_code=202, responses=problems(409)
)
async def start_check(
    upkeep: UpkeepDep,
    actor: ActorDep,
    response: Response,
    read_data: Annotated[bool, Query(description="Read and verify every chunk.")] = False,
    read_files: Annotated[bool, Query(description="Read every version whole and compare its SHA-256.")] = False,
) -> JobDocument:
    """Begins a job. Its result lists findings: what is wrong, what it means, what to do."""
    return accepted_job(upkeep.start_check(actor, read_data=read_data, read_files=read_files), response)


@router.post(
    "/gc", summary="Collect unreferenced chunks", response_model=JobDocument, status_code=202, responses=problems(409)
)
async def start_gc(
    upkeep: UpkeepDep,
    actor: ActorDep,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only count what nothing references now.")] = False,
) -> JobDocument:
    """Begins a job that removes chunks that nothing references and shrinks the packs; its result says what it freed."""
    return accepted_job(upkeep.start_collection(actor, dry_run=dry_run), response)


@router.get("/views", summary="Digests of the views", response_model=ViewsDocument)
async def get_views(upkeep: UpkeepDep) -> ViewsDocument:
    """Position and both digests of every folded partition."""
    rows = [ViewPartitionDocument.model_validate(row) for row in upkeep.ports.view_upkeep.status()]
    rows.sort(key=lambda row: (row.topic, row.partition))
    lines = [(row.topic, row.partition, row.applied, row.history, row.view) for row in rows]
    return ViewsDocument(digest=sha256(orjson.dumps(lines)).hexdigest(), partitions=tuple(rows))


@router.post(
    "/views/rebuild", summary="Fold the log again", response_model=JobDocument, status_code=202, responses=problems(409)
)
async def start_rebuild(upkeep: UpkeepDep, actor: ActorDep, response: Response) -> JobDocument:
    """Begins a job that folds everything into a new generation beside the serving one, then swaps."""
    return accepted_job(upkeep.start_rebuild(actor), response)


@router.post(
    "/backup", summary="Back up the running vault", response_model=JobDocument, status_code=202, responses=problems(409)
)
async def start_backup(upkeep: UpkeepDep, actor: ActorDep, response: Response, asked: BackupRequest) -> JobDocument:
    """Begins a job that writes a complete backup into a folder on the node's machine, while the vault runs on."""
    return accepted_job(upkeep.start_backup(actor, path=asked.path, keys=asked.keys), response)


@router.get("/config", summary="The effective configuration")
async def get_config(upkeep: UpkeepDep) -> dict[str, Any]:
    """Every setting in effect; secrets are masked."""
    return dict(upkeep.sources.config())


@router.get("/keys", summary="The state of the vault's keys", response_model=KeysDocument)
async def get_keys(upkeep: UpkeepDep) -> KeysDocument:
    """Sealing epochs, and whether the recovery key was exported. Never a key."""
    keys = upkeep.ports.keys
    return KeysDocument(
        sealing_epoch=keys.sealing_epoch,
        sealing_epochs=tuple(keys.sealing_epochs),
        recovery_key_exported=keys.exported,
    )


@router.post(
    "/keys/rotate", summary="Open a new sealing epoch", response_model=KeysDocument, responses=problems(writes=True)
)
async def rotate_keys(upkeep: UpkeepDep, actor: ActorDep) -> KeysDocument:
    """New chunks are sealed under a new root, on every node; what was sealed before stays readable."""
    await upkeep.roots.open_next(actor)
    return await get_keys(upkeep)


@router.post("/keys/recovery", summary="Export the recovery key", response_model=RecoveryKeyDocument)
async def export_recovery_key(upkeep: UpkeepDep, response: Response) -> RecoveryKeyDocument:
    """The vault's root secret as text to copy down: with packs and log it recovers the vault. Keep it safe."""
    text = upkeep.ports.keys.recovery_key()
    await asyncio.to_thread(upkeep.ports.keys.mark_exported)
    response.headers["Cache-Control"] = "no-store"
    return RecoveryKeyDocument(recovery_key=text)


@router.get("/workers", summary="The background workers", response_model=WorkersDocument)
async def list_workers(upkeep: UpkeepDep) -> WorkersDocument:
    """What each is at, and its latest error."""
    return WorkersDocument(workers=tuple(WorkerDocument.model_validate(row) for row in upkeep.workers.list()))


@router.patch("/workers/{name}", summary="Pace a worker", response_model=WorkerDocument, responses=problems(404))
async def pace_worker(
    name: Annotated[str, Path(description="The worker's name.", examples=["collection"])],
    asked: WorkerPatch,
    upkeep: UpkeepDep,
) -> WorkerDocument:
    """Seconds of rest per second of work, until the node stops."""
    return WorkerDocument.model_validate(upkeep.workers.set_throttle(name, asked.throttle))


@router.post("/checkpoints", summary="Sign a checkpoint", response_model=CheckpointDocument, status_code=201)
async def sign_checkpoint(upkeep: UpkeepDep) -> CheckpointDocument:
    """Signs the digests as they are, and writes the checkpoint to the log. Kept elsewhere, it proves the history."""
    signed = await upkeep.checkpoints.sign()
    return CheckpointDocument(**signed.model_dump(), public_key=upkeep.node.public_key)


@router.post("/checkpoints/verify", summary="Verify a checkpoint", response_model=CheckpointVerdict)
async def verify_checkpoint(asked: CheckpointRequest, upkeep: UpkeepDep) -> CheckpointVerdict:
    """Checks its signature, and that the views do not contradict it."""
    digests = tuple(PartitionDigest(**digest.model_dump()) for digest in asked.digests)
    signed = CheckpointSigned(node_id=asked.node_id, digests=digests, signature=asked.signature)
    try:
        verify(signed, asked.public_key)
    except InvalidRequest as error:
        return CheckpointVerdict(valid=False, contradictions=(str(error),))
    contradictions = tuple(upkeep.checkpoints.contradictions(signed))
    return CheckpointVerdict(valid=not contradictions, contradictions=contradictions)
