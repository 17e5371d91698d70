"""Reads of the tree: entities, entries, paths, folders, trash, and files by content."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import cast

from govault.domain.rows import Entity, EntryRow, FileRow, FolderRow
from govault.limits import PATH_DEPTH_MAX
from streams.views import keys
from streams.views.generation import Generation
from streams.views.rows_codec import decode_row

_ENTITIES_AT_ONCE = 256


def entity(generation: Generation, entity_id: str) -> Entity | None:
    """A file or folder of any partition, live or not."""
    key = keys.ENTITY + entity_id.encode()
    value = next(generation.find(key), None)
    return None if value is None else cast(Entity, decode_row(key, value))


def entry(generation: Generation, space_id: str, parent_id: str, name: str) -> EntryRow | None:
    """The live entry of a name."""
    partition = generation.partition_of(space_id)
    return None if partition is None else generation.files[partition].entry(space_id, parent_id, name)


def resolve(generation: Generation, space_id: str, path: str) -> Entity | None:
    """The live entity at a normalised path."""
    partition = generation.partition_of(space_id)
    if partition is None:
        return None
    reader = generation.files[partition]
    parent_id = space_id
    *folders, name = path.split("/")
    for folder in folders:
        step = reader.entry(space_id, parent_id, folder)
        if step is None or not step.is_folder:
            return None
        parent_id = step.entity_id
    last = reader.entry(space_id, parent_id, name)
    return None if last is None else reader.entity(last.entity_id)


class Paths:
    """Live paths of many entities; remembers the folders it met, so it belongs to one question."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._folders: dict[str, str | None] = {}

    def of(self, found: Entity) -> str | None:
        """The live path; None where the entity is trash or inside trash."""
        if found.trashed_ms is not None:
            return None
        above = self._above(found.space_id, found.parent_id, PATH_DEPTH_MAX)
        return None if above is None else above + found.name

    def _above(self, space_id: str, parent_id: str, depth_left: int) -> str | None:
        if parent_id == space_id:
            return ""
        if parent_id in self._folders:
            return self._folders[parent_id]
        partition = self._generation.partition_of(space_id)
        folder = None if partition is None else self._generation.files[partition].entity(parent_id)
        path: str | None = None
        if folder is not None and folder.trashed_ms is None and depth_left:
            above = self._above(space_id, folder.parent_id, depth_left - 1)
            path = None if above is None else f"{above}{folder.name}/"
        self._folders[parent_id] = path
        return path


def list_folder(
    generation: Generation, space_id: str, parent_id: str, after: str, limit: int
) -> list[tuple[EntryRow, FileRow | FolderRow]]:
    """Entries of a folder in key order, with their rows."""
    partition = generation.partition_of(space_id)
    if partition is None or limit <= 0:
        return []
    database, prefix = generation.database(partition), generation.prefixes[partition]
    folder = prefix + keys.entries_prefix(parent_id)
    start = folder + after.encode() + b"\0" if after else folder
    listed: list[tuple[EntryRow, FileRow | FolderRow]] = []
    found = database.items(start, keys.prefix_end(folder))
    while entries := list(islice(found, min(_ENTITIES_AT_ONCE, limit - len(listed)))):
        rows = [cast(EntryRow, decode_row(keys.ENTRY, value)) for _, value in entries]
        ids = [keys.ENTITY + row.entity_id.encode() for row in rows]
        values = database.get_many([prefix + key for key in ids])
        listed.extend(
            (row, cast(Entity, decode_row(keys.ENTITY, value)))
            for row, value in zip(rows, values, strict=True)
            if value is not None
        )
        if len(entries) < _ENTITIES_AT_ONCE or len(listed) >= limit:
            break
    return listed


def list_trash(generation: Generation, space_id: str | None, after: str, limit: int) -> list[Entity]:
    """Roots of trash by entity id, of one space or of all."""
    spaces = [space_id] if space_id is not None else [row.space_id for row in generation.directory.spaces()]
    merged = heapq.merge(*(_trash_of(generation, one, after) for one in spaces))
    rows = (generation.files[partition].entity(entity_id) for entity_id, partition in merged)
    return list(islice((row for row in rows if row is not None), limit))


def _trash_of(generation: Generation, space_id: str, after: str) -> Iterator[tuple[str, int]]:
    partition = generation.partition_of(space_id)
    if partition is None:
        return
    full = generation.prefixes[partition] + keys.trash_key(space_id, "")
    first = full + after.encode() + b"\0" if after else full
    for key in generation.database(partition).keys(first, keys.prefix_end(full)):
        yield key[len(full) :].decode(), partition


def files_with_hash(generation: Generation, sha256: str, limit: int) -> list[tuple[FileRow, int]]:
    """Live files that retain a version of this content, each with the newest such version's number."""
    start = keys.HASH_INDEX + bytes.fromhex(sha256)
    paths = Paths(generation)
    found: dict[str, tuple[FileRow, int]] = {}
    for partition, prefix in enumerate(generation.prefixes):
        full = prefix + start
        for key in generation.database(partition).keys(full, keys.prefix_end(full)):
            file_id, number = key[len(full) : -8].decode(), int.from_bytes(key[-8:], "big")
            row = generation.files[partition].entity(file_id)
            if isinstance(row, FileRow) and paths.of(row) is not None:
                found[file_id] = (row, number)
            if len(found) > limit:
                break
    return list(found.values())[:limit]
