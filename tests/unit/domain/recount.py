"""The invariants of a partition, each recounted naively from its rows."""

from base64 import b64decode
from collections import Counter

from govault.domain.manifest import unpack
from govault.domain.memory_state import MemoryPartition
from govault.domain.rows import (
    ChunkRow,
    Entity,
    EntryRow,
    FileRow,
    FolderRow,
    OutcomeRow,
    OwnedRow,
    PackedPartRow,
    PartRow,
    SpaceRow,
    TotalsRow,
    VersionContent,
    VersionRow,
)


def check_partition(state: MemoryPartition) -> None:
    """Every invariant, by recounting; fails with what differs."""
    check_tree(state)
    check_versions(state)
    check_totals(state)
    check_owned(state)
    check_references(state)
    assert len(state.rows(OutcomeRow)) <= state.partition().outcomes


def entities(state: MemoryPartition) -> list[Entity]:
    return [*state.rows(FileRow), *state.rows(FolderRow)]


def contents(state: MemoryPartition) -> list[tuple[str, VersionContent]]:
    """(space, content) of every retained version."""
    by_id = {file.entity_id: file.space_id for file in state.rows(FileRow)}
    current = [(file.space_id, file.current) for file in state.rows(FileRow)]
    return current + [(by_id[row.file_id], row.content) for row in state.rows(VersionRow)]


def check_tree(state: MemoryPartition) -> None:
    """Every entry names the entity that says so, and every entity but trash roots has exactly its one entry."""
    entries = {(row.space_id, row.parent_id, row.name): row for row in state.rows(EntryRow)}
    assert len(entries) == len(state.rows(EntryRow)), "a file and a folder share a name"
    rooted = [row for row in entities(state) if row.trashed_ms is None]
    assert len(rooted) == len(entries)
    for row in rooted:
        entry = entries[row.space_id, row.parent_id, row.name]
        assert (entry.entity_id, entry.is_folder) == (row.entity_id, isinstance(row, FolderRow))
        if row.parent_id != row.space_id:
            parent = state.entity(row.parent_id)
            assert isinstance(parent, FolderRow)
            assert parent.space_id == row.space_id
    for row in entities(state):
        node: Entity | None = row
        seen = set()
        while node is not None and node.trashed_ms is None and node.parent_id != node.space_id:
            assert node.entity_id not in seen, "a folder inside itself"
            seen.add(node.entity_id)
            node = state.entity(node.parent_id)
    docnums = [row.docnum for row in entities(state)]
    assert len(docnums) == len(set(docnums))


def check_versions(state: MemoryPartition) -> None:
    """A file retains exactly the versions that it lists, numbers ascending, and every listed part is there."""
    kept: dict[str, list[int]] = {}
    for row in state.rows(VersionRow):
        assert row.number == row.content.number
        kept.setdefault(row.file_id, []).append(row.number)
    for file in state.rows(FileRow):
        assert list(file.older) == sorted(kept.pop(file.entity_id, []))
        assert not file.older or file.older[-1] < file.current.number
    assert not kept, "versions of files that are gone"
    for space_id, content in contents(state):
        for part_id in content.parts:
            assert state.part(space_id, part_id) is not None


def check_totals(state: MemoryPartition) -> None:
    for space in state.rows(SpaceRow):
        mine = [content for space_id, content in contents(state) if space_id == space.space_id]
        assert state.totals(space.space_id) == TotalsRow(
            space.space_id,
            sum(file.space_id == space.space_id for file in state.rows(FileRow)),
            sum(folder.space_id == space.space_id for folder in state.rows(FolderRow)),
            len(mine),
            sum(content.size_bytes for content in mine),
        )


def owned(state: MemoryPartition) -> dict[str, OwnedRow]:
    """What each account owns, by the files' rows and those of their versions."""
    files = {file.entity_id: file for file in state.rows(FileRow) if file.owner}
    sizes = Counter({file.owner: 0 for file in files.values()})
    for file in files.values():
        sizes[file.owner] += file.current.size_bytes
    for row in state.rows(VersionRow):
        if row.file_id in files:
            sizes[files[row.file_id].owner] += row.content.size_bytes
    counts = Counter(file.owner for file in files.values())
    return {owner: OwnedRow(owner, size_bytes, counts[owner]) for owner, size_bytes in sizes.items()}


def check_owned(state: MemoryPartition) -> None:
    """What accounts own is counted, nothing is where nobody does; and so are the older versions of each file."""
    assert {row.owner: row for row in state.rows(OwnedRow)} == owned(state)
    older: Counter[str] = Counter()
    for row in state.rows(VersionRow):
        older[row.file_id] += row.content.size_bytes
    assert all(file.older_bytes == older[file.entity_id] for file in state.rows(FileRow))


def check_references(state: MemoryPartition) -> None:
    """Chunks are held by parts and inline manifests, parts by versions; only idle parts stay without a holder."""
    chunks: Counter[bytes] = Counter()
    for part in state.rows(PartRow):
        packed = state.packed_part(part.space_id, part.part_id)
        assert packed is not None
        chunks.update({chunk.chunk_id for chunk in unpack(b64decode(packed))})
        assert part.size_bytes == sum(chunk.size_bytes for chunk in unpack(b64decode(packed)))
    assert len(state.rows(PackedPartRow)) == len(state.rows(PartRow))
    parts: Counter[tuple[str, str]] = Counter()
    for space_id, content in contents(state):
        chunks.update({chunk.chunk_id for chunk in unpack(b64decode(content.manifest))})
        parts.update({(space_id, part_id) for part_id in content.parts})
    assert {row.chunk_id: row.references for row in state.rows(ChunkRow)} == dict(chunks)
    for part in state.rows(PartRow):
        assert part.references == parts.pop((part.space_id, part.part_id), 0)
        assert part.idle_since_epoch <= state.partition().epoch
    assert not parts, "versions list parts that are gone"
