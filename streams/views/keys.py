"""Where each row lies in RocksDB.

Every key of a partition begins with its prefix: one byte for the topic, two for the partition; then one byte for
the family, then the row's own key. Keys of the whole generation begin with a zero byte.

Entry keys are ``parent id ‖ 0 ‖ name``, a folder's name with a trailing ``/``: a depth-first walk in key order is
the byte order of full paths. Revisions are ``R ‖ key ‖ 0 ‖ offset of the change`` (8 bytes, big-endian).
"""

from collections.abc import Callable
from typing import Any, Final

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
    TokenOfRow,
)
from govault.domain.rows import (
    AccessRow,
    ChunkRow,
    DirectoryRow,
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
    SealingRootRow,
    SharesRow,
    SpaceNameRow,
    SpaceRow,
    TotalsRow,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from schemas.topics import Topic

PREFIX_BYTES: Final = 3
OFFSET_BYTES: Final = 8

PARTITION: Final = b"P"
SPACE: Final = b"S"
SPACE_REPLICAS: Final = b"Q"
SPACE_QUOTA: Final = b"q"
TOTALS: Final = b"T"
OWNED: Final = b"b"
ENTRY: Final = b"E"
ENTITY: Final = b"F"
ACCESS: Final = b"X"
SHARES: Final = b"s"
VERSION: Final = b"V"
PART: Final = b"A"
PACKED_PART: Final = b"B"
CHUNK: Final = b"C"
OUTCOME: Final = b"O"
DIRECTORY: Final = b"D"
SPACE_NAME: Final = b"N"
NODE: Final = b"K"
JOIN_TOKEN: Final = b"J"
LAYOUT: Final = b"L"
SEALING_ROOT: Final = b"G"
ACCOUNT: Final = b"U"
LOGIN: Final = b"W"
IDENTITY: Final = b"w"
GROUP: Final = b"Y"
GROUP_NAME: Final = b"Z"
MEMBER: Final = b"m"
GROUP_MEMBER: Final = b"g"
API_TOKEN: Final = b"a"
TOKEN_OF: Final = b"o"
INVITE: Final = b"I"
SIGNING_KEY: Final = b"H"
ROW_FAMILIES: Final = b"PSQqTbEFXsVABCDNKJLGUWwYZmgaoIH"
"""Families whose current rows the view digest covers (outcomes are added up beside them)."""
REVISIONED: Final = frozenset((SPACE[0], ENTRY[0], ENTITY[0]))

META: Final = b"\x00M"
SWEEP: Final = b"\x00S"
REVISION: Final = b"R"
HASH_INDEX: Final = b"h"
TRASH_INDEX: Final = b"t"
IDLE_INDEX: Final = b"i"
UNINDEXED: Final = b"u"
PRINCIPAL_INDEX: Final = b"p"

_TOPIC_BYTES: Final = {Topic.DIRECTORY: 1, Topic.FILES: 2, Topic.ACCOUNTS: 3, Topic.PEERS: 4}


def partition_prefix(topic: Topic, partition: int) -> bytes:
    """What every key of a folded partition begins with."""
    return bytes((_TOPIC_BYTES[topic],)) + partition.to_bytes(2, "big")


def prefix_end(prefix: bytes) -> bytes:
    """The first key behind every key that begins with ``prefix`` (which must not be all 0xff)."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,))


def entry_key(parent_id: str, name: str, is_folder: bool) -> bytes:
    """An entry's key behind the partition's prefix."""
    return f"E{parent_id}\0{name}/".encode() if is_folder else f"E{parent_id}\0{name}".encode()


def entries_prefix(parent_id: str) -> bytes:
    """What the keys of a folder's entries begin with."""
    return f"E{parent_id}\0".encode()


def version_key(file_id: str, number: int) -> bytes:
    """An older version's key."""
    return b"V" + file_id.encode() + number.to_bytes(8, "big")


def part_key(space_id: str, part_id: str) -> bytes:
    """A manifest part's key."""
    return f"A{space_id}\0{part_id}".encode()


def packed_part_key(space_id: str, part_id: str) -> bytes:
    """The key of a manifest part's chunks."""
    return f"B{space_id}\0{part_id}".encode()


def hash_key(sha256: str, file_id: str, number: int) -> bytes:
    """The key under which a retained version is found by its content."""
    return b"h" + bytes.fromhex(sha256) + file_id.encode() + number.to_bytes(8, "big")


def trash_key(space_id: str, entity_id: str) -> bytes:
    """The key of a root of trash."""
    return f"t{space_id}\0{entity_id}".encode()


def idle_key(epoch: int, space_id: str, part_id: str) -> bytes:
    """The key of a part without references, by the epoch since when."""
    return b"i" + epoch.to_bytes(8, "big") + f"{space_id}\0{part_id}".encode()


def principal_key(principal: str, space_id: str, target_id: str, owns: bool) -> bytes:
    """The key under which is found what a principal owns or was granted, by space."""
    return f"p{principal}\0{space_id}\0{target_id}\0{'o' if owns else 'g'}".encode()


def principal_prefix(principal: str, space_id: str = "") -> bytes:
    """What the keys of everything that a principal has (in a space) begin with."""
    return f"p{principal}\0{space_id}\0".encode() if space_id else f"p{principal}\0".encode()


def member_key(account_id: str, group_id: str) -> bytes:
    """The key of a membership, by the account."""
    return f"m{account_id}\0{group_id}".encode()


def group_member_key(group_id: str, account_id: str) -> bytes:
    """The key of a membership, by the group."""
    return f"g{group_id}\0{account_id}".encode()


def token_of_key(account_id: str, token_id: str) -> bytes:
    """The key under which an account's API token is found."""
    return f"o{account_id}\0{token_id}".encode()


def revision_prefix(full_key: bytes) -> bytes:
    """What the revisions of a row begin with; ``full_key`` has the partition's prefix."""
    return full_key[:PREFIX_BYTES] + b"R" + full_key[PREFIX_BYTES:] + b"\0"


def revision_key(full_key: bytes, offset: int) -> bytes:
    """Where the value that a change at ``offset`` replaced is kept."""
    return revision_prefix(full_key) + offset.to_bytes(OFFSET_BYTES, "big")


KEY_OF: dict[type[Any], Callable[[Any], bytes]] = {
    PartitionRow: lambda row: PARTITION,
    SpaceRow: lambda row: SPACE + row.space_id.encode(),
    SpaceReplicasRow: lambda row: SPACE_REPLICAS + row.space_id.encode(),
    SpaceQuotaRow: lambda row: SPACE_QUOTA + row.space_id.encode(),
    TotalsRow: lambda row: TOTALS + row.space_id.encode(),
    OwnedRow: lambda row: OWNED + row.owner.encode(),
    EntryRow: lambda row: f"E{row[1]}\0{row[2]}/".encode() if row[3] else f"E{row[1]}\0{row[2]}".encode(),
    FileRow: lambda row: ENTITY + row[0].encode(),
    FolderRow: lambda row: ENTITY + row.entity_id.encode(),
    AccessRow: lambda row: ACCESS + row.target_id.encode(),
    SharesRow: lambda row: SHARES + row.target_id.encode(),
    VersionRow: lambda row: version_key(row.file_id, row.number),
    PartRow: lambda row: part_key(row.space_id, row.part_id),
    PackedPartRow: lambda row: packed_part_key(row.space_id, row.part_id),
    ChunkRow: lambda row: CHUNK + row[0],
    OutcomeRow: lambda row: OUTCOME + row[0].encode(),
    DirectoryRow: lambda row: DIRECTORY + row.space_id.encode(),
    SpaceNameRow: lambda row: SPACE_NAME + row.name.encode(),
    NodeRow: lambda row: NODE + row.node_id.encode(),
    JoinTokenRow: lambda row: JOIN_TOKEN + row.token_hash.encode(),
    LayoutRow: lambda row: LAYOUT + row.version.to_bytes(8, "big"),
    SealingRootRow: lambda row: SEALING_ROOT + row.epoch.to_bytes(8, "big"),
    AccountRow: lambda row: ACCOUNT + row.account_id.encode(),
    LoginRow: lambda row: LOGIN + row.login_hash.encode(),
    IdentityRow: lambda row: IDENTITY + row.identity_hash.encode(),
    GroupRow: lambda row: GROUP + row.group_id.encode(),
    GroupNameRow: lambda row: GROUP_NAME + row.name.encode(),
    MemberRow: lambda row: member_key(row.account_id, row.group_id),
    GroupMemberRow: lambda row: group_member_key(row.group_id, row.account_id),
    ApiTokenRow: lambda row: API_TOKEN + row.token_id.encode(),
    TokenOfRow: lambda row: token_of_key(row.account_id, row.token_id),
    InviteRow: lambda row: INVITE + row.invite_hash.encode(),
    SigningKeyRow: lambda row: SIGNING_KEY + row.number.to_bytes(8, "big"),
}
"""A row's key behind the partition's prefix: family byte and own key; common rows are read by field number."""
