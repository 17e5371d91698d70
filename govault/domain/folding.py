"""What ``apply`` reads and returns. The decisions themselves are in ``govault.domain.apply_*``."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from govault.domain.account_rows import (
    AccountRow,
    ApiTokenRow,
    GroupMemberRow,
    GroupRow,
    InviteRow,
    MemberRow,
    SigningKeyRow,
)
from govault.domain.position import Outcome
from govault.domain.rows import (
    AccessRow,
    Change,
    ChunkRow,
    DirectoryRow,
    Entity,
    EntryRow,
    JoinTokenRow,
    LayoutRow,
    NodeRow,
    OutcomeRow,
    OwnedRow,
    PartitionRow,
    PartRow,
    SealingRootRow,
    SharesRow,
    SpaceRow,
    TotalsRow,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow


class Applied(NamedTuple):
    """What one event does: the changes of its partition and its outcome."""

    changes: tuple[Change, ...]
    outcome: Outcome


class OutcomesReader(Protocol):
    """What every folded partition has, whatever its topic: its own row and its latest outcomes."""

    def partition(self) -> PartitionRow:
        """The partition's own row."""

    def outcome(self, event_id: str) -> OutcomeRow | None:
        """The recorded outcome of an event, if it is among the latest OUTCOMES_PER_PARTITION_MAX."""


class FilesReader(OutcomesReader, Protocol):
    """State of one ``.files`` partition, as of the event before. Point reads only, plus one bounded probe."""

    def space(self, space_id: str) -> SpaceRow | None:
        """A space that was opened here."""

    def space_replicas(self, space_id: str) -> SpaceReplicasRow | None:
        """What it asks of replication; None: nothing."""

    def space_quota(self, space_id: str) -> SpaceQuotaRow | None:
        """How much it may hold; None: nothing bounds it."""

    def totals(self, space_id: str) -> TotalsRow:
        """Its totals (zero where unknown)."""

    def owned(self, owner: str) -> OwnedRow:
        """What an account owns here (zero where nothing)."""

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The file or folder of that name."""

    def has_entries(self, space_id: str, parent_id: str, beyond: int = 0) -> bool:
        """Whether the folder has more than ``beyond`` entries (at most BATCH_OPERATIONS_MAX + 1 are looked at).

        Inside trash they stay as they were when it was trashed.
        """

    def has_trash(self, space_id: str) -> bool:
        """Whether the space has any trash root."""

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder, live, trash or inside trash."""

    def access(self, target_id: str) -> AccessRow | None:
        """What is granted at a space, file or folder; None: nothing ever was."""

    def shares(self, target_id: str) -> SharesRow | None:
        """The links to a file or folder; None: there never was one."""

    def version(self, file_id: str, number: int) -> VersionRow | None:
        """A retained version that is not the current one."""

    def part(self, space_id: str, part_id: str) -> PartRow | None:
        """A manifest part."""

    def packed_part(self, space_id: str, part_id: str) -> str | None:
        """The packed chunks of a manifest part, base64."""

    def chunk(self, chunk_id: bytes) -> ChunkRow | None:
        """A chunk's reference count."""


class DirectoryReader(OutcomesReader, Protocol):
    """State of ``.directory``."""

    def space_named(self, name: str) -> DirectoryRow | None:
        """The space of that name."""

    def space(self, space_id: str) -> DirectoryRow | None:
        """The space of that id."""


class PeersReader(OutcomesReader, Protocol):
    """State of ``.peers``."""

    def node(self, node_id: str) -> NodeRow | None:
        """An admitted node."""

    def nodes(self) -> Iterable[NodeRow]:
        """All nodes that were ever admitted, removed ones too, by id."""

    def join_token(self, token_hash: str) -> JoinTokenRow | None:
        """A join token that was ever issued."""

    def join_tokens(self) -> Sequence[JoinTokenRow]:
        """All join tokens that were ever issued."""

    def layouts(self) -> Sequence[LayoutRow]:
        """The newest layout and those before it that are not left yet, by version."""

    def sealing_roots(self) -> Sequence[SealingRootRow]:
        """The sealing roots that were opened, by epoch."""


class AccountsReader(OutcomesReader, Protocol):
    """State of ``.accounts``. Pages go by id, behind ``after`` (empty: from the first)."""

    def account(self, account_id: str) -> AccountRow | None:
        """An account that was ever made."""

    def account_of_login(self, login_hash: str) -> AccountRow | None:
        """The account that has a login."""

    def account_of_identity(self, identity_hash: str) -> AccountRow | None:
        """The account that somebody of an identity provider has."""

    def accounts(self, after: str, limit: int) -> Sequence[AccountRow]:
        """Accounts, erased ones too."""

    def group(self, group_id: str) -> GroupRow | None:
        """A group that was ever made."""

    def group_named(self, name: str) -> GroupRow | None:
        """The group that has a name."""

    def groups(self, after: str, limit: int) -> Sequence[GroupRow]:
        """Groups, removed ones too."""

    def memberships(self, account_id: str) -> Sequence[MemberRow]:
        """The groups that an account is in, removed ones too; at most GROUPS_PER_ACCOUNT_MAX."""

    def membership(self, account_id: str, group_id: str) -> MemberRow | None:
        """Whether an account is in a group, and how."""

    def members(self, group_id: str, after: str, limit: int) -> Sequence[GroupMemberRow]:
        """Who is in a group."""

    def api_token(self, token_id: str) -> ApiTokenRow | None:
        """A token that was not revoked."""

    def api_tokens(self, account_id: str) -> Sequence[ApiTokenRow]:
        """An account's tokens; at most API_TOKENS_PER_ACCOUNT_MAX."""

    def invite(self, invite_hash: str) -> InviteRow | None:
        """An invite that was ever made."""

    def invites(self, after: str, limit: int) -> Sequence[InviteRow]:
        """Invites, spent and revoked ones too."""

    def signing_keys(self) -> Sequence[SigningKeyRow]:
        """The signing keys that were opened, by number; the latest SIGNING_KEYS_MAX."""
