"""Whether whoever caused an event may: asked in ``apply``, in log order, so that a revoked writer's late event loses.

Somebody who may not even read is told that there is nothing: what does not exist and what is hidden look alike.
"""

from govault.domain.access import Level, level_at
from govault.domain.apply_shares import SHARE_PREFIX, may_drop
from govault.domain.draft import Draft
from govault.domain.outcomes import Refusal
from govault.domain.quotas import QUOTA_RULES
from govault.domain.reasons import Reason
from govault.domain.rows import Entity, FolderRow
from govault.domain.tree import segments_of
from schemas.envelope import Event
from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.files import (
    EntityRestored,
    EntityTrashed,
    EntryMoved,
    FolderMade,
    ManifestPartsAdded,
    MetadataChanged,
    Quota,
    SpaceChanged,
    SpaceClosed,
    SpaceOpened,
    TrashPurged,
    VersionCommitted,
    VersionsPruned,
)
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed

DROPPED_RULES = 4
"""The rules from which on what comes by an upload link has an owner."""


def authorise(draft: Draft, event: Event) -> None:
    """Check an event of ``.files`` by somebody who is neither an administrator nor the node.

    It says too whom new files belong to that come by a link: its folder is found here.

    Raises:
        Refusal: He may not, or may not know of it.
    """
    if event.actor.startswith(SHARE_PREFIX):
        _authorise_link(draft, event)
        return
    match event.data:
        case VersionCommitted(path=str(path), file_id=None) | FolderMade(path=path):
            _need(draft, event, _deepest(draft, path), Level.WRITE)
        case VersionCommitted(file_id=str(entity_id)) | MetadataChanged(entity_id=entity_id):
            _need_at(draft, event, entity_id, Level.WRITE)
        case EntityTrashed(entity_id=entity_id):
            _need_at(draft, event, entity_id, Level.WRITE)
        case EntryMoved(entity_id=entity_id, to_path=path):
            _need_at(draft, event, entity_id, Level.WRITE)
            _need(draft, event, _folder_of(draft, path), Level.WRITE)
        case EntityRestored() as data:
            trashed = _need_at(draft, event, data.entity_id, Level.WRITE)
            path = trashed.trashed_path if data.to_path is None else data.to_path
            if path:  # Otherwise it is no root of trash, and refused for that.
                _need(draft, event, _folder_of(draft, path), Level.WRITE)
        case VersionsPruned(file_id=entity_id) | OwnerChanged(entity_id=entity_id):
            _need_at(draft, event, entity_id, Level.OWNER)
        case TrashPurged(entity_ids=entity_ids):
            for entity_id in dict.fromkeys(entity_ids):
                _need_at(draft, event, entity_id, Level.OWNER)
        case AccessGranted(target_id=target_id) | AccessRevoked(target_id=target_id):
            if target_id == draft.space_id:
                _need(draft, event, None, Level.OWNER, hidden=Reason.SPACE_UNKNOWN)
            else:
                _need_at(draft, event, target_id, Level.OWNER)
        case ShareCreated(target_id=target_id) | ShareRevoked(target_id=target_id):
            _need_at(draft, event, target_id, Level.OWNER)
        case SpaceChanged() | SpaceClosed():
            _need(draft, event, None, Level.OWNER, hidden=Reason.SPACE_UNKNOWN)
            if isinstance(event.data, SpaceChanged) and event.data.quota is not None:
                _need_administrator(draft)
        case SpaceOpened(quota=quota) if quota != Quota():
            _need_administrator(draft)
        case ManifestPartsAdded() | SpaceOpened():
            # Parts give nobody anything before a commit lists them; a space's name was given by the directory.
            return
        case _:
            raise Refusal(Reason.ACCESS_DENIED)


def _authorise_link(draft: Draft, event: Event) -> None:
    """Whoever asks by a link counts his use, and puts new files where it says; nothing else."""
    match event.data:
        case ShareUsed(share_id=share_id) if event.actor == SHARE_PREFIX + share_id:
            return
        case ManifestPartsAdded():
            return
        case VersionCommitted(path=str(path), file_id=None):
            folder, now_ms = _deepest(draft, path), draft.vault_time_ms
            if not may_drop(draft.reader, draft.space_id, now_ms, event.actor, folder):
                raise Refusal(Reason.ACCESS_DENIED)
            if draft.partition.rules >= DROPPED_RULES:
                draft.owner = _owner_of(draft, folder)
        case _:
            raise Refusal(Reason.ACCESS_DENIED)


def _owner_of(draft: Draft, folder: Entity | None) -> str:
    """Whom a folder belongs to, or the nearest above it that belongs to anybody; empty: none does.

    He owns whatever is in there already, so that no access changes by it; but it counts as his.
    """
    above = folder
    while above is not None and not above.owner:
        above = None if above.parent_id == draft.space_id else draft.entity(above.parent_id)
    return "" if above is None else above.owner


def _need_administrator(draft: Draft) -> None:
    """Quotas bound those who manage a space; ``authorise`` is asked of nobody who is an administrator."""
    if draft.partition.rules >= QUOTA_RULES:
        raise Refusal(Reason.ACCESS_DENIED)


def _need_at(draft: Draft, event: Event, entity_id: str, need: Level) -> Entity:
    entity = draft.entity(entity_id)
    if entity is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    _need(draft, event, entity, need)
    return entity


def _need(
    draft: Draft, event: Event, entity: Entity | None, need: Level, hidden: Reason = Reason.ENTITY_UNKNOWN
) -> None:
    level = level_at(draft.reader, draft.space_id, entity, event.actor, event.principals)
    if level >= need:
        return
    raise Refusal(Reason.ACCESS_DENIED if level >= Level.READ else hidden)


def _folder_of(draft: Draft, path: str) -> Entity | None:
    segments = segments_of(path)
    return _walk(draft, segments[:-1])


def _deepest(draft: Draft, path: str) -> Entity | None:
    return _walk(draft, segments_of(path))


def _walk(draft: Draft, segments: list[str]) -> Entity | None:
    """The last thing on the way that exists; None: the space's top."""
    found: Entity | None = None
    parent_id = draft.space_id
    for name in segments:
        entry = draft.entry(parent_id, name)
        if entry is None:
            break
        found = draft.entity(entry.entity_id)
        if type(found) is not FolderRow:
            break
        parent_id = found.entity_id
    return found
