"""Reads as of a past position: spaces, entries, files and folders as they were when an offset had been applied.

A change keeps the value it replaces under the offset of the change, and every value begins with the offset of the
change that made it. So the value as of P is the first one replaced behind P, else the current one, if it had begun.
"""

import heapq
from collections.abc import Iterator
from itertools import groupby, islice
from typing import cast

from govault.domain.rows import Entity, EntryRow, FileRow, FolderRow, Row, SpaceRow
from govault.limits import PATH_DEPTH_MAX
from streams.views import keys
from streams.views.database import Database
from streams.views.rows_codec import decode_row, since_of

_SUFFIX_BYTES = 1 + keys.OFFSET_BYTES


class PastPartition:
    """One ``.files`` partition as of an offset. Any thread may read; what is applied meanwhile does not show."""

    def __init__(self, database: Database, prefix: bytes, offset: int) -> None:
        self._database = database
        self._prefix = prefix
        self._offset = offset

    def space(self, space_id: str) -> SpaceRow | None:
        """A space's settings then."""
        return cast(SpaceRow | None, self._row(keys.SPACE + space_id.encode()))

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder then, live or not."""
        return cast(Entity | None, self._row(keys.ENTITY + entity_id.encode()))

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The live entry of a name then."""
        row = self._row(keys.entry_key(parent_id, name, False)) or self._row(keys.entry_key(parent_id, name, True))
        entry = cast(EntryRow | None, row)
        return entry if entry is not None and entry.space_id == space_id else None

    def resolve(self, space_id: str, path: str) -> Entity | None:
        """The live entity at a path then."""
        parent_id = space_id
        *folders, name = path.split("/")
        for folder in folders:
            step = self.entry(space_id, parent_id, folder)
            if step is None or not step.is_folder:
                return None
            parent_id = step.entity_id
        last = self.entry(space_id, parent_id, name)
        return None if last is None else self.entity(last.entity_id)

    def path_of(self, entity: Entity) -> str | None:
        """The live path then of an entity as it was then; None where it was trash or inside trash."""
        names: list[str] = []
        node: Entity | None = entity
        for _ in range(PATH_DEPTH_MAX):
            if node is None or node.trashed_ms is not None:
                return None
            names.append(node.name)
            if node.parent_id == node.space_id:
                return "/".join(reversed(names))
            node = self.entity(node.parent_id)
        return None

    def list_folder(self, parent_id: str, after: str, limit: int) -> list[tuple[EntryRow, FileRow | FolderRow]]:
        """Entries of a folder then, in key order, with their rows as they were (see ``Views.list_folder``)."""
        folder = keys.entries_prefix(parent_id)
        start = folder + after.encode() + b"\0" if after else folder
        return list(islice(self._entries(folder, start), max(0, limit)))

    def _entries(self, folder: bytes, start: bytes) -> Iterator[tuple[EntryRow, FileRow | FolderRow]]:
        stop = keys.prefix_end(folder)
        merged = heapq.merge(self._current_keys(start, stop), self._replaced_keys(start, stop))
        for key, _ in groupby(merged):
            entry = cast(EntryRow | None, self._row(key))
            row = None if entry is None else self.entity(entry.entity_id)
            if entry is not None and row is not None:
                yield entry, row

    def _current_keys(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        for key in self._database.keys(self._prefix + start, self._prefix + stop):
            yield key[keys.PREFIX_BYTES :]

    def _replaced_keys(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        family = self._prefix + keys.REVISION
        for key in self._database.keys(family + start, family + stop):
            if int.from_bytes(key[-keys.OFFSET_BYTES :], "big") > self._offset:
                yield key[len(family) : -_SUFFIX_BYTES]

    def _row(self, key: bytes) -> Row | None:
        full = self._prefix + key
        # First the current one: a batch that replaces it after this look leaves it to the next.
        current = self._database.get(full)
        revisions = keys.revision_prefix(full)
        first = revisions + (self._offset + 1).to_bytes(keys.OFFSET_BYTES, "big")
        replaced = self._database.items(first, keys.prefix_end(revisions))
        value = next((value for _, value in replaced), current)
        if value is None or since_of(value) > self._offset:
            return None
        return decode_row(key, value)
