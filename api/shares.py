"""``/s/{token}``: what a share link leads to, for whoever has it. The door that turns a secret into an actor."""

import base64
import binascii
from dataclasses import replace
from urllib.parse import quote

from api.archives import ArchiveDoor
from api.blobs import Blobs
from api.documents import dumps, entity_document
from api.middleware.rates import Rates
from api.puts import Puts, respond_uploaded
from api.raw import RawRequest
from api.targets import tree_path_from_url
from api.types import respond
from govault.errors import AccessDenied, Authentication, Conflict, InvalidRequest, NotFound
from govault.limits import PAGE_MAX
from govault.services.catalog import Services
from govault.services.namespace.shares import Opened, Shares, below, is_folder
from govault.services.namespace.targets import ByPath

_TOLD = ("type", "path", "name", "size_bytes", "media_type", "modified_at", "etag")
"""Of an entry; the rest is the owner's."""


class ShareDoor:
    """GET, HEAD and PUT by a link. A use is counted before anything of a content, an archive or an upload goes."""

    def __init__(self, services: Services, blobs: Blobs, archives: ArchiveDoor, puts: Puts, rates: Rates) -> None:
        self._services = services
        self._blobs = blobs
        self._archives = archives
        self._puts = puts
        self._rates = rates

    async def get(self, request: RawRequest) -> None:
        """A file's content, a folder's entries, or with ``archive=zip`` all of a folder."""
        opened = await self._open(request)
        if opened.share.mode != "read":
            raise AccessDenied("the link takes uploads and shows nothing", code="access-denied.share-upload")
        path = below(opened, _path(request))
        space = opened.located.space.name
        try:
            located = self._services.targets.find(opened.actor, ByPath(space, path))
        except NotFound as error:
            raise _nothing() from error
        asked = _as(request, opened, {"space": space, "path": quote(path)})
        if not is_folder(located.entity):
            await self._count(request, opened)
            await self._blobs.at_path(asked)
        elif "archive" in request.query:
            await self._count(request, opened)
            await self._archives.get(asked)
        else:
            await self._list(request, space, path, opened)

    async def put(self, request: RawRequest) -> None:
        """A new file below a folder. One that is there already stays as it is."""
        opened = await self._open(request)
        if opened.share.mode != "upload":
            raise AccessDenied("the link reads and takes nothing", code="access-denied.share-read")
        path = tree_path_from_url(request.params["path"])
        whole = below(opened, path.path)
        space = opened.located.space
        if self._services.views.resolve(space.space_id, whole) is not None:
            raise Conflict("something is at that name already; choose another", code="conflict.occupied")
        await self._shares().use(opened)
        asked = _as(request, opened, {"space": space.name, "path": quote(whole)})
        try:
            _, uploaded = await self._puts.taken(asked)
        except NotFound as error:
            if error.specific_code == "not-found.space-unknown":
                raise _nothing() from error
            raise
        await respond_uploaded(request, uploaded._replace(space="", path=path.path), path.changed)

    async def _open(self, request: RawRequest) -> Opened:
        opened = await self._opened(request)
        self._rates.count_link(request.scope, opened.actor.name)
        request.scope["state"]["actor"] = opened.actor
        request.scope["state"]["actor_name"] = opened.actor.name
        return opened

    async def _opened(self, request: RawRequest) -> Opened:
        """The link; whoever shows none, or guesses its password, is counted by his address, before a guess costs."""
        password = _password(request)
        if password is not None:
            self._rates.count_address(request.scope)
        try:
            return await self._shares().open(request.params["token"], password, request.actor)
        except (Authentication, NotFound):
            if password is None:
                self._rates.count_address(request.scope)
            raise

    async def _count(self, request: RawRequest, opened: Opened) -> None:
        """Every request for bytes by a link that has a number of uses is one; of others those that begin a content.

        Ranges would else be a way around the number: all but the first byte is nearly all.
        """
        starts = (request.header(b"range") or "bytes=0-").replace(" ", "").startswith("bytes=0-")
        if not request.is_head and (starts or opened.share.uses_max is not None):
            await self._shares().use(opened)

    async def _list(self, request: RawRequest, space: str, path: str, opened: Opened) -> None:
        """Entries, with paths below the folder of the link: what is above it is nobody's business."""
        cursor, limit = request.query.get("cursor", ""), PAGE_MAX
        page = await self._services.namespace.listing.folder(opened.actor, space, path, cursor, limit, recursive=False)
        strip = len(opened.located.path) + 1
        items = []
        for found in page.items:
            document = entity_document(found.row, space, found.path[strip:])
            items.append({name: document[name] for name in _TOLD if name in document})
        body = {"items": items, "more": bool(page.next_cursor), "next_cursor": page.next_cursor or None}
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"private, no-store")]
        await respond(request.send, 200, headers, dumps(body))

    def _shares(self) -> Shares:
        assert self._services.shares is not None
        return self._services.shares


def _nothing() -> NotFound:
    """Names neither the space nor what is above the folder of the link."""
    return NotFound("there is nothing at that name", code="not-found.entity-unknown")


def _as(request: RawRequest, opened: Opened, params: dict[str, str]) -> RawRequest:
    query = {name: value for name, value in request.query.items() if name != "cursor"}
    return replace(request, params=params, query=query)


def _path(request: RawRequest) -> str:
    raw = request.params.get("path", "").rstrip("/")
    return tree_path_from_url(raw).path if raw else ""


def _password(request: RawRequest) -> str | None:
    """The password of HTTP's Basic scheme (RFC 7617), which browsers ask for by themselves; the name is nobody's.

    Raises:
        InvalidRequest: The header is malformed.
    """
    scheme, _, given = (request.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("the Authorization header is not of the Basic scheme", rule="authorization") from error
