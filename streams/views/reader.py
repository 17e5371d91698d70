"""Point reads of one partition's rows: what ``apply`` and the doors see, wherever the rows come from."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from govault.domain.rows import (
    AccessRow,
    ChunkRow,
    DirectoryRow,
    Entity,
    EntryRow,
    JoinTokenRow,
    LayoutRow,
    NodeRow,
    OutcomeRow,
    OwnedRow,
    PackedPartRow,
    PartitionRow,
    PartRow,
    Row,
    SealingRootRow,
    SharesRow,
    SpaceNameRow,
    SpaceRow,
    TotalsRow,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.limits import BATCH_OPERATIONS_MAX, OUTCOMES_PER_PARTITION_MAX
from streams.views import keys
from streams.views.database import Database
from streams.views.rows_codec import decode_row

_NO_PARTITION = PartitionRow()


class Rows(Protocol):
    """The rows of one partition, by key (family byte and own key)."""

    def row(self, key: bytes) -> Row | None:
        """The current row of a key."""

    def keys(self, start: bytes) -> Iterator[bytes]:
        """Keys that begin with ``start``, in no certain order."""

    def page(self, start: bytes, after: bytes, limit: int) -> list[bytes]:
        """The first keys that begin with ``start`` and come behind ``after``, ascending."""


class StoredRows:
    """Rows as the last batch left them. Any thread may read."""

    def __init__(self, database: Database, prefix: bytes) -> None:
        self._database = database
        self._prefix = prefix

    def row(self, key: bytes) -> Row | None:
        """The current row of a key."""
        value = self._database.get(self._prefix + key)
        return None if value is None else decode_row(key, value)

    def keys(self, start: bytes) -> Iterator[bytes]:
        """Keys that begin with ``start``, ascending."""
        full = self._prefix + start
        return (key[keys.PREFIX_BYTES :] for key in self._database.keys(full, keys.prefix_end(full)))

    def page(self, start: bytes, after: bytes, limit: int) -> list[bytes]:
        """The first keys that begin with ``start`` and come behind ``after``, ascending."""
        full = self._prefix + start
        first = max(full, self._prefix + after + b"\0")
        found = self._database.keys(first, keys.prefix_end(full))
        return [key[keys.PREFIX_BYTES :] for key in islice(found, limit)]


class PartitionRows:
    """``OutcomesReader``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        # The family in a key fixes the row's type, which no checker can see; a cast a read would show in every fold.
        self._row: Callable[[bytes], Any] = rows.row

    def partition(self) -> PartitionRow:
        """The partition's own row."""
        row: PartitionRow | None = self._row(keys.PARTITION)
        return row or _NO_PARTITION

    def outcome(self, event_id: str) -> OutcomeRow | None:
        """A recorded outcome that still answers repeats."""
        row: OutcomeRow | None = self._row(keys.OUTCOME + event_id.encode())
        if row is None or row.ordinal <= self.partition().outcomes - OUTCOMES_PER_PARTITION_MAX:
            return None
        return row


class FilesRows(PartitionRows):
    """``FilesReader``."""

    def space(self, space_id: str) -> SpaceRow | None:
        """A space's settings."""
        row: SpaceRow | None = self._row(keys.SPACE + space_id.encode())
        return row

    def space_replicas(self, space_id: str) -> SpaceReplicasRow | None:
        """What a space asks of replication."""
        row: SpaceReplicasRow | None = self._row(keys.SPACE_REPLICAS + space_id.encode())
        return row

    def space_quota(self, space_id: str) -> SpaceQuotaRow | None:
        """How much a space may hold."""
        row: SpaceQuotaRow | None = self._row(keys.SPACE_QUOTA + space_id.encode())
        return row

    def totals(self, space_id: str) -> TotalsRow:
        """A space's totals, zero where unknown."""
        row: TotalsRow | None = self._row(keys.TOTALS + space_id.encode())
        return row or TotalsRow(space_id)

    def owned(self, owner: str) -> OwnedRow:
        """What an account owns here, zero where nothing."""
        row: OwnedRow | None = self._row(keys.OWNED + owner.encode())
        return row or OwnedRow(owner)

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The file or folder of that name."""
        # Folders first: most names that are looked up are steps of a path.
        file_key = f"E{parent_id}\0{name}".encode()
        row: EntryRow | None = self._row(file_key + b"/")
        if row is None:
            row = self._row(file_key)
        return row if row is not None and row.space_id == space_id else None

    def has_entries(self, space_id: str, parent_id: str, beyond: int = 0) -> bool:
        """Whether the folder has more than ``beyond`` entries."""
        bound = min(beyond, BATCH_OPERATIONS_MAX) + 1
        return sum(1 for _ in islice(self._rows.keys(keys.entries_prefix(parent_id)), bound)) == bound

    def has_trash(self, space_id: str) -> bool:
        """Whether the space has any root of trash."""
        return next(self._rows.keys(keys.trash_key(space_id, "")), None) is not None

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder, live or not."""
        row: Entity | None = self._row(keys.ENTITY + entity_id.encode())
        return row

    def access(self, target_id: str) -> AccessRow | None:
        """What is granted at a target."""
        row: AccessRow | None = self._row(keys.ACCESS + target_id.encode())
        return row

    def shares(self, target_id: str) -> SharesRow | None:
        """The links to a target."""
        row: SharesRow | None = self._row(keys.SHARES + target_id.encode())
        return row

    def shares_after(self, target_id: str, limit: int) -> list[SharesRow]:
        """Links by their target's id, behind one."""
        found = self._rows.page(keys.SHARES, keys.SHARES + target_id.encode(), limit)
        return [row for key in found if (row := self._row(key)) is not None]

    def version(self, file_id: str, number: int) -> VersionRow | None:
        """An older version."""
        row: VersionRow | None = self._row(keys.version_key(file_id, number))
        return row

    def part(self, space_id: str, part_id: str) -> PartRow | None:
        """A manifest part."""
        row: PartRow | None = self._row(keys.part_key(space_id, part_id))
        return row

    def packed_part(self, space_id: str, part_id: str) -> str | None:
        """The chunks of a manifest part."""
        row: PackedPartRow | None = self._row(keys.packed_part_key(space_id, part_id))
        return None if row is None else row.packed

    def chunk(self, chunk_id: bytes) -> ChunkRow | None:
        """A chunk's reference count."""
        row: ChunkRow | None = self._row(keys.CHUNK + chunk_id)
        return row


class DirectoryRows(PartitionRows):
    """``DirectoryReader``."""

    def space_named(self, name: str) -> DirectoryRow | None:
        """The space of that name."""
        named: SpaceNameRow | None = self._row(keys.SPACE_NAME + name.encode())
        return None if named is None else self.space(named.space_id)

    def space(self, space_id: str) -> DirectoryRow | None:
        """The space of that id."""
        row: DirectoryRow | None = self._row(keys.DIRECTORY + space_id.encode())
        return row

    def spaces(self) -> Iterator[DirectoryRow]:
        """All spaces, by name where the rows are stored."""
        for key in self._rows.keys(keys.SPACE_NAME):
            space = self.space_named(key[1:].decode())
            if space is not None:
                yield space


class PeersRows(PartitionRows):
    """``PeersReader``."""

    def node(self, node_id: str) -> NodeRow | None:
        """An admitted node."""
        row: NodeRow | None = self._row(keys.NODE + node_id.encode())
        return row

    def nodes(self) -> list[NodeRow]:
        """All nodes that were ever admitted, by id."""
        return self._all(keys.NODE)

    def join_token(self, token_hash: str) -> JoinTokenRow | None:
        """A join token."""
        row: JoinTokenRow | None = self._row(keys.JOIN_TOKEN + token_hash.encode())
        return row

    def join_tokens(self) -> list[JoinTokenRow]:
        """All join tokens."""
        return self._all(keys.JOIN_TOKEN)

    def layouts(self) -> list[LayoutRow]:
        """Layouts that are not left yet, by version."""
        return self._all(keys.LAYOUT)

    def sealing_roots(self) -> list[SealingRootRow]:
        """Sealing roots, by epoch."""
        return self._all(keys.SEALING_ROOT)

    def _all(self, family: bytes) -> list[Any]:
        found = (self._row(key) for key in sorted(self._rows.keys(family)))
        return [row for row in found if row is not None]
