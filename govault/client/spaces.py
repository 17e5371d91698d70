"""Spaces and trash, through the REST interface."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from govault.client.files import Entity, flag, read_entity
from govault.client.paging import items, read_as
from govault.client.references import segment
from govault.client.transport import Transport
from schemas.rest.namespace import RemovalDocument, TrashedDocument, TrashPage
from schemas.rest.spaces import SpaceDocument, SpacesPage


@dataclass(frozen=True)
class Spaces:
    """Acts on spaces."""

    transport: Transport

    def list(self) -> AsyncIterator[SpaceDocument]:
        """All spaces, by name."""
        return items(self.transport, "/spaces", SpacesPage)

    async def get(self, name: str) -> SpaceDocument:
        """One space."""
        return read_as(SpaceDocument, await self.transport.request("GET", _route(name)))

    async def create(self, name: str, settings: dict[str, object]) -> SpaceDocument:
        """Make a space; ``settings``: ``description``, ``retention``."""
        answer = await self.transport.request("POST", "/spaces", document={"name": name, **settings})
        return read_as(SpaceDocument, answer)

    async def change(self, name: str, settings: dict[str, object], *, revision: int | None = None) -> SpaceDocument:
        """Change a space's settings; with ``revision`` only where that is still the settings' own.

        Raises:
            PreconditionFailed: Somebody else changed them.
        """
        headers = {} if revision is None else {"if-match": f'"r{revision}"'}
        answer = await self.transport.request("PATCH", _route(name), document=settings, headers=headers)
        return read_as(SpaceDocument, answer)

    async def removable(self, name: str, *, force: bool = False) -> RemovalDocument:
        """What a removal would end.

        Raises:
            Conflict: The space is not empty, and ``force`` was not asked.
        """
        query = {"force": flag(force), "dry_run": flag(True)}
        return read_as(RemovalDocument, await self.transport.request("DELETE", _route(name), query=query))

    async def remove(self, name: str, *, force: bool = False) -> bool:
        """Remove a space; False where what was in it is still being purged."""
        answer = await self.transport.request("DELETE", _route(name), query={"force": flag(force)})
        return answer.status == 204


@dataclass(frozen=True)
class Trash:
    """Acts on trash."""

    transport: Transport

    def list(self, space: str | None = None) -> AsyncIterator[TrashedDocument]:
        """Everything that was removed, of one space or of all."""
        return items(self.transport, "/trash", TrashPage, {"space": space})

    async def restore(self, entity_id: str, *, path: str | None = None, replace: bool = False) -> Entity:
        """Bring something back, to where it was or to a path."""
        document: dict[str, object] = {"replace": replace}
        if path is not None:
            document["path"] = path
        answer = await self.transport.request("POST", f"/trash/{segment(entity_id)}/restore", document=document)
        return read_entity(answer)

    async def purge(self, entity_id: str, *, dry_run: bool = False) -> RemovalDocument:
        """End one piece of trash for ever."""
        return await self._until_done(f"/trash/{segment(entity_id)}", {"dry_run": flag(dry_run)})

    async def empty(
        self, *, space: str | None = None, older_than_s: int | None = None, dry_run: bool = False
    ) -> RemovalDocument:
        """End trash for ever, of one space or of all, of any age or of at least one."""
        return await self._until_done("/trash", {"space": space, "older_than": older_than_s, "dry_run": flag(dry_run)})

    async def _until_done(self, route: str, query: dict[str, str | int | None]) -> RemovalDocument:
        """Repeat a bounded request while it says that there is more, and add up."""
        total: RemovalDocument | None = None
        while True:
            part = read_as(RemovalDocument, await self.transport.request("DELETE", route, query=query))
            total = part if total is None else _sum(total, part)
            if not part.more or part.dry_run:
                return total


def _sum(total: RemovalDocument, part: RemovalDocument) -> RemovalDocument:
    added = {
        name: getattr(total, name) + getattr(part, name) for name in ("files", "folders", "versions", "size_bytes")
    }
    return part.model_copy(update=added)


def _route(name: str) -> str:
    return f"/spaces/{segment(name)}"
