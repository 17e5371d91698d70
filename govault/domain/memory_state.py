"""Partitions folded in memory: what the RocksDB views do, without them. For tests, models and tools on small logs."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Self, TypeVar, cast

from govault.domain.account_rows import (
    AccountRow,
    ApiTokenRow,
    GroupMemberRow,
    GroupNameRow,
    GroupRow,
    IdentityRow,
    InviteRow,
    LoginRow,
    MemberRow,
    SigningKeyRow,
)
from govault.domain.apply import apply_accounts, apply_directory, apply_files, apply_peers
from govault.domain.folding import Applied
from govault.domain.position import Position
from govault.domain.rows import (
    KEY_FIELDS,
    AccessRow,
    Change,
    ChunkRow,
    DirectoryRow,
    Entity,
    EntryRow,
    FileRow,
    FolderRow,
    JoinTokenRow,
    LayoutRow,
    NodeRow,
    OutcomeRow,
    OwnedRow,
    PackedPartRow,
    PartitionRow,
    PartRow,
    Put,
    Row,
    SealingRootRow,
    SharesRow,
    SpaceNameRow,
    SpaceRow,
    TotalsRow,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.limits import OUTCOMES_PER_PARTITION_MAX
from schemas.envelope import Event
from schemas.topics import Topic

R = TypeVar("R", bound=Row)
Key = tuple[object, ...]
_NONE: dict[Key, Any] = {}


def key_of(row: Row) -> Key:
    """The key of a row inside its family."""
    return tuple(getattr(row, field) for field in KEY_FIELDS[type(row)])


class _Rows:
    """Rows of one partition and the fold; what every folded topic shares.

    Attributes:
        applied: The last applied offset; -1 before the first.
        vault_time_ms: The greatest append time so far.
    """

    topic: Topic

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.applied = -1
        self.vault_time_ms = 0
        self._rows: dict[type[Any], dict[Key, Row]] = {}

    def apply(self, event: Event, offset: int, append_time_ms: int) -> Applied | None:
        """Fold an event; None where the offset was applied before."""
        if offset <= self.applied:
            return None
        self.vault_time_ms = max(self.vault_time_ms, append_time_ms)
        applied = self._decide(event, Position(self.topic, self.number, offset))
        self.fold(applied.changes)
        self.applied = offset
        return applied

    @abstractmethod
    def _decide(self, event: Event, at: Position) -> Applied: ...

    def fold(self, changes: Iterable[Change]) -> None:
        """Make the changes."""
        for change in changes:
            row = change.row
            family = self._rows.setdefault(type(row), {})
            if type(change) is Put:
                family[key_of(row)] = row
            else:
                family.pop(key_of(row), None)

    def copy(self) -> Self:
        """The same state, to go its own way: a checkpoint to fold again from."""
        other = type(self)(self.number)
        other.applied, other.vault_time_ms = self.applied, self.vault_time_ms
        other._rows = {kind: dict(family) for kind, family in self._rows.items()}
        return other

    def rows(self, kind: type[R]) -> list[R]:
        """All rows of a kind, in no particular order."""
        return list(cast("dict[Key, R]", self._rows.get(kind, _NONE)).values())

    def state(self) -> dict[type[Row], dict[Key, Row]]:
        """All rows, for comparison; families without rows left out."""
        return {kind: family for kind, family in self._rows.items() if family}

    def partition(self) -> PartitionRow:
        return self._get(PartitionRow) or PartitionRow()

    def outcome(self, event_id: str) -> OutcomeRow | None:
        row = self._get(OutcomeRow, event_id)
        if row is None or row.ordinal <= self.partition().outcomes - OUTCOMES_PER_PARTITION_MAX:
            return None
        return row

    def _get(self, kind: type[R], *key: object) -> R | None:
        return cast("R | None", self._rows.get(kind, _NONE).get(key))


class MemoryPartition(_Rows):
    """A ``FilesReader`` over a partition of ``.files``."""

    topic = Topic.FILES

    def space(self, space_id: str) -> SpaceRow | None:
        return self._get(SpaceRow, space_id)

    def space_replicas(self, space_id: str) -> SpaceReplicasRow | None:
        return self._get(SpaceReplicasRow, space_id)

    def space_quota(self, space_id: str) -> SpaceQuotaRow | None:
        return self._get(SpaceQuotaRow, space_id)

    def totals(self, space_id: str) -> TotalsRow:
        return self._get(TotalsRow, space_id) or TotalsRow(space_id)

    def owned(self, owner: str) -> OwnedRow:
        return self._get(OwnedRow, owner) or OwnedRow(owner)

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        file = self._get(EntryRow, space_id, parent_id, name, False)
        return file or self._get(EntryRow, space_id, parent_id, name, True)

    def has_entries(self, space_id: str, parent_id: str, beyond: int = 0) -> bool:
        keys = self._rows.get(EntryRow, _NONE)
        return sum(1 for key in keys if key[:2] == (space_id, parent_id)) > beyond

    def has_trash(self, space_id: str) -> bool:
        entities: list[Entity] = [*self.rows(FileRow), *self.rows(FolderRow)]
        return any(row.space_id == space_id and row.trashed_ms is not None for row in entities)

    def entity(self, entity_id: str) -> Entity | None:
        return self._get(FileRow, entity_id) or self._get(FolderRow, entity_id)

    def access(self, target_id: str) -> AccessRow | None:
        return self._get(AccessRow, target_id)

    def shares(self, target_id: str) -> SharesRow | None:
        return self._get(SharesRow, target_id)

    def version(self, file_id: str, number: int) -> VersionRow | None:
        return self._get(VersionRow, file_id, number)

    def part(self, space_id: str, part_id: str) -> PartRow | None:
        return self._get(PartRow, space_id, part_id)

    def packed_part(self, space_id: str, part_id: str) -> str | None:
        row = self._get(PackedPartRow, space_id, part_id)
        return None if row is None else row.packed

    def chunk(self, chunk_id: bytes) -> ChunkRow | None:
        return self._get(ChunkRow, chunk_id)

    def _decide(self, event: Event, at: Position) -> Applied:
        return apply_files(self, event, at, self.vault_time_ms)


class MemoryDirectory(_Rows):
    """A ``DirectoryReader``."""

    topic = Topic.DIRECTORY

    def space_named(self, name: str) -> DirectoryRow | None:
        row = self._get(SpaceNameRow, name)
        return None if row is None else self.space(row.space_id)

    def space(self, space_id: str) -> DirectoryRow | None:
        return self._get(DirectoryRow, space_id)

    def _decide(self, event: Event, at: Position) -> Applied:
        return apply_directory(self, event, at, self.vault_time_ms)


class MemoryPeers(_Rows):
    """A ``PeersReader``."""

    topic = Topic.PEERS

    def node(self, node_id: str) -> NodeRow | None:
        return self._get(NodeRow, node_id)

    def nodes(self) -> list[NodeRow]:
        return sorted(self.rows(NodeRow))

    def join_token(self, token_hash: str) -> JoinTokenRow | None:
        return self._get(JoinTokenRow, token_hash)

    def join_tokens(self) -> list[JoinTokenRow]:
        return sorted(self.rows(JoinTokenRow))

    def layouts(self) -> list[LayoutRow]:
        return sorted(self.rows(LayoutRow))

    def sealing_roots(self) -> list[SealingRootRow]:
        return sorted(self.rows(SealingRootRow))

    def _decide(self, event: Event, at: Position) -> Applied:
        return apply_peers(self, event, at, self.vault_time_ms)


class MemoryAccounts(_Rows):
    """An ``AccountsReader``."""

    topic = Topic.ACCOUNTS

    def account(self, account_id: str) -> AccountRow | None:
        return self._get(AccountRow, account_id)

    def account_of_login(self, login_hash: str) -> AccountRow | None:
        row = self._get(LoginRow, login_hash)
        return None if row is None else self.account(row.account_id)

    def account_of_identity(self, identity_hash: str) -> AccountRow | None:
        row = self._get(IdentityRow, identity_hash)
        return None if row is None else self.account(row.account_id)

    def accounts(self, after: str, limit: int) -> list[AccountRow]:
        return sorted(row for row in self.rows(AccountRow) if row.account_id > after)[:limit]

    def group(self, group_id: str) -> GroupRow | None:
        return self._get(GroupRow, group_id)

    def group_named(self, name: str) -> GroupRow | None:
        row = self._get(GroupNameRow, name)
        return None if row is None else self.group(row.group_id)

    def groups(self, after: str, limit: int) -> list[GroupRow]:
        return sorted(row for row in self.rows(GroupRow) if row.group_id > after)[:limit]

    def memberships(self, account_id: str) -> list[MemberRow]:
        return sorted(row for row in self.rows(MemberRow) if row.account_id == account_id)

    def membership(self, account_id: str, group_id: str) -> MemberRow | None:
        return self._get(MemberRow, account_id, group_id)

    def members(self, group_id: str, after: str, limit: int) -> list[GroupMemberRow]:
        found = (row for row in self.rows(GroupMemberRow) if row.group_id == group_id and row.account_id > after)
        return sorted(found)[:limit]

    def api_token(self, token_id: str) -> ApiTokenRow | None:
        return self._get(ApiTokenRow, token_id)

    def api_tokens(self, account_id: str) -> list[ApiTokenRow]:
        return sorted(row for row in self.rows(ApiTokenRow) if row.account_id == account_id)

    def invite(self, invite_hash: str) -> InviteRow | None:
        return self._get(InviteRow, invite_hash)

    def invites(self, after: str, limit: int) -> list[InviteRow]:
        return sorted(row for row in self.rows(InviteRow) if row.invite_hash > after)[:limit]

    def signing_keys(self) -> list[SigningKeyRow]:
        return sorted(self.rows(SigningKeyRow))

    def _decide(self, event: Event, at: Position) -> Applied:
        return apply_accounts(self, event, at, self.vault_time_ms)
