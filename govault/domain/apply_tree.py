"""The tree's events: folders made, entries moved, trash made and brought back. Each is O(1) in what a folder holds."""

from govault.domain.draft import Draft
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import Entity, FileRow, FolderRow
from govault.domain.tree import in_trash, live, make_folder, parent_for, path_of, segments_of, trash
from schemas.envelope import Event
from schemas.events.files import EntityRestored, EntityTrashed, EntryMoved, FolderMade


def make(draft: Draft, event: Event, data: FolderMade) -> Decision:
    """Make a folder and those on the way; one that is there already is fine."""
    segments = segments_of(data.path)
    parent_id = parent_for(draft, event.id, segments)
    entry = None if draft.made() else draft.entry(parent_id, segments[-1])
    if entry is not None:
        if not entry.is_folder:
            raise Refusal(Reason.OCCUPIED, entity_id=entry.entity_id)
        return unchanged(entity_id=entry.entity_id, path=data.path, created=False)
    folder_id = make_folder(draft, event.id, parent_id, segments[-1])
    return accepted(entity_id=folder_id, path=data.path, created=True)


def move(draft: Draft, event: Event, data: EntryMoved) -> Decision:
    """Give an entity another path. Its descendants come along without a change of their own.

    So a descendant's path can become longer than paths may be; it is then reached by its id, or by moving it.
    """
    entity, _ = live(draft, data.entity_id)
    _check_match(entity, data.match_sha256)
    segments = segments_of(data.to_path)
    parent_id = parent_for(draft, event.id, segments, entity.entity_id)
    if (parent_id, segments[-1]) == (entity.parent_id, entity.name):
        return unchanged(entity_id=entity.entity_id, path=data.to_path)
    replaced = _clear(draft, event, parent_id, segments[-1], data.replace)
    draft.delete_entry(entity, type(entity) is FolderRow)
    _place(draft, entity, parent_id, segments[-1])
    return accepted(entity_id=entity.entity_id, path=data.to_path, **replaced)


def make_trash(draft: Draft, event: Event, data: EntityTrashed) -> Decision:
    """Make a live entity trash."""
    entity, path = live(draft, data.entity_id)
    _check_match(entity, data.match_sha256)
    trash(draft, entity, path, event.actor)
    return accepted(entity_id=entity.entity_id, path=path)


def restore(draft: Draft, event: Event, data: EntityRestored) -> Decision:
    """Bring a trash root back by path: the folders it stood in may have been moved, so they are made anew."""
    entity = draft.entity(data.entity_id)
    if entity is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    if entity.trashed_ms is None:
        raise Refusal(Reason.NOT_TRASH, inside=in_trash(draft, entity))
    to_path = entity.trashed_path if data.to_path is None else data.to_path
    segments = segments_of(to_path)
    parent_id = parent_for(draft, event.id, segments)
    replaced = _clear(draft, event, parent_id, segments[-1], data.replace)
    _place(draft, entity._replace(trashed_ms=None, trashed_path="", trashed_by=""), parent_id, segments[-1])
    return accepted(entity_id=entity.entity_id, path=to_path, **replaced)


def _check_match(entity: Entity, match_sha256: tuple[str, ...]) -> None:
    if not match_sha256:
        return
    etag = entity.current.sha256 if type(entity) is FileRow else None
    if etag not in match_sha256:
        raise Refusal(Reason.CONDITION_FAILED, etag=etag)


def _clear(draft: Draft, event: Event, parent_id: str, name: str, replace: bool) -> dict[str, str]:
    """Make sure that a name is free; what stood there becomes trash where the event says so."""
    entry = draft.entry(parent_id, name)
    if entry is None:
        return {}
    if not replace:
        raise Refusal(Reason.OCCUPIED, entity_id=entry.entity_id)
    other = draft.entity(entry.entity_id)
    path = None if other is None else path_of(draft, other)
    if other is None or path is None:
        raise Refusal(Reason.EVENT_INVALID, detail="an entry names nothing live")
    trash(draft, other, path, event.actor)
    return {"replaced": other.entity_id}


def _place(draft: Draft, entity: Entity, parent_id: str, name: str) -> None:
    is_folder = type(entity) is FolderRow
    draft.put_entry(parent_id, name, is_folder, entity.entity_id)
    draft.put_entity(entity._replace(parent_id=parent_id, name=name))
