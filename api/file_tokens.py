"""``/content/{token}``: one file by a token that stands in the address, for what takes no header and no cookie.

The token is a segment of the path and no query field: paths are what the logs of this node hide it in, a query is kept
by proxies and histories more often (RFC 6750, 5.3), and as a field of every route it would have to be refused by all
but one. The gate has made whoever gave the token the actor of the request.
"""

from dataclasses import replace

from api.blobs import Blobs
from api.bodies import announced_length, body_of
from api.conditions import WriteCondition, write_condition
from api.documents import dumps
from api.middleware.gate import FILE_CLAIMS
from api.raw import RawRequest
from api.types import Headers, respond
from api.upload_wishes import wish_of
from govault.auth.file_tokens import FileClaims
from govault.domain.actor import Actor
from govault.domain.paths import NormalPath
from govault.domain.rows import FileRow
from govault.errors import AccessDenied, InvalidRequest, NotFound, PreconditionFailed, QuotaExceeded
from govault.services.catalog import Services
from govault.services.contents.file_tokens import FileTokenActs, closed
from govault.services.contents.upload_terms import Uploaded, UploadWish
from govault.services.namespace.targets import Located

_NOT_BY_TOKEN = (b"govault-content", b"govault-tags", b"govault-description", b"govault-kind")
"""Would reach beyond the bytes of the one file: other contents of whoever made the token, its metadata, its kind."""


class FileTokenDoor:
    """GET and HEAD of the file, as any download; PUT of its next version."""

    def __init__(self, services: Services, blobs: Blobs, max_upload_bytes: int) -> None:
        self._services = services
        self._blobs = blobs
        self._max_upload_bytes = max_upload_bytes

    async def get(self, request: RawRequest) -> None:
        """The content."""
        await self._blobs.serve(request, self._acts().content(request.actor, _claims(request)))

    async def put(self, request: RawRequest) -> None:
        """A next version, told in the few words that are the bearer's business."""
        claims = _claims(request)
        for name in _NOT_BY_TOKEN:
            if request.header(name) is not None:
                raise InvalidRequest(f"by a token come bytes only, without {name.decode()}", rule="file-token-header")
        located, file = self._acts().writable(request.actor, claims)
        actor = _own_keys(request.actor, claims)
        try:
            announced = announced_length(request)
            condition = self._condition(request, actor, located, file)
            wish = wish_of(request, located.space.name, NormalPath(located.path, changed=False), condition, announced)
            uploaded = await self._put(request, actor, replace(wish, file_id=file.entity_id), announced)
        except (NotFound, AccessDenied) as error:
            raise closed() from error
        except QuotaExceeded as error:
            # How much the space holds is told to whoever made the token, not to who has it.
            raise QuotaExceeded("there is no room for it; tell whoever gave you the address") from error
        except PreconditionFailed as error:
            if set(claims.methods) == {"PUT"}:
                # Whoever may only write learns nothing of what is there.
                raise PreconditionFailed("the condition does not hold") from error
            raise
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"private, no-store"),
            (b"etag", f'"{uploaded.etag}"'.encode()),
        ]
        await respond(request.send, 200, headers, dumps(_told(uploaded)))

    async def _put(self, request: RawRequest, actor: Actor, wish: UploadWish, announced: int | None) -> Uploaded:
        body = body_of(request, announced)
        return await self._services.uploads.put(actor, wish, body, self._max_upload_bytes)

    def _condition(self, request: RawRequest, actor: Actor, located: Located, file: FileRow) -> WriteCondition:
        if self._services.uploads.is_repeat(actor, located.space.name):
            return WriteCondition()
        return write_condition(request, file.current.sha256, file.current.committed_ms // 1000)

    def _acts(self) -> FileTokenActs:
        assert self._services.file_tokens is not None
        return self._services.file_tokens


def _claims(request: RawRequest) -> FileClaims:
    claims = request.scope["state"][FILE_CLAIMS]
    assert isinstance(claims, FileClaims)
    return claims


def _own_keys(actor: Actor, claims: FileClaims) -> Actor:
    """The actor, whose Idempotency-Key is the token's and none of those of whoever made it."""
    if actor.idempotency_key is None:
        return actor
    return replace(actor, idempotency_key=f"{claims.token_id}:{actor.idempotency_key}")


def _told(uploaded: Uploaded) -> dict[str, object]:
    """Neither where the file is, nor which of the bytes the vault had already: see ``FileTokenUploadAnswer``."""
    return {
        "id": uploaded.file_id,
        "version": uploaded.version,
        "etag": uploaded.etag,
        "size_bytes": uploaded.size_bytes,
        "media_type": uploaded.media_type,
        "result": uploaded.result,
    }
