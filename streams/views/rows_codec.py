"""Rows to and from the bytes that RocksDB holds.

A value is the offset of the row's last change (8 bytes, big-endian), then the row's fields as a JSON array; an
entity's array follows a letter, ``f`` for a file, ``d`` for a folder. A chunk's is its count alone (4 bytes), its
id being its key. The bytes feed the view digest: changing them needs a new ``VIEWS_FORMAT``.
"""

from collections.abc import Callable
from typing import Any

import orjson

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
    Row,
    SealingRootRow,
    Share,
    SharesRow,
    SpaceNameRow,
    SpaceRow,
    TotalsRow,
    VersionContent,
    VersionRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.domain.version_numbers import VersionNumbers

VIEWS_FORMAT = 11


def encode_row(row: Row, since: int) -> bytes:
    """The stored value of a row that was last changed at offset ``since``."""
    kind = type(row)
    head = since.to_bytes(8, "big")
    if kind is ChunkRow:
        return head + row[1].to_bytes(4, "big")  # type: ignore[union-attr]
    if kind is FileRow:
        # Taken apart here: asked back for each part that is no plain tuple, orjson takes a third longer.
        fields: list[Any] = list(row)
        fields[11] = tuple(fields[11])
        fields[12] = fields[12].spans
        return head + b"f" + orjson.dumps(fields)
    body = orjson.dumps(tuple(row), default=_plain_parts)
    if kind is FolderRow:
        return head + b"d" + body
    return head + body


def _plain_parts(value: Any) -> tuple[Any, ...]:
    return value.spans if type(value) is VersionNumbers else tuple(value)


def since_of(value: bytes) -> int:
    """The offset of the change that made a stored value."""
    return int.from_bytes(value[:8], "big")


def decode_row(key: bytes, value: bytes) -> Row:
    """The row of a stored value; ``key`` is its key behind the partition's prefix."""
    return _DECODERS[key[0]](key, value)


def _content(fields: list[Any]) -> VersionContent:
    fields[4] = tuple(fields[4])
    if fields[11] is not None:
        fields[11] = tuple(fields[11])
    return VersionContent(*fields)


def _entity(key: bytes, value: bytes) -> Row:
    fields = orjson.loads(value[9:])
    if value[8] == 0x64:
        return FolderRow(*fields)
    fields[8] = tuple(fields[8])
    fields[11] = _content(fields[11])
    fields[12] = VersionNumbers(tuple([(first, last) for first, last in fields[12]]))
    return FileRow(*fields)


def _version(key: bytes, value: bytes) -> Row:
    file_id, number, content = orjson.loads(value[8:])
    return VersionRow(file_id, number, _content(content))


def _chunk(key: bytes, value: bytes) -> Row:
    return ChunkRow(key[1:], int.from_bytes(value[8:], "big"))


def _outcome(key: bytes, value: bytes) -> Row:
    fields = orjson.loads(value[8:])
    fields[6] = tuple((name, fact) for name, fact in fields[6])
    return OutcomeRow(*fields)


def _access(key: bytes, value: bytes) -> Row:
    target_id, space_id, grants, revision = orjson.loads(value[8:])
    return AccessRow(target_id, space_id, tuple((principal, level) for principal, level in grants), revision)


def _shares(key: bytes, value: bytes) -> Row:
    target_id, space_id, shares = orjson.loads(value[8:])
    return SharesRow(target_id, space_id, tuple(Share(*fields) for fields in shares))


def _node(key: bytes, value: bytes) -> Row:
    fields = orjson.loads(value[8:])
    fields[8], fields[9] = tuple(fields[8]), tuple(fields[9])
    fields[14] = tuple((witness, at_ms) for witness, at_ms in fields[14])
    return NodeRow(*fields)


def _flat(kind: type[Any]) -> Callable[[bytes, bytes], Row]:
    """Rows whose only lists are of plain values."""

    def decode(key: bytes, value: bytes) -> Row:
        row: Row = kind(*(tuple(field) if type(field) is list else field for field in orjson.loads(value[8:])))
        return row

    return decode


def _plain(kind: type[Any]) -> Callable[[bytes, bytes], Row]:
    return lambda key, value: kind(*orjson.loads(value[8:]))


_DECODERS: dict[int, Callable[[bytes, bytes], Row]] = {
    ord("P"): _plain(PartitionRow),
    ord("S"): _plain(SpaceRow),
    ord("Q"): _plain(SpaceReplicasRow),
    ord("q"): _plain(SpaceQuotaRow),
    ord("T"): _plain(TotalsRow),
    ord("b"): _plain(OwnedRow),
    ord("E"): _plain(EntryRow),
    ord("F"): _entity,
    ord("X"): _access,
    ord("s"): _shares,
    ord("V"): _version,
    ord("A"): _plain(PartRow),
    ord("B"): _plain(PackedPartRow),
    ord("C"): _chunk,
    ord("O"): _outcome,
    ord("D"): _plain(DirectoryRow),
    ord("N"): _plain(SpaceNameRow),
    ord("K"): _node,
    ord("J"): _plain(JoinTokenRow),
    ord("L"): _flat(LayoutRow),
    ord("G"): _plain(SealingRootRow),
    ord("U"): _flat(AccountRow),
    ord("W"): _plain(LoginRow),
    ord("w"): _plain(IdentityRow),
    ord("Y"): _plain(GroupRow),
    ord("Z"): _plain(GroupNameRow),
    ord("m"): _plain(MemberRow),
    ord("g"): _plain(GroupMemberRow),
    ord("a"): _flat(ApiTokenRow),
    ord("o"): _plain(TokenOfRow),
    ord("I"): _flat(InviteRow),
    ord("H"): _plain(SigningKeyRow),
}
