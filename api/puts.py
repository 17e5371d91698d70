"""The fast way in: PUT of raw bytes to a path, or of a content the vault knows already by its hash."""

import orjson

from api.bodies import announced_length, body_of
from api.conditions import WriteCondition, write_condition
from api.raw import RawRequest
from api.targets import space_from_url, tree_path_from_url
from api.types import Headers, respond
from api.upload_wishes import wish_of
from govault.domain.paths import NormalPath
from govault.domain.rows import FileRow
from govault.errors import InvalidRequest
from govault.services.catalog import Services
from govault.services.contents.upload_terms import Uploaded
from schemas.ids import is_sha256


class Puts:
    """``PUT /spaces/{space}/files/{path}``."""

    def __init__(self, services: Services, max_upload_bytes: int) -> None:
        self._services = services
        self._max_upload_bytes = max_upload_bytes

    async def put(self, request: RawRequest) -> None:
        """Take a content in and answer what became of it."""
        path, uploaded = await self.taken(request)
        await respond_uploaded(request, uploaded, path.changed)

    async def taken(self, request: RawRequest) -> tuple[NormalPath, Uploaded]:
        """Take a content in; where it was to go and what became of it, for a door that answers in words of its own."""
        space = space_from_url(request.params["space"])
        path = tree_path_from_url(request.params["path"])
        announced = announced_length(request)
        wish = wish_of(request, space, path, self._condition(request, space, path), announced)
        known = request.header(b"govault-content")
        if known is not None:
            uploaded = await self._services.known_contents.put(request.actor, wish, _known_hash(known, announced))
        else:
            body = body_of(request, announced)
            uploaded = await self._services.uploads.put(request.actor, wish, body, self._max_upload_bytes)
        return path, uploaded

    def _condition(self, request: RawRequest, space: str, path: NormalPath) -> WriteCondition:
        """Only requests with conditions look at the file there now."""
        if not any(
            name in (b"if-match", b"if-none-match", b"if-unmodified-since") for name, _ in request.scope["headers"]
        ):
            return WriteCondition()
        # Conditions tell of what is there, so whoever may not write is told before they are looked at.
        row = self._services.targets.place(request.actor, space, path.path)
        if self._services.uploads.is_repeat(request.actor, space):
            return WriteCondition()
        file = self._services.views.resolve(row.space_id, path.path)
        if not isinstance(file, FileRow):
            return write_condition(request, None, 0)
        return write_condition(request, file.current.sha256, file.current.committed_ms // 1000)


async def respond_uploaded(request: RawRequest, uploaded: Uploaded, normalised: bool) -> None:
    """201 for a new file, 200 for the next version of one."""
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"etag", f'"{uploaded.etag}"'.encode()),
        (b"location", f"/files/{uploaded.file_id}".encode()),
    ]
    status = 201 if uploaded.result == "created" else 200
    await respond(request.send, status, headers, orjson.dumps(uploaded_document(uploaded, normalised)))


def uploaded_document(uploaded: Uploaded, normalised: bool) -> dict[str, object]:
    """The answer's body: see ``schemas.rest.content.UploadAnswer``."""
    return {
        "id": uploaded.file_id,
        "space": uploaded.space,
        "path": uploaded.path,
        "version": uploaded.version,
        "etag": uploaded.etag,
        "size_bytes": uploaded.size_bytes,
        "media_type": uploaded.media_type,
        "result": uploaded.result,
        "chunks": uploaded.chunks,
        "new_bytes": uploaded.new_bytes,
        "stored_bytes": uploaded.stored_bytes,
        "path_normalised": normalised,
    }


def _known_hash(value: str, announced_bytes: int | None) -> str:
    """The hash in ``GoVault-Content: <sha-256, 64 hex digits>``, of a request without a body."""
    sha256 = value.strip()
    if not is_sha256(sha256):
        raise InvalidRequest("GoVault-Content must be a SHA-256 of 64 lower-case hex digits", rule="content-hash")
    if announced_bytes:
        raise InvalidRequest("a request with GoVault-Content has no body", rule="content-hash")
    return sha256
