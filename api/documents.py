"""Rows of the views as the JSON that answers carry (``schemas.rest.namespace`` declares the same shapes).

Plain dicts rather than models, because a page of a thousand entries is answered in milliseconds that way.
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from govault.domain.rows import (
    DirectoryRow,
    Entity,
    FileRow,
    FolderRow,
    SpaceRow,
    TotalsRow,
    VersionContent,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.services.maintenance.purges import PurgeBudget
from govault.services.namespace.history import Fact
from govault.services.namespace.trash import Trashed

Document = dict[str, Any]
_LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: what lies behind it (a trash kept for ten thousand years) is told as this."""


def dumps(document: object) -> bytes:
    """The JSON of an answer; times in RFC 3339 with ``Z``."""
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)


def instant(time_ms: int) -> datetime:
    """Vault time as a date."""
    return datetime.fromtimestamp(min(time_ms, _LATEST_MS) / 1000, UTC)


def quoted(sha256: str) -> str:
    """The ETag of a content."""
    return f'"{sha256}"'


def entity_document(entity: Entity, space: str, path: str | None) -> Document:
    """A file or folder at its live path (None: it has none)."""
    if isinstance(entity, FileRow):
        return file_document(entity, space, path)
    return folder_document(entity, space, path)


def file_document(file: FileRow, space: str, path: str | None) -> Document:
    """A file and its current version."""
    current = file.current
    return {
        "type": "file",
        "id": file.entity_id,
        "space": space,
        "path": path,
        "name": file.name,
        "kind": current.kind,
        "size_bytes": current.size_bytes,
        "sha256": current.sha256,
        "etag": quoted(current.sha256),
        "media_type": file.media_type or current.media_type,
        "version": current.number,
        "versions": len(file.older) + 1,
        "revision": file.revision,
        "tags": file.tags,
        "description": file.description,
        "original_name": file.original_name,
        "owner": current.actor,
        "executable": current.executable,
        "mtime_ns": current.mtime_ns,
        "created_at": instant(file.created_ms),
        "modified_at": instant(file.modified_ms),
    }


def folder_document(folder: FolderRow, space: str, path: str | None) -> Document:
    """A folder."""
    return {
        "type": "folder",
        "id": folder.entity_id,
        "space": space,
        "path": path,
        "name": folder.name,
        "created_at": instant(folder.created_ms),
        "modified_at": instant(folder.modified_ms),
    }


def version_document(content: VersionContent, current: bool) -> Document:
    """One version of a file."""
    return {
        "version": content.number,
        "current": current,
        "sha256": content.sha256,
        "etag": quoted(content.sha256),
        "size_bytes": content.size_bytes,
        "media_type": content.media_type,
        "kind": content.kind,
        "executable": content.executable,
        "mtime_ns": content.mtime_ns,
        "committed_at": instant(content.committed_ms),
        "actor": content.actor,
        "origin": origin_document(content.origin),
    }


def origin_document(origin: tuple[str, str, int] | None) -> Document | None:
    """Where a version's content came from."""
    if origin is None:
        return None
    how, file_id, version = origin
    return {"how": how, "file_id": file_id, "version": version}


def trashed_document(entity: Entity, space: str, expires_after_s: int | None) -> Document:
    """A root of trash."""
    trashed_ms = entity.trashed_ms or 0
    file = entity if isinstance(entity, FileRow) else None
    return {
        "type": "folder" if file is None else "file",
        "id": entity.entity_id,
        "space": space,
        "name": entity.name,
        "trashed_path": entity.trashed_path,
        "trashed_at": instant(trashed_ms),
        "trashed_by": entity.trashed_by,
        "expires_at": None if expires_after_s is None else instant(trashed_ms + expires_after_s * 1000),
        "size_bytes": None if file is None else file.current.size_bytes,
        "sha256": None if file is None else file.current.sha256,
    }


def trashed_answer(trashed: Trashed, dry_run: bool) -> Document:
    """What became trash, or would."""
    trashed_ms = trashed.entity.trashed_ms
    return {
        "dry_run": dry_run,
        "type": "file" if isinstance(trashed.entity, FileRow) else "folder",
        "id": trashed.entity.entity_id,
        "space": trashed.space.name,
        "path": trashed.path,
        "trashed_at": None if trashed_ms is None else instant(trashed_ms),
    }


def metadata_etag(revision: int, document: Document) -> str:
    """The ETag of a metadata document: its revision, and a digest because its path and versions change beside it."""
    return f'"r{revision}-{blake2b(dumps(document), digest_size=8).hexdigest()}"'


def space_document(
    row: DirectoryRow,
    settings: SpaceRow | None,
    totals: TotalsRow | None,
    replicas: SpaceReplicasRow | None,
    quota: SpaceQuotaRow | None,
) -> Document:
    """A space; without settings it is on its way to be opened."""
    state = "opening" if settings is None else "closing" if settings.closed else "open"
    return {
        "id": row.space_id,
        "name": row.name,
        "description": settings.description if settings else "",
        "retention": {
            "keep_last": settings.keep_last if settings else None,
            "keep_within_s": settings.keep_within_s if settings else None,
            "trash_expires_after_s": settings.trash_expires_after_s if settings else None,
        },
        "replication": {
            "replicas": replicas.replicas if replicas else None,
            "write_quorum": replicas.write_quorum if replicas else None,
        },
        "quota": None
        if totals is None
        else {"bytes_max": quota.bytes_max if quota else None, "files_max": quota.files_max if quota else None},
        "revision": settings.revision if settings else 0,
        "state": state,
        "files": totals.files if totals else None,
        "folders": totals.folders if totals else None,
        "versions": totals.versions if totals else None,
        "logical_bytes": totals.logical_bytes if totals else None,
        "created_at": instant(row.created_ms),
    }


def top_document(space: DirectoryRow) -> Document:
    """The top of a space, as a folder: it has no row of its own."""
    created = instant(space.created_ms)
    return {
        "type": "folder",
        "id": space.space_id,
        "space": space.name,
        "path": "",
        "name": "",
        "created_at": created,
        "modified_at": created,
    }


def fact_document(fact: Fact) -> Document:
    """Something that happened to a file or folder."""
    content = fact.content
    return {
        "what": fact.what,
        "at": None if fact.at_ms is None else instant(fact.at_ms),
        "actor": fact.actor,
        "version": fact.version,
        "retained": None if fact.version is None else content is not None,
        "sha256": None if content is None else content.sha256,
        "size_bytes": None if content is None else content.size_bytes,
        "origin": None if content is None else origin_document(content.origin),
        "revision": fact.revision,
        "path": fact.path,
    }


def emptied_document(totals: TotalsRow) -> Document:
    """What the removal of a space would remove."""
    return {
        "dry_run": True,
        "files": totals.files if totals else None,
        "folders": totals.folders if totals else None,
        "versions": totals.versions if totals else None,
        "size_bytes": totals.logical_bytes,
        "more": False,
    }


def removal_document(budget: PurgeBudget) -> Document:
    """What a purge removed, or would."""
    return {"dry_run": budget.dry_run, **budget.purged._asdict(), "more": budget.exhausted}
