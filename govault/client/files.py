"""Files and folders of a vault, through the REST interface."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import aiohttp
import orjson
from pydantic import BaseModel, TypeAdapter

from govault.client.paging import items, pages, read_as
from govault.client.references import Reference, path_route, segment
from govault.client.transport import Answer, Body, Transport
from govault.errors import Conflict, InvalidRequest, NotFound
from schemas.rest.content import OutcomeAnswer, UploadAnswer
from schemas.rest.namespace import (
    CopyDocument,
    FileDocument,
    FilesPage,
    FolderDocument,
    FolderPage,
    HistoryPage,
    TrashedAnswer,
    VersionDocument,
    VersionRemoval,
    VersionsPage,
)

Entity = FileDocument | FolderDocument
_ENTITY: TypeAdapter[Entity] = TypeAdapter(Entity)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is said of a content beside its bytes.

    Attributes:
        kind: A link's content is its target.
        if_match: SHA-256 of the version that must be current; ``absent``: nothing may be there.
    """

    kind: Literal["file", "symlink"] = "file"
    executable: bool = False
    mtime_ns: int | None = None
    media_type: str = ""
    tags: Sequence[str] | None = None
    description: str | None = None
    if_match: str = ""
    absent: bool = False

    def headers(self) -> dict[str, str]:
        """As the headers of a PUT."""
        headers = {"govault-kind": self.kind, "govault-executable": "true" if self.executable else "false"}
        if self.mtime_ns is not None:
            headers["govault-mtime"] = str(self.mtime_ns)
        if self.media_type:
            headers["content-type"] = self.media_type
        if self.tags is not None:
            if any("," in tag for tag in self.tags):
                raise InvalidRequest("a tag with a comma cannot travel with an upload; add it afterwards", rule="tags")
            headers["govault-tags"] = ",".join(quote(tag, safe=" ") for tag in self.tags)
        if self.description is not None:
            headers["govault-description"] = quote(self.description, safe=" ")
        if self.absent:
            headers["if-none-match"] = "*"
        elif self.if_match:
            headers["if-match"] = f'"{self.if_match}"'
        return headers


@dataclass(frozen=True)
class Files:
    """Acts on files and folders. A reference by path and one by id both work, as far as the vault allows it."""

    transport: Transport

    # --- bytes -----------------------------------------------------------------------------------------------

    async def put(self, where: Reference, body: Body | bytes, attributes: Attributes) -> UploadAnswer:
        """Upload a content to a path; the raw way in."""
        _must_be_path(where, "upload to")
        route = path_route(where.space, "files", where.path)
        answer = await self.transport.request("PUT", route, headers=attributes.headers(), body=body)
        if isinstance(body, Body) and not body.replayable and b'"verdict"' in answer.body:
            return await self._committed(read_as(OutcomeAnswer, answer))
        return read_as(UploadAnswer, answer)

    async def _committed(self, outcome: OutcomeAnswer) -> UploadAnswer:
        """What a stream became whose outcome was known late, from what the vault still knows of it.

        Raises:
            Conflict: It was refused.
        """
        facts = outcome.facts
        if outcome.verdict == "refused":
            raise Conflict(
                f"the vault refused the upload: {outcome.reason}", code=f"conflict.{outcome.reason}", **facts
            )
        file = await self.file(Reference(target=str(facts["file_id"])))
        version = await self.version(Reference(target=file.id), int(facts["version"] or 1))
        return UploadAnswer(
            id=file.id,
            space=file.space,
            path=file.path or str(facts.get("path") or ""),
            version=version.version,
            etag=version.sha256,
            size_bytes=version.size_bytes,
            media_type=version.media_type,
            result="created" if facts.get("created") else "version",
            chunks=0,
            new_bytes=0,
            stored_bytes=0,
        )

    async def put_known(self, where: Reference, sha256: str, attributes: Attributes) -> UploadAnswer:
        """Commit a content that the vault has already, by its hash. No bytes move.

        Raises:
            NotFound: The vault does not have it, or the actor may not know that it does.
        """
        _must_be_path(where, "upload to")
        route = path_route(where.space, "files", where.path)
        headers = {**attributes.headers(), "govault-content": sha256}
        return read_as(UploadAnswer, await self.transport.request("PUT", route, headers=headers, body=b""))

    def stream(
        self, what: Reference, *, start: int = 0, byte_range: str = "", if_match: str = "", if_range: str = ""
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """A content as it comes. ``if_match`` and ``if_range`` are SHA-256."""
        headers = {}
        if start or byte_range:
            headers["range"] = f"bytes={byte_range or f'{start}-'}"
        if if_match:
            headers["if-match"] = f'"{if_match}"'
        if if_range:
            headers["if-range"] = f'"{if_range}"'
        return self.transport.stream("GET", self.content_route(what), query=_version_query(what), headers=headers)

    async def content(self, what: Reference, *, if_match: str = "") -> bytes:
        """A small content whole."""
        headers = {"if-match": f'"{if_match}"'} if if_match else {}
        answer = await self.transport.request(
            "GET", self.content_route(what), query=_version_query(what), headers=headers
        )
        return answer.body

    def archive(self, folder: Reference) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """A folder as a ZIP archive, made while it is read."""
        _must_be_path(folder, "archive")
        return self.transport.stream("GET", folder_route(folder), query={"archive": "zip"})

    def content_route(self, what: Reference) -> str:
        """The route of a content's bytes."""
        if what.version is not None and not what.is_path:
            return f"/files/{segment(what.target)}/versions/{what.version}/content"
        return entity_route(what)

    # --- what is there ---------------------------------------------------------------------------------------

    async def entity(self, what: Reference) -> Entity:
        """The file or folder that a reference names."""
        if not what.is_path:
            return read_entity(await self.transport.request("GET", f"/files/{segment(what.target)}/metadata"))
        if what.trailing_slash or not what.path:
            return await self.folder(what)
        try:
            route = path_route(what.space, "files", what.path)
            return read_entity(await self.transport.request("GET", route, query={"metadata": ""}))
        except (NotFound, Conflict) as error:
            if error.specific_code not in ("conflict.not-a-file", "not-found.not-a-file"):
                raise
        return await self.folder(what)

    async def file(self, what: Reference) -> FileDocument:
        """The file that a reference names.

        Raises:
            Conflict: It is a folder.
        """
        found = await self.entity(what)
        if isinstance(found, FolderDocument):
            raise Conflict(f"{what} is a folder, not a file", reason="not-a-file")
        return found

    async def folder(self, what: Reference) -> FolderDocument:
        """The folder at a path."""
        _must_be_path(what, "list")
        async for page in pages(self.transport, folder_route(what), FolderPage, page_size=1):
            return page.folder
        raise AssertionError("a list has at least one page")

    def children(
        self, folder: Reference, *, recursive: bool = False, limit: int | None = None
    ) -> AsyncIterator[Entity]:
        """A folder's entries, or everything below it, in byte order of paths (a folder's with a trailing slash)."""
        _must_be_path(folder, "list")
        query = {"recursive": flag(recursive)}
        return items(self.transport, folder_route(folder), FolderPage, query, limit=limit)

    def search(self, query: dict[str, str | int | None], *, limit: int | None = None) -> AsyncIterator[FileDocument]:
        """Files that fulfil every filter given (the query fields of ``GET /files``)."""
        return items(self.transport, "/files", FilesPage, query, limit=limit)

    # --- changes ---------------------------------------------------------------------------------------------

    async def make_folder(self, where: Reference) -> tuple[FolderDocument, bool]:
        """Make a folder and those on the way; whether it is new."""
        _must_be_path(where, "make")
        answer = await self.transport.request("PUT", folder_route(where))
        return read_as(FolderDocument, answer), answer.status == 201

    async def move(self, what: Reference, to: Reference, *, replace: bool = False) -> Entity:
        """Give a file or folder another path."""
        document = {"path": to.path, "space": to.space, "replace": replace}
        return await self._patch(what, document)

    async def annotate(self, what: Reference, changes: dict[str, object]) -> Entity:
        """Change tags (``tags``, ``add_tags``, ``remove_tags``), ``description`` or ``media_type`` of a file."""
        return await self._patch(what, changes)

    async def copy(self, what: Reference, to: Reference, *, replace: bool = False) -> CopyDocument:
        """Copy a file, one of its versions, or a folder with all that is in it. No bytes move."""
        found = await self.entity(what)
        document: dict[str, object] = {"path": to.path, "space": to.space, "replace": replace}
        if what.version is not None:
            document["version"] = what.version
        total: CopyDocument | None = None
        cursor: str | None = None
        while True:
            asked = document if cursor is None else {**document, "cursor": cursor}
            answer = await self.transport.request("POST", f"/files/{segment(found.id)}/copy", document=asked)
            part = read_as(CopyDocument, answer)
            total = part if total is None else _joined(total, part)
            cursor = part.next_cursor
            if not cursor:
                return total

    async def remove(self, what: Reference, found: Entity, *, dry_run: bool = False) -> TrashedAnswer:
        """Move a file or folder into the trash."""
        answer = await self.transport.request("DELETE", _route_of(what, found), query={"dry_run": flag(dry_run)})
        return read_as(TrashedAnswer, answer)

    async def _patch(self, what: Reference, document: dict[str, object]) -> Entity:
        route = _route_of(what, await self.entity(what))
        return read_entity(await self.transport.request("PATCH", route, document=document))

    # --- the past --------------------------------------------------------------------------------------------

    async def versions(self, what: Reference) -> AsyncIterator[VersionDocument]:
        """Retained versions of a file, newest first."""
        async for version in items(self.transport, f"{await self.by_id(what)}/versions", VersionsPage):
            yield version

    async def history(self, what: Reference) -> AsyncIterator[BaseModel]:
        """What happened to a file or folder, newest first."""
        async for fact in items(self.transport, f"{await self.by_id(what)}/history", HistoryPage):
            yield fact

    async def version(self, what: Reference, number: int) -> VersionDocument:
        """One version of a file."""
        route = f"{await self.by_id(what)}/versions/{number}"
        return read_as(VersionDocument, await self.transport.request("GET", route))

    async def restore_version(self, what: Reference, number: int) -> Entity:
        """Make an older version's content the newest version."""
        return read_entity(await self.transport.request("POST", f"{await self.by_id(what)}/versions/{number}/restore"))

    async def remove_version(self, what: Reference, number: int, *, dry_run: bool = False) -> VersionRemoval:
        """End a version for ever; the current one cannot."""
        route = f"{await self.by_id(what)}/versions/{number}"
        return read_as(VersionRemoval, await self.transport.request("DELETE", route, query={"dry_run": flag(dry_run)}))

    async def by_id(self, what: Reference) -> str:
        """The route of a file or folder by its id: what has no route by path goes by this."""
        target = (await self.entity(what)).id if what.is_path else what.target
        return f"/files/{segment(target)}"


def _version_query(what: Reference) -> dict[str, str | int | None]:
    return {"version": what.version if what.is_path else None}


def entity_route(what: Reference) -> str:
    """The route of a file."""
    return path_route(what.space, "files", what.path) if what.is_path else f"/files/{segment(what.target)}"


def folder_route(what: Reference) -> str:
    """The route of a folder by path."""
    return path_route(what.space, "folders", what.path)


def _route_of(what: Reference, found: Entity) -> str:
    """The route of a file or folder that was found by a reference."""
    return folder_route(what) if what.is_path and isinstance(found, FolderDocument) else entity_route(what)


def flag(value: bool) -> str | None:
    """A query field that is only there when it is true."""
    return "true" if value else None


def read_entity(answer: Answer) -> Entity:
    """The file or folder in an answer."""
    document = orjson.loads(answer.body)
    return _ENTITY.validate_python(document)


def _must_be_path(what: Reference, act: str) -> None:
    if not what.is_path:
        raise InvalidRequest(f"{what}: to {act} it, name it by its path (SPACE:/path)", rule="path-needed")


def _joined(total: CopyDocument, part: CopyDocument) -> CopyDocument:
    return part.model_copy(
        update={
            "copied": total.copied,
            "files": total.files + part.files,
            "folders": total.folders + part.folders,
            "size_bytes": total.size_bytes + part.size_bytes,
        }
    )
