"""Share links and addresses by file tokens, through the REST interface."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from govault.client.files import Files
from govault.client.paging import items, read_as
from govault.client.references import Reference, segment
from govault.client.transport import Transport
from schemas.rest.file_tokens import FileTokenDocument
from schemas.rest.shares import NewShareDocument, ShareDocument, SharesDocument, SharesPage


@dataclass(frozen=True)
class Shares:
    """Acts on links to what one owns."""

    transport: Transport
    files: Files

    def list(self) -> AsyncIterator[ShareDocument]:
        """The links to everything that one owns."""
        return items(self.transport, "/shares", SharesPage)

    async def of(self, reference: Reference) -> Sequence[ShareDocument]:
        """The links to a file or folder."""
        answer = await self.transport.request("GET", await self._route(reference))
        return read_as(SharesDocument, answer).items

    async def create(self, reference: Reference, ask: dict[str, object]) -> NewShareDocument:
        """Make a link; ``ask`` as ``POST /files/{ref}/shares`` takes it."""
        answer = await self.transport.request("POST", await self._route(reference), document=ask)
        return read_as(NewShareDocument, answer)

    async def address(self, reference: Reference, ask: dict[str, object]) -> FileTokenDocument:
        """Make an address for one file and a short while; ``ask`` as ``POST /files/{ref}/tokens`` takes it."""
        # A hash names one content of the file, an id whatever is current.
        target = reference.target or (await self.files.file(reference)).id
        answer = await self.transport.request("POST", f"/files/{segment(target)}/tokens", document=ask)
        return read_as(FileTokenDocument, answer)

    async def revoke(self, target_id: str, share_id: str) -> None:
        """Take a link back."""
        await self.transport.request("DELETE", f"/files/{segment(target_id)}/shares/{segment(share_id)}")

    async def _route(self, reference: Reference) -> str:
        entity = await self.files.entity(reference)
        return f"/files/{segment(entity.id)}/shares"
