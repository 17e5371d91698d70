"""The tree of a space inside ``apply``: finding, walking up and down, making the folders on the way."""

from govault.domain.draft import Draft
from govault.domain.outcomes import Refusal
from govault.domain.paths import broken_rule
from govault.domain.reasons import Reason
from govault.domain.rows import Entity, EntryRow, FileRow, FolderRow
from schemas.ids import EventId, derived_entity_id


def segments_of(path: str) -> list[str]:
    """The names of a path, as bytes compare: nothing is normalised here.

    Raises:
        Refusal: It breaks a rule of paths.
    """
    if (rule := broken_rule(path)) is not None:
        raise Refusal(Reason.PATH_INVALID, rule=rule)
    return path.split("/")


def path_of(draft: Draft, entity: Entity) -> str | None:
    """The live path of an entity: None where it is trash or inside trash."""
    node = entity
    names: list[str] = []
    while node.trashed_ms is None:
        names.append(node.name)
        if node.parent_id == draft.space_id:
            return "/".join(reversed(names))
        parent = draft.entity(node.parent_id)
        if type(parent) is not FolderRow:
            return None
        node = parent
    return None


def in_trash(draft: Draft, entity: Entity) -> bool:
    """Whether the entity is trash or inside trash."""
    return path_of(draft, entity) is None


def live(draft: Draft, entity_id: str) -> tuple[Entity, str]:
    """A live file or folder, and its path.

    Raises:
        Refusal: There is none of that id.
    """
    entity = draft.entity(entity_id)
    path = None if entity is None else path_of(draft, entity)
    if entity is None or path is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    return entity, path


def live_file(draft: Draft, file_id: str) -> tuple[FileRow, str]:
    """A live file, and its path.

    Raises:
        Refusal: There is none of that id, or it is a folder.
    """
    entity, path = live(draft, file_id)
    if type(entity) is not FileRow:
        raise Refusal(Reason.NOT_A_FILE)
    return entity, path


def file_of(draft: Draft, entry: EntryRow) -> FileRow:
    """The file that an entry names.

    Raises:
        Refusal: A folder stands there.
    """
    row = draft.entity(entry.entity_id)
    if type(row) is not FileRow:
        raise Refusal(Reason.OCCUPIED, entity_id=entry.entity_id)
    return row


def parent_for(draft: Draft, event_id: EventId, segments: list[str], moved_id: str = "") -> str:
    """The id of the folder that holds the last name; folders that lack on the way are made.

    Args:
        moved_id: An entity on its way to this path: it must not be on the way itself.

    Raises:
        Refusal: A name on the way is a file's, or the moved entity's.
    """
    parent_id = draft.space_id
    made = False
    for depth in range(len(segments) - 1):
        name = segments[depth]
        entry = None if made else draft.entry(parent_id, name)
        if entry is None:
            parent_id = make_folder(draft, event_id, parent_id, name)
            made = True
        elif not entry.is_folder:
            raise Refusal(Reason.NOT_A_FOLDER, path="/".join(segments[: depth + 1]))
        elif entry.entity_id == moved_id:
            raise Refusal(Reason.INTO_ITSELF, entity_id=moved_id)
        else:
            parent_id = entry.entity_id
    return parent_id


def make_folder(draft: Draft, event_id: EventId, parent_id: str, name: str) -> str:
    """Make a folder under a free name; its id derives from the event, so every node gives it the same.

    Raises:
        Refusal: The id is taken, which a repeat older than the kept outcomes would cause.
    """
    folder_id = derived_entity_id(event_id, draft.made())
    if draft.id_is_taken(folder_id):
        raise Refusal(Reason.EVENT_INVALID, detail="an id derived from the event is taken")
    now = draft.vault_time_ms
    draft.put_entity(
        FolderRow(folder_id, draft.space_id, parent_id, name, now, now, draft.next_docnum(), owner=draft.owner)
    )
    draft.put_entry(parent_id, name, True, folder_id)
    draft.folders += 1
    return folder_id


def trash(draft: Draft, entity: Entity, path: str, actor: str) -> None:
    """Make a live entity trash: its name is free, its row remembers, what is inside stays as it is."""
    draft.delete_entry(entity, type(entity) is FolderRow)
    draft.put_entity(entity._replace(trashed_ms=draft.vault_time_ms, trashed_path=path, trashed_by=actor))
