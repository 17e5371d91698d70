"""Members and layouts, through the REST interface."""

from dataclasses import dataclass

from govault.client.files import flag
from govault.client.paging import read_as
from govault.client.references import segment
from govault.client.transport import Transport
from schemas.rest.admin import JobDocument, LayoutDocument, PeerDocument, PeersDocument, TopologyDocument
from schemas.rest.members import LayoutPlanDocument, PeerRemovalDocument


@dataclass(frozen=True)
class Members:
    """Acts on the nodes of the vault. A node is named by its id, its name, or the beginning of its id."""

    transport: Transport

    async def list(self, *, removed: bool = False) -> PeersDocument:
        """The nodes of the vault."""
        query = {"removed": flag(removed)}
        return read_as(PeersDocument, await self.transport.request("GET", "/peers", query=query))

    async def get(self, node: str) -> PeerDocument:
        """One node."""
        return read_as(PeerDocument, await self.transport.request("GET", f"/peers/{segment(node)}"))

    async def change(self, node: str, settings: dict[str, object]) -> PeerDocument:
        """Set things of a node: ``name``, ``zone``, ``weight``, ``draining``."""
        route = f"/admin/peers/{segment(node)}"
        return read_as(PeerDocument, await self.transport.request("PATCH", route, document=settings))

    async def remove(self, node: str, *, force: bool = False, dry_run: bool = False) -> PeerRemovalDocument:
        """Strike a node off for good.

        Raises:
            Conflict: It still holds chunks and ``force`` was not asked, or it is the last one.
        """
        query = {"force": flag(force), "dry_run": flag(dry_run)}
        answer = await self.transport.request("DELETE", f"/admin/peers/{segment(node)}", query=query)
        return read_as(PeerRemovalDocument, answer)

    async def layout(self, *, slots: bool = False) -> LayoutDocument:
        """Which nodes hold which slots."""
        query = {"slots": flag(slots)}
        return read_as(LayoutDocument, await self.transport.request("GET", "/layout", query=query))

    async def plan_layout(self, wish: dict[str, object]) -> LayoutPlanDocument:
        """What the next layout would be; ``wish``: ``replicas``, ``write_quorum``."""
        return read_as(LayoutPlanDocument, await self.transport.request("POST", "/admin/layout/plan", document=wish))

    async def apply_layout(self, plan_id: str, wish: dict[str, object]) -> LayoutDocument:
        """Put a plan in force.

        Raises:
            Conflict: Members or the layout have changed since it was planned.
        """
        document = {"plan_id": plan_id, **wish}
        return read_as(LayoutDocument, await self.transport.request("POST", "/admin/layout", document=document))

    async def start_benchmark(self, node: str | None = None) -> JobDocument:
        """Measure the link to a peer, or to all that are up: begins a job."""
        query = {"node": node}
        return read_as(JobDocument, await self.transport.request("POST", "/admin/topology/benchmark", query=query))

    async def topology(self) -> TopologyDocument:
        """The vault as a picture."""
        return read_as(TopologyDocument, await self.transport.request("GET", "/topology"))
