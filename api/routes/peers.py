"""The nodes of the vault and the placement of chunks."""

from fastapi import APIRouter

from api.answers import KNOWN_QUERY
from api.routes.upkeep_deps import UpkeepDep
from schemas.rest.admin import LayoutDocument, PeersDocument, TopologyDocument

router = APIRouter(tags=["peers"], dependencies=[KNOWN_QUERY])


@router.get("/peers", summary="The nodes of the vault", response_model=PeersDocument)
async def get_peers(upkeep: UpkeepDep) -> PeersDocument:
    """Every admitted node, with its addresses and state."""
    return PeersDocument.model_validate({"peers": upkeep.members.peers()})


@router.get("/layout", summary="Which nodes hold which slots", response_model=LayoutDocument)
async def get_layout(upkeep: UpkeepDep) -> LayoutDocument:
    """The current layout: slots of chunk ids per node, replicas and write quorum."""
    return LayoutDocument.model_validate(upkeep.members.layout())


@router.get("/topology", summary="The vault as a picture", response_model=TopologyDocument)
async def get_topology(upkeep: UpkeepDep) -> TopologyDocument:
    """Nodes, the links between them, and the log."""
    return TopologyDocument.model_validate(upkeep.members.topology())
