"""The nodes of the vault and the placement of chunks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.answers import KNOWN_QUERY, DryRun, IdempotencyKey, problems
from api.deps import ActorDep
from api.routes.upkeep_deps import UpkeepDep, accepted_job
from govault.services.cluster.membership import NodeWish
from schemas.rest.admin import JobDocument, LayoutDocument, PeerDocument, PeersDocument, TopologyDocument
from schemas.rest.members import LayoutApply, LayoutPlanDocument, LayoutWish, PeerPatch, PeerRemovalDocument

router = APIRouter(tags=["peers"], dependencies=[KNOWN_QUERY])

NodeParam = Annotated[
    str,
    Path(
        min_length=1,
        description="The node's id, its name, or the beginning of its id if no other begins so.",
        examples=["attic-1"],
    ),
]


@router.get("/peers", summary="The nodes of the vault", response_model=PeersDocument)
async def get_peers(
    upkeep: UpkeepDep, removed: Annotated[bool, Query(description="Also those that were removed.")] = False
) -> PeersDocument:
    """Every member, with its addresses, state and share of the chunks."""
    return PeersDocument.model_validate({"peers": upkeep.members.peers(removed=removed)})


@router.get("/peers/{node}", summary="One node", response_model=PeerDocument, responses=problems(404))
async def get_peer(node: NodeParam, upkeep: UpkeepDep) -> PeerDocument:
    """A node, also a removed one by its id."""
    return PeerDocument.model_validate(upkeep.members.peer(upkeep.membership.find(node)))


@router.patch(
    "/admin/peers/{node}",
    summary="Change a node",
    response_model=PeerDocument,
    responses=problems(403, 404, writes=True),
)
async def change_peer(
    node: NodeParam, asked: PeerPatch, upkeep: UpkeepDep, actor: ActorDep, _key: IdempotencyKey = None
) -> PeerDocument:
    """Set its name, zone or weight, or drain it. All but the name take effect with the next layout."""
    row = await upkeep.membership.change(actor, node, NodeWish(**asked.model_dump()))
    return PeerDocument.model_validate(upkeep.members.peer(row))


@router.delete(
    "/admin/peers/{node}",
    summary="Remove a node",
    response_model=PeerRemovalDocument,
    responses=problems(404, writes=True),
)
async def remove_peer(
    node: NodeParam,
    upkeep: UpkeepDep,
    actor: ActorDep,
    force: Annotated[bool, Query(description="Also where it may hold the only replicas of something.")] = False,
    dry_run: DryRun = False,
    _key: IdempotencyKey = None,
) -> PeerRemovalDocument:
    """Strike a node off for good, and seal new chunks under a root that it never saw. Drain it first."""
    if dry_run:
        removal = upkeep.membership.removable(node, force=force)
    else:
        removal = await upkeep.membership.remove(actor, node, force=force)
    return PeerRemovalDocument(
        node=PeerDocument.model_validate(upkeep.members.peer(removal.node)),
        sealing_epoch=removal.sealing_epoch,
        revoke=removal.revoke,
    )


@router.post(
    "/admin/topology/benchmark",
    summary="Measure links",
    response_model=JobDocument,
    status_code=202,
    responses=problems(404, 409),
)
async def start_benchmark(
    upkeep: UpkeepDep,
    actor: ActorDep,
    response: Response,
    node: Annotated[str | None, Query(description="Only this node: its id or name.")] = None,
) -> JobDocument:
    """Begins a job: round trips to each peer, and a bounded transfer of chunks that it holds. Nothing is written."""
    return accepted_job(upkeep.start_benchmark(actor, node), response)


@router.get("/layout", summary="Which nodes hold which slots", response_model=LayoutDocument)
async def get_layout(
    upkeep: UpkeepDep, slots: Annotated[bool, Query(description="Tell every slot's holders too.")] = False
) -> LayoutDocument:
    """The layout in force: slots of chunk ids per node, replicas and write quorum, and who has what it gives them."""
    return LayoutDocument.model_validate(upkeep.members.layout(slots=slots))


@router.post("/admin/layout/plan", summary="Plan a layout", response_model=LayoutPlanDocument, responses=problems(409))
async def plan_layout(asked: LayoutWish, upkeep: UpkeepDep) -> LayoutPlanDocument:
    """What the next layout would be, and what it would move. Nothing changes."""
    plan = await upkeep.layouts.plan(asked.replicas, asked.write_quorum)
    return LayoutPlanDocument.model_validate(plan)


@router.post(
    "/admin/layout", summary="Change the layout", response_model=LayoutDocument, responses=problems(writes=True)
)
async def apply_layout(
    asked: LayoutApply, upkeep: UpkeepDep, actor: ActorDep, _key: IdempotencyKey = None
) -> LayoutDocument:
    """Put a plan in force: data moves, and old holders serve until the new ones have everything."""
    await upkeep.layouts.apply_planned(actor, asked.plan_id, asked.replicas, asked.write_quorum)
    return LayoutDocument.model_validate(upkeep.members.layout())


@router.get("/topology", summary="The vault as a picture", response_model=TopologyDocument)
async def get_topology(upkeep: UpkeepDep) -> TopologyDocument:
    """Nodes, the links between them, and the log."""
    return TopologyDocument.model_validate(upkeep.members.topology())
