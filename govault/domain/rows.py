"""The state that ``apply`` folds: one row type a family, each a plain tuple. Views store them; digests cover them.

``KEY_FIELDS`` names the key of each; all rows of a partition lie under that partition's own prefix.
"""

from enum import StrEnum
from typing import NamedTuple

from govault.domain.account_rows import ACCOUNTS_KEY_FIELDS, AnyAccountsRow
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.domain.version_numbers import VersionNumbers


class PartitionRow(NamedTuple):
    """What a partition knows of itself."""

    epoch: int = 0
    rules: int = 1
    outcomes: int = 0
    """How many outcomes were ever recorded: the latest OUTCOMES_PER_PARTITION_MAX of them answer repeats."""


class SpaceRow(NamedTuple):
    """A space's settings."""

    space_id: str
    name: str
    description: str
    keep_last: int | None
    keep_within_s: int | None
    trash_expires_after_s: int | None
    revision: int
    opened_ms: int
    closed: bool


class TotalsRow(NamedTuple):
    """Running totals of a space: all files and folders, trash and its contents included until purged."""

    space_id: str
    files: int = 0
    folders: int = 0
    versions: int = 0
    logical_bytes: int = 0
    """Sum of the sizes of all retained versions."""


class OwnedRow(NamedTuple):
    """What an account owns in a partition, counted as a space's totals are; absent where it owns no file."""

    owner: str
    logical_bytes: int = 0
    files: int = 0


class EntryRow(NamedTuple):
    """A name in a folder. Live entries only: trash has no entry. ``parent_id`` of the top is the space id."""

    space_id: str
    parent_id: str
    name: str
    is_folder: bool
    entity_id: str


class VersionContent(NamedTuple):
    """The content of one version (see ``schemas.events.files.Content``), and who committed it when."""

    number: int
    sha256: str
    size_bytes: int
    manifest: str
    """The inline manifest, base64; empty where ``parts`` has ids (or the content is empty)."""
    parts: tuple[str, ...]
    kind: str
    executable: bool
    mtime_ns: int | None
    media_type: str
    committed_ms: int
    actor: str
    origin: tuple[str, str, int] | None
    """(how, file id, version) of a copy or restore."""
    base_version: int | None = None
    """The version of this file that the writer had seen; None where it saw none."""


class FileRow(NamedTuple):
    """A file and its current version. ``trashed_*`` are set on the root of a piece of trash only."""

    entity_id: str
    space_id: str
    parent_id: str
    name: str
    original_name: str
    created_ms: int
    modified_ms: int
    revision: int
    """Of the metadata: +1 at every accepted MetadataChanged."""
    tags: tuple[str, ...]
    description: str
    media_type: str
    """Set by people; empty: the current version's own."""
    current: VersionContent
    older: VersionNumbers
    """Numbers of the retained versions before the current one, ascending."""
    docnum: int
    """Names the file in the secondary indexes: creation offset << 10 | index inside the event."""
    trashed_ms: int | None = None
    trashed_path: str = ""
    trashed_by: str = ""
    owner: str = ""
    """The account that it belongs to; empty where an administrator or the node made it."""
    older_bytes: int = 0
    """Sum of the sizes of the versions in ``older``: so that the file goes to another owner without reading them."""


class FolderRow(NamedTuple):
    """A folder."""

    entity_id: str
    space_id: str
    parent_id: str
    name: str
    created_ms: int
    modified_ms: int
    docnum: int
    trashed_ms: int | None = None
    trashed_path: str = ""
    trashed_by: str = ""
    owner: str = ""


class AccessRow(NamedTuple):
    """What is granted at one space, file or folder; absent where nothing ever was."""

    target_id: str
    space_id: str
    grants: tuple[tuple[str, str], ...] = ()
    """(principal, level or role), sorted; at most GRANTS_PER_TARGET_MAX."""
    revision: int = 0
    """+1 at every accepted change of the grants or the owner."""


class Share(NamedTuple):
    """A share link.

    Attributes:
        mode: ``read`` or ``upload``.
        secret_hash: SHA-256 of its secret, hex.
        verifier: Of its password; empty: none is asked for.
        expires_ms: In vault time; None: never.
        uses_max: None: any number.
    """

    share_id: str
    mode: str
    secret_hash: str
    verifier: str
    expires_ms: int | None
    uses_max: int | None
    uses: int
    name: str
    created_by: str
    created_ms: int


class SharesRow(NamedTuple):
    """The links to one file or folder; absent where there never was one."""

    target_id: str
    space_id: str
    shares: tuple[Share, ...] = ()
    """In the order they were made; at most SHARES_PER_TARGET_MAX."""


class VersionRow(NamedTuple):
    """A retained version that is not the current one."""

    file_id: str
    number: int
    content: VersionContent


class PartRow(NamedTuple):
    """A manifest part, and how many retained versions of its space list it (a version twice counts once)."""

    space_id: str
    part_id: str
    references: int
    idle_since_epoch: int
    """The partition's epoch when it was last added, touched, or lost its last reference."""
    size_bytes: int = 0
    """Sum of the plain sizes of its chunks."""


class PackedPartRow(NamedTuple):
    """The chunks of a manifest part. Apart from what counts its uses, so that a commit need not write them again."""

    space_id: str
    part_id: str
    packed: str
    """Base64."""


class ChunkRow(NamedTuple):
    """How many parts and inline manifests of this partition hold a chunk."""

    chunk_id: bytes
    references: int


class OutcomeRow(NamedTuple):
    """The outcome of one event, for repeats. ``ordinal`` says how old it is."""

    event_id: str
    ordinal: int
    request_hash: str
    offset: int
    verdict: str
    reason: str
    facts: tuple[tuple[str, str | int | bool | None], ...]


class DirectoryRow(NamedTuple):
    """A space's name and place (``.directory``)."""

    space_id: str
    name: str
    partition: int
    created_ms: int


class SpaceNameRow(NamedTuple):
    """Which space has a name (``.directory``)."""

    name: str
    space_id: str


class NodeRow(NamedTuple):
    """A node of the vault (``.peers``).

    Attributes:
        state: A ``NodeState``.
        state_ms: Vault time of its last change of state.
        suspicions: (witness, vault time) of each word against the incarnation of now.
        rules: The latest rules that its program knows, as it said when it started.
    """

    node_id: str
    public_key: str
    name: str
    zone: str
    weight: int
    admitted_ms: int
    started_ms: int
    version: str
    addresses: tuple[str, ...]
    peer_addresses: tuple[str, ...] = ()
    incarnation: int = 0
    state: str = "admitted"
    state_ms: int = 0
    draining: bool = False
    suspicions: tuple[tuple[str, int], ...] = ()
    rules: int = 1


class NodeState(StrEnum):
    """How the log sees a node."""

    ADMITTED = "admitted"
    """Belongs to the vault, but never ran."""
    UP = "up"
    DEAD = "dead"
    REMOVED = "removed"


class JoinTokenRow(NamedTuple):
    """A join token (``.peers``), spent or not."""

    token_hash: str
    expires_ms: int
    name: str
    zone: str
    weight: int
    issued_ms: int
    spent_by: str = ""
    """The node id; ``revoked`` where it was revoked."""


class LayoutRow(NamedTuple):
    """A layout (``.peers``); those before the newest stay until all holders of a newer one have reached it.

    Attributes:
        table: As in ``LayoutChanged``.
        reached: Node ids of holders that have everything of their slots.
        weights: Of the nodes, as the layout was computed; none in layouts whose nodes all weigh 1.
        zones: Likewise.
    """

    version: int
    replicas: int
    write_quorum: int
    node_ids: tuple[str, ...]
    table: str
    changed_ms: int
    reached: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    zones: tuple[str, ...] = ()


class SealingRootRow(NamedTuple):
    """A sealing root, wrapped (``.peers``)."""

    epoch: int
    wrapped: str


Entity = FileRow | FolderRow
Row = (
    PartitionRow
    | SpaceRow
    | SpaceReplicasRow
    | SpaceQuotaRow
    | TotalsRow
    | OwnedRow
    | EntryRow
    | FileRow
    | FolderRow
    | AccessRow
    | SharesRow
    | VersionRow
    | PartRow
    | PackedPartRow
    | ChunkRow
    | OutcomeRow
    | DirectoryRow
    | SpaceNameRow
    | NodeRow
    | JoinTokenRow
    | LayoutRow
    | SealingRootRow
    | AnyAccountsRow
)


class Put(NamedTuple):
    """Set a row (by its key)."""

    row: Row


class Delete(NamedTuple):
    """Remove the row that has this row's key."""

    row: Row


Change = Put | Delete

KEY_FIELDS: dict[type[Row], tuple[str, ...]] = {
    PartitionRow: (),
    SpaceRow: ("space_id",),
    SpaceReplicasRow: ("space_id",),
    SpaceQuotaRow: ("space_id",),
    TotalsRow: ("space_id",),
    OwnedRow: ("owner",),
    EntryRow: ("space_id", "parent_id", "name", "is_folder"),
    FileRow: ("entity_id",),
    FolderRow: ("entity_id",),
    AccessRow: ("target_id",),
    SharesRow: ("target_id",),
    VersionRow: ("file_id", "number"),
    PartRow: ("space_id", "part_id"),
    PackedPartRow: ("space_id", "part_id"),
    ChunkRow: ("chunk_id",),
    OutcomeRow: ("event_id",),
    DirectoryRow: ("space_id",),
    SpaceNameRow: ("name",),
    NodeRow: ("node_id",),
    JoinTokenRow: ("token_hash",),
    LayoutRow: ("version",),
    SealingRootRow: ("epoch",),
    **ACCOUNTS_KEY_FIELDS,
}
