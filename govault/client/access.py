"""Grants and owners, through the REST interface. A reference to a space's top means the space itself."""

from dataclasses import dataclass

from govault.client.files import Files
from govault.client.paging import read_as
from govault.client.references import Reference, segment
from govault.client.transport import Transport
from govault.errors import InvalidRequest
from schemas.rest.access import AccessChange, AccessDocument, AccessExplanation


@dataclass(frozen=True)
class Access:
    """Acts on who may do what."""

    transport: Transport
    files: Files

    async def show(self, what: Reference) -> AccessDocument:
        """What is granted at a space, file or folder, and what it inherits."""
        return read_as(AccessDocument, await self.transport.request("GET", f"{await self._route(what)}/access"))

    async def explain(self, what: Reference, principal: str | None = None) -> AccessExplanation:
        """Why a principal may do what it may there; None: whoever asks."""
        route = f"{await self._route(what)}/access/explain"
        return read_as(AccessExplanation, await self.transport.request("GET", route, query={"principal": principal}))

    async def grant(self, what: Reference, principal: str, level: str, *, revision: int | None = None) -> AccessChange:
        """Give a principal a level (at a space: a role), instead of what it had there.

        Raises:
            PreconditionFailed: ``revision`` is not that of what is granted there.
        """
        route = f"{await self._route(what)}/access/{segment(principal)}"
        answer = await self.transport.request("PUT", route, document={"level": level}, headers=_match(revision))
        return read_as(AccessChange, answer)

    async def revoke(self, what: Reference, principal: str, *, revision: int | None = None) -> AccessChange:
        """Take back what a principal was granted there.

        Raises:
            PreconditionFailed: ``revision`` is not that of what is granted there.
        """
        route = f"{await self._route(what)}/access/{segment(principal)}"
        return read_as(AccessChange, await self.transport.request("DELETE", route, headers=_match(revision)))

    async def change_owner(self, what: Reference, owner: str, *, revision: int | None = None) -> AccessChange:
        """Give a file or folder to another account.

        Raises:
            InvalidRequest: A space has no owner.
            PreconditionFailed: ``revision`` is not that of what is granted there.
        """
        if what.is_space_top:
            raise InvalidRequest(f"{what} is a space and has no owner; grant the role manager instead", rule="owner")
        route = f"{await self._route(what)}/owner"
        answer = await self.transport.request("PUT", route, document={"owner": owner}, headers=_match(revision))
        return read_as(AccessChange, answer)

    async def _route(self, what: Reference) -> str:
        if what.is_space_top:
            return f"/spaces/{segment(what.space)}"
        return await self.files.by_id(what)


def _match(revision: int | None) -> dict[str, str]:
    return {} if revision is None else {"if-match": f'"r{revision}"'}
