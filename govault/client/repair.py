"""Repair on a node, through the REST interface."""

from dataclasses import dataclass

from govault.client.paging import read_as
from govault.client.transport import Transport
from schemas.rest.repair import RepairDocument


@dataclass(frozen=True)
class Repair:
    """Looks at repair and steers it."""

    transport: Transport

    async def status(self) -> RepairDocument:
        """How it stands."""
        return read_as(RepairDocument, await self.transport.request("GET", "/admin/repair"))

    async def run(self, *, scrub: bool = False) -> RepairDocument:
        """Look for what is missing now; with ``scrub`` verify every chunk."""
        return await self._change({"action": "scrub" if scrub else "run"})

    async def pause(self) -> RepairDocument:
        """Move nothing until resumed, or until the node restarts."""
        return await self._change({"action": "pause"})

    async def resume(self) -> RepairDocument:
        """Go on."""
        return await self._change({"action": "resume"})

    async def _change(self, document: object) -> RepairDocument:
        return read_as(RepairDocument, await self.transport.request("POST", "/admin/repair", document=document))
