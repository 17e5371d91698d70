"""Entity tags in conditions (RFC 9110, 8.8.3): those of contents, and those of metadata and settings."""

import re

from api.documents import entity_document, metadata_etag
from govault.domain.rows import FileRow
from govault.errors import InvalidRequest, PreconditionFailed
from govault.services.namespace.targets import Guard, Located
from schemas.ids import is_sha256

_TAG = re.compile(r'[ \t]*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)')
_REVISION = re.compile(r"^r([0-9]{1,15})(?:-[0-9a-f]{16})?$")
_NO_CONTENT = "0" * 64
"""A hash that no content has: a condition that names no content at all must fail, and apply says with which ETag."""


def strong_tags(if_match: str | None) -> tuple[str, ...] | None:
    """The strong tags of an If-Match, without quotes; None where it asks nothing of a thing that exists (``*``).

    Raises:
        InvalidRequest: It is not a list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags: list[str] = []
    at = 0
    while at < len(if_match):
        found = _TAG.match(if_match, at)
        if found is None:
            raise InvalidRequest('If-Match is "*" or a list of quoted entity tags', rule="entity-tag")
        if not found[1]:
            tags.append(found[2])
        at = found.end()
    if not tags and not at:
        raise InvalidRequest('If-Match is "*" or a list of quoted entity tags', rule="entity-tag")
    return tuple(tags)


def content_match(if_match: str | None) -> tuple[str, ...]:
    """What an If-Match asks of a content: its hash is one of these; empty: nothing."""
    tags = strong_tags(if_match)
    if tags is None:
        return ()
    return tuple(tag for tag in tags if is_sha256(tag)) or (_NO_CONTENT,)


def file_conditions(if_match: str | None) -> tuple[Guard | None, tuple[str, ...]]:
    """What an If-Match asks of a file that is changed: by tags of its metadata (a guard), or of its content."""
    tags = strong_tags(if_match)
    if tags is None:
        return None, ()
    contents = tuple(tag for tag in tags if is_sha256(tag))
    if contents:
        return _content_guard(contents), contents
    return _metadata_guard(tags), ()


def base_revision(if_match: str | None) -> int | None:
    """The revision that an If-Match on settings names; None: no condition.

    Raises:
        PreconditionFailed: It names none that could ever hold.
    """
    tags = strong_tags(if_match)
    if tags is None:
        return None
    revisions = [int(found[1]) for tag in tags if (found := _REVISION.match(tag))]
    if len(revisions) != 1:
        raise PreconditionFailed("If-Match names no revision of these settings")
    return revisions[0]


def _metadata_guard(tags: tuple[str, ...]) -> Guard:
    def guard(located: Located) -> int | None:
        entity = located.entity
        revision = entity.revision if isinstance(entity, FileRow) else 0
        current = metadata_etag(revision, entity_document(entity, located.space.name, located.path)).strip('"')
        if current not in tags:
            raise PreconditionFailed("the metadata has changed since the ETag you saw", etag=current)
        return revision if isinstance(entity, FileRow) else None

    return guard


def _content_guard(contents: tuple[str, ...]) -> Guard:
    def guard(located: Located) -> int | None:
        current = located.entity.current.sha256 if isinstance(located.entity, FileRow) else None
        if current not in contents:
            raise PreconditionFailed("the content has changed since the ETag you saw", etag=current)
        return None

    return guard
