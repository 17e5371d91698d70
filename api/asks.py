"""Request bodies and query fields as what services are asked for."""

from datetime import datetime

from starlette.responses import Response

from api.answers import answer
from api.documents import Document, entity_document, metadata_etag
from govault.domain.paths import normalise_path
from govault.domain.rows import FileRow
from govault.errors import InvalidRequest
from govault.services.namespace.copies import CopyWish
from govault.services.namespace.metadata import MetadataWish
from govault.services.namespace.moves import MoveWish
from govault.services.namespace.targets import Located
from schemas.rest.namespace import CopyAsk, FilePatch, FolderPatch


def move_wish(ask: FilePatch | FolderPatch, replace: bool, match: tuple[str, ...]) -> MoveWish | None:
    """Where it shall go; None where the request moves nothing.

    Raises:
        InvalidRequest: The path breaks a rule.
    """
    if ask.path is None:
        return None
    return MoveWish(normalise_path(ask.path).path, ask.space, replace=ask.replace or replace, match=match)


def metadata_wish(ask: FilePatch) -> MetadataWish | None:
    """What shall be said about it; None where the request says nothing."""
    wish = MetadataWish(
        tags=None if ask.tags is None else tuple(ask.tags),
        add_tags=tuple(ask.add_tags),
        remove_tags=tuple(ask.remove_tags),
        description=ask.description,
        media_type=ask.media_type,
    )
    return wish if wish.asks_for_something else None


def copy_wish(ask: CopyAsk, replace: bool) -> CopyWish:
    """What shall be copied where.

    Raises:
        InvalidRequest: The path breaks a rule.
    """
    path = normalise_path(ask.path).path
    return CopyWish(path, ask.space, ask.version, replace=ask.replace or replace, cursor=ask.cursor or "")


def located_document(located: Located) -> Document:
    """What a service found or made, where it is."""
    return entity_document(located.entity, located.space.name, located.path)


def located_etag(located: Located, document: Document) -> str:
    """The ETag of its metadata."""
    return metadata_etag(located.entity.revision if isinstance(located.entity, FileRow) else 0, document)


def changed_answer(located: Located) -> Response:
    """What a change made of it, with the ETag of its metadata."""
    document = located_document(located)
    return answer(document, headers={"etag": located_etag(located, document)})


def metadata_answer(located: Located, if_none_match: str | None) -> Response:
    """Its metadata with their own ETag; 304 where the client has them."""
    document = located_document(located)
    etag = located_etag(located, document)
    headers = {"etag": etag, "cache-control": "private, no-cache"}
    if if_none_match is not None and (if_none_match.strip() == "*" or etag in if_none_match):
        return Response(status_code=304, headers=headers)
    return answer(document, headers=headers)


def instant_ms(text: str | None, name: str) -> int | None:
    """Milliseconds of an RFC 3339 date-time.

    Raises:
        InvalidRequest: It is none.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text.upper()) if "T" in text.upper() else None
        if instant is not None and instant.tzinfo is not None:
            return round(instant.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(f"{name} is a date and time with a zone, such as 2026-11-01T00:00:00Z", rule="instant")
