"""The changes of one event while ``apply`` decides it: reads go through them, so its operations see one another."""

from govault.domain.folding import FilesReader
from govault.domain.position import Position
from govault.domain.rows import (
    AccessRow,
    Change,
    ChunkRow,
    Delete,
    Entity,
    EntryRow,
    FileRow,
    OwnedRow,
    PackedPartRow,
    PartitionRow,
    PartRow,
    Put,
    SharesRow,
    SpaceRow,
    TotalsRow,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow

_EntryKey = tuple[str, str, bool]
_new = tuple.__new__
"""See ``govault.domain.apply``."""


class Draft:
    """One event's changes to one partition. An event touches one space at most, so keys leave the space out.

    Counts (totals, references) are collected as differences and read and written once, at the end.

    Attributes:
        partition: The partition's row; decisions may replace it.
        owner: The account that files and folders made by this event belong to; empty: none.
        files, folders, versions, logical_bytes: Differences of the space's totals.
    """

    __slots__ = (
        "_chunks",
        "_docnums",
        "_entities",
        "_entries",
        "_gone",
        "_owned",
        "_part_references",
        "_parts",
        "_unread",
        "at",
        "files",
        "folders",
        "logical_bytes",
        "owner",
        "partition",
        "reader",
        "space_id",
        "vault_time_ms",
        "versions",
    )

    def __init__(
        self, reader: FilesReader, at: Position, vault_time_ms: int, partition: PartitionRow, space_id: str
    ) -> None:
        self.reader = reader
        self.at = at
        self.vault_time_ms = vault_time_ms
        self.partition = partition
        self.space_id = space_id
        self.owner = ""
        self.files = self.folders = self.versions = self.logical_bytes = 0
        self._docnums = 0
        self._entries: dict[_EntryKey, Change] = {}
        self._entities: dict[str, Entity] = {}
        self._gone: dict[str, Entity] = {}
        self._parts: dict[str, PartRow] = {}
        self._unread: list[Change] = []
        self._owned: dict[str, tuple[int, int]] | None = None
        self._part_references: dict[str, int] = {}
        self._chunks: dict[bytes, int] = {}

    # --- reads ---------------------------------------------------------------------------------------------

    def entry(self, parent_id: str, name: str) -> EntryRow | None:
        """The file or folder of that name, as of this draft."""
        if not self._entries:
            return self.reader.entry(self.space_id, parent_id, name)
        as_file = self._entries.get((parent_id, name, False))
        if type(as_file) is Put:
            return _entry(as_file)
        as_folder = self._entries.get((parent_id, name, True))
        if type(as_folder) is Put:
            return _entry(as_folder)
        row = self.reader.entry(self.space_id, parent_id, name)
        return None if row is None or (parent_id, name, row.is_folder) in self._entries else row

    def has_entries(self, parent_id: str) -> bool:
        """Whether the folder has an entry, as of this draft."""
        removed = 0
        for (parent, _, _), change in self._entries.items():
            if parent == parent_id:
                if type(change) is Put:
                    return True
                removed += 1
        return self.reader.has_entries(self.space_id, parent_id, removed)

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder of this event's space, as of this draft."""
        row = self._entities.get(entity_id)
        if row is None:
            row = None if entity_id in self._gone else self.reader.entity(entity_id)
        return row if row is not None and row.space_id == self.space_id else None

    def id_is_taken(self, entity_id: str) -> bool:
        """Whether any space of the partition has an entity of that id."""
        return entity_id in self._entities or self.reader.entity(entity_id) is not None

    def part(self, part_id: str) -> PartRow | None:
        """A manifest part, as of this draft (its references: as of the event before)."""
        row = self._parts.get(part_id)
        return self.reader.part(self.space_id, part_id) if row is None else row

    # --- writes --------------------------------------------------------------------------------------------

    def put_entry(self, parent_id: str, name: str, is_folder: bool, entity_id: str) -> None:
        """Give a free name to a file or folder."""
        row = _new(EntryRow, (self.space_id, parent_id, name, is_folder, entity_id))
        self._entries[parent_id, name, is_folder] = _new(Put, (row,))

    def delete_entry(self, entity: Entity, is_folder: bool) -> None:
        """Take away the name that a file or folder has where its row says."""
        row = EntryRow(self.space_id, entity.parent_id, entity.name, is_folder, entity.entity_id)
        self._entries[entity.parent_id, entity.name, is_folder] = Delete(row)

    def put_entity(self, row: Entity) -> None:
        """Set a file or folder."""
        self._entities[row.entity_id] = row

    def delete_entity(self, row: Entity) -> None:
        """Remove a file or folder; once in an event."""
        self._gone[row.entity_id] = row

    def put_version(self, row: VersionRow) -> None:
        """Keep a version that is no longer the current one."""
        self._unread.append(Put(row))

    def delete_version(self, row: VersionRow) -> None:
        """Remove one; once in an event."""
        self._unread.append(Delete(row))

    def add_part(self, row: PartRow, packed: str) -> None:
        """Take a new part in, with its chunks."""
        self._parts[row.part_id] = row
        self._unread.append(Put(PackedPartRow(row.space_id, row.part_id, packed)))

    def put_part(self, row: PartRow) -> None:
        """Set what is known of a part."""
        self._parts[row.part_id] = row

    def delete_part(self, row: PartRow) -> None:
        """Remove a part and its chunks; once in an event."""
        self._unread += (Delete(row), Delete(PackedPartRow(row.space_id, row.part_id, "")))

    def put_access(self, row: AccessRow) -> None:
        """Set what is granted at a target; once in an event."""
        self._unread.append(Put(row))

    def delete_access(self, target_id: str) -> None:
        """Forget what was granted at a target that ends."""
        row = self.reader.access(target_id)
        if row is not None:
            self._unread.append(Delete(row))

    def put_shares(self, row: SharesRow) -> None:
        """Set the links to a target; once in an event."""
        self._unread.append(Put(row))

    def delete_shares(self, target_id: str) -> None:
        """Forget the links to a target that ends."""
        row = self.reader.shares(target_id)
        if row is not None:
            self._unread.append(Delete(row))

    def put_space(self, row: SpaceRow) -> None:
        """Set the settings of the space; once in an event."""
        self._unread.append(Put(row))

    def put_space_replicas(self, row: SpaceReplicasRow) -> None:
        """Set what a space asks of replication."""
        asks = row.replicas is not None or row.write_quorum is not None
        self._unread.append(Put(row) if asks else Delete(row))

    def put_space_quota(self, row: SpaceQuotaRow) -> None:
        """Set how much a space may hold."""
        bounds = row.bytes_max is not None or row.files_max is not None
        self._unread.append(Put(row) if bounds else Delete(row))

    def count_part(self, part_id: str, difference: int) -> None:
        """A version lists the part, or no longer does."""
        self._part_references[part_id] = self._part_references.get(part_id, 0) + difference

    def count_chunk(self, chunk_id: bytes, difference: int) -> None:
        """A part or inline manifest holds the chunk, or no longer does."""
        self._chunks[chunk_id] = self._chunks.get(chunk_id, 0) + difference

    def own(self, owner: str, logical_bytes: int, files: int) -> None:
        """Somebody owns more or less than before; nothing is counted where nobody does."""
        if not owner:
            return
        if self._owned is None:
            self._owned = {}
        before_bytes, before_files = self._owned.get(owner, (0, 0))
        self._owned[owner] = (before_bytes + logical_bytes, before_files + files)

    def own_file(self, owner: str, file: FileRow, sign: int) -> None:
        """Somebody gets (1) or loses (-1) a whole file."""
        self.own(owner, sign * (file.older_bytes + file.current.size_bytes), sign)

    def next_docnum(self) -> int:
        """A number for a file or folder made by this event; at most 513 are asked for (a path's depth and a file)."""
        number = self.at.offset << 10 | self._docnums
        self._docnums += 1
        return number

    def made(self) -> int:
        """How many files and folders this event has made so far."""
        return self._docnums

    # --- the end -------------------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """Everything collected, but for the partition's row and the outcome."""
        changes = [*self._entries.values(), *self._unread]
        for entity in self._entities.values():
            changes.append(_new(Put, (entity,)))
        if self._gone:
            changes.extend(map(Delete, self._gone.values()))
        if self._part_references:
            self._settle_parts()
        if self._parts:
            changes.extend(map(Put, self._parts.values()))
        for chunk_id, difference in self._chunks.items():
            if difference:
                changes.append(self._settled_chunk(chunk_id, difference))
        if self.files or self.folders or self.versions or self.logical_bytes:
            changes.append(_new(Put, (self._settled_totals(),)))
        if self._owned is not None:
            changes += [self._settled_owned(owner, *more) for owner, more in self._owned.items() if any(more)]
        return changes

    def _settle_parts(self) -> None:
        epoch = self.partition.epoch
        for part_id, difference in self._part_references.items():
            row = self.part(part_id)
            if row is None or difference == 0:
                continue
            references = row.references + difference
            idle_since = row.idle_since_epoch if references else epoch
            self.put_part(row._replace(references=references, idle_since_epoch=idle_since))

    def _settled_chunk(self, chunk_id: bytes, difference: int) -> Change:
        row = self.reader.chunk(chunk_id)
        references = difference if row is None else row.references + difference
        return _new(Put, (_new(ChunkRow, (chunk_id, references)),)) if references > 0 else Delete(ChunkRow(chunk_id, 0))

    def _settled_owned(self, owner: str, logical_bytes: int, files: int) -> Change:
        before = self.reader.owned(owner)
        row = OwnedRow(owner, before.logical_bytes + logical_bytes, before.files + files)
        return Put(row) if row.files else Delete(row)

    def _settled_totals(self) -> TotalsRow:
        space_id, files, folders, versions, logical_bytes = self.reader.totals(self.space_id)
        return _new(
            TotalsRow,
            (
                space_id,
                files + self.files,
                folders + self.folders,
                versions + self.versions,
                logical_bytes + self.logical_bytes,
            ),
        )


def _entry(change: Change) -> EntryRow:
    row = change.row
    assert type(row) is EntryRow
    return row
