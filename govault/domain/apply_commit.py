"""``VersionCommitted``: a new file, a new version, or a touch of the current one."""

from govault.domain.annotations import checked_description, checked_tags, size_of
from govault.domain.contents import check_content, hold
from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import FileRow, VersionContent, VersionRow
from govault.domain.tree import file_of, live_file, parent_for, segments_of
from govault.domain.version_numbers import VersionNumbers
from govault.limits import PATH_BYTES_MAX
from schemas.envelope import Event
from schemas.events.files import Content, VersionCommitted
from schemas.ids import is_entity_id

_NUMBER_MAX = 2**31
_NO_OLDER = VersionNumbers()
_NOT_TRASH = (None, "", "")


def commit(draft: Draft, event: Event, data: VersionCommitted) -> Decision:
    """Decide a commit, in the order that gives writers the most useful refusal.

    Where it goes → the condition → is the content there already → epoch → manifest. A commit by path means whatever
    stands at the path when it is applied: a file that was moved away meanwhile is left alone, and the path is free. A
    commit by id follows the file wherever it went. The content that the current version has already makes no new
    version, whatever else differs: what differs (mtime, executable bit, media type, tags, description) is set on the
    current one, and nothing of the new manifest is referenced.
    """
    if data.file_id is not None:
        if data.path is not None:
            raise Refusal(Reason.EVENT_INVALID, detail="both a path and a file id")
        file, path = live_file(draft, data.file_id)
        return _onto(draft, event, data, file, path)
    if data.path is None:
        raise Refusal(Reason.EVENT_INVALID, detail="neither a path nor a file id")
    segments = segments_of(data.path)
    parent_id = parent_for(draft, event.id, segments)
    entry = None if draft.made() else draft.entry(parent_id, segments[-1])
    if entry is not None:
        return _onto(draft, event, data, file_of(draft, entry), data.path)
    if data.condition == "match":
        raise Refusal(Reason.CONDITION_FAILED, etag=None)
    return _new_file(draft, event, data, parent_id, segments[-1])


def _new_file(draft: Draft, event: Event, data: VersionCommitted, parent_id: str, name: str) -> Decision:
    _check_epoch(draft, data)
    file_id = data.new_file_id
    if not is_entity_id(file_id) or draft.id_is_taken(file_id):
        raise Refusal(Reason.EVENT_INVALID, detail="the new file's id is taken or not an id")
    if size_of(data.original_name) > PATH_BYTES_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="the original name is too long")
    content = _held_version(draft, event, data, 1, None)
    now = draft.vault_time_ms
    draft.put_entry(parent_id, name, False, file_id)
    # Rows of every new file: without the Python call that their own constructors are (``govault.domain.apply``).
    row = tuple.__new__(
        FileRow,
        (
            file_id,
            draft.space_id,
            parent_id,
            name,
            data.original_name or name,
            now,
            now,
            0,
            checked_tags(data.tags or ()),
            checked_description(data.description or ""),
            "",
            content,
            _NO_OLDER,
            draft.next_docnum(),
            *_NOT_TRASH,
            draft.owner,
            0,
        ),
    )
    draft.put_entity(row)
    draft.files += 1
    if draft.owner:
        draft.own(draft.owner, content.size_bytes, 1)
    return accepted(file_id=file_id, version=1, created=True, etag=content.sha256, path=data.path)


def _onto(draft: Draft, event: Event, data: VersionCommitted, file: FileRow, path: str) -> Decision:
    current = file.current
    if data.condition == "absent" or (data.condition == "match" and current.sha256 not in data.match_sha256):
        raise Refusal(Reason.CONDITION_FAILED, etag=current.sha256)
    tags = file.tags if data.tags is None else checked_tags(data.tags)
    description = file.description if data.description is None else checked_description(data.description)
    revision = file.revision + (tags != file.tags or description != file.description)
    if _same_content(data.content, current):
        check_content(data.content)
        touched = _touched(data.content, current)
        if touched is current and revision == file.revision:
            return unchanged(**_facts(file, current, path))
        # A touch shows in the metadata, so their ETag must change.
        revision = file.revision + 1
        draft.put_entity(file._replace(revision=revision, tags=tags, description=description, current=touched))
        return accepted(**_facts(file, current, path))
    _check_epoch(draft, data)
    content = _held_version(draft, event, data, current.number + 1, file.entity_id)
    draft.put_version(VersionRow(file.entity_id, current.number, current))
    draft.put_entity(
        file._replace(
            modified_ms=draft.vault_time_ms,
            revision=revision,
            tags=tags,
            description=description,
            current=content,
            older=file.older.followed_by(current.number),
            older_bytes=file.older_bytes + current.size_bytes,
        )
    )
    if file.owner:
        draft.own(file.owner, content.size_bytes, 0)
    return accepted(**_facts(file, content, path))


def _facts(file: FileRow, content: VersionContent, path: str) -> dict[str, str | int | bool | None]:
    return {
        "file_id": file.entity_id,
        "version": content.number,
        "created": False,
        "etag": content.sha256,
        "path": path,
    }


def _same_content(content: Content, current: VersionContent) -> bool:
    return (
        content.sha256 == current.sha256 and content.size_bytes == current.size_bytes and content.kind == current.kind
    )


def _touched(content: Content, current: VersionContent) -> VersionContent:
    """The current version with what a commit of the same content says differently; itself where nothing does."""
    mtime_ns = current.mtime_ns if content.mtime_ns is None else content.mtime_ns
    given = (content.executable, mtime_ns, content.media_type)
    if given == (current.executable, current.mtime_ns, current.media_type):
        return current
    return current._replace(executable=given[0], mtime_ns=given[1], media_type=given[2])


def _check_epoch(draft: Draft, data: VersionCommitted) -> None:
    if data.epoch < draft.partition.epoch - 1:
        raise Refusal(Reason.STALE_EPOCH, epoch=draft.partition.epoch)


def _held_version(
    draft: Draft, event: Event, data: VersionCommitted, number: int, file_id: str | None
) -> VersionContent:
    content = data.content
    hold(draft, content, check_content(content))
    origin = None
    if data.origin is not None:
        if not is_entity_id(data.origin.file_id) or not 0 <= data.origin.version < _NUMBER_MAX:
            raise Refusal(Reason.EVENT_INVALID, detail="the origin is not a version")
        origin = (data.origin.how, data.origin.file_id, data.origin.version)
    base = data.base
    knows_base = base is not None and base.file_id == file_id and 0 <= base.version < number
    return tuple.__new__(
        VersionContent,
        (
            number,
            content.sha256,
            content.size_bytes,
            content.inline_manifest or "",
            content.parts,
            content.kind,
            content.executable,
            content.mtime_ns,
            content.media_type,
            draft.vault_time_ms,
            event.actor,
            origin,
            base.version if base is not None and knows_base else None,
        ),
    )
