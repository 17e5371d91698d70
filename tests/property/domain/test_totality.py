"""``apply`` never raises on anything that decodes, and makes only rows that views can store."""

import json
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govault.domain.foretelling import would_refuse
from govault.domain.memory_state import MemoryAccounts, MemoryDirectory, MemoryPartition, MemoryPeers
from govault.domain.rows import Entity, FileRow, FolderRow, PartRow, Row
from schemas.codec import MalformedEvent, UnknownEventType, decode
from schemas.events import EVENT_TYPES, EventData
from schemas.events.accounts import AccountCreated, ApiTokenIssued, GroupCreated, GroupMembersChanged
from schemas.ids import new_account_id, new_entity_id, new_group_id, new_token_id
from schemas.topics import FOLDED_TOPICS
from tests.property.domain.histories import PARTS, HistoryWriter
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import OTHER_SPACE, SPACE, event_of, packed


def populated() -> MemoryPartition:
    writer = HistoryWriter(Random(3))
    for _ in range(250):
        writer.step()
    assert {type(row) for row in entities(writer.state)} == {FileRow, FolderRow}
    assert writer.state.rows(PartRow)
    return writer.state


def entities(state: MemoryPartition) -> list[Entity]:
    return [*state.rows(FileRow), *state.rows(FolderRow)]


STATE = populated()
IDS = [row.entity_id for row in entities(STATE)]
HASHES = [row.current.sha256 for row in STATE.rows(FileRow)]

ACCOUNT_IDS = [new_account_id(number, bytes(10)) for number in range(3)]
GROUP_IDS = [new_group_id(number, bytes(10)) for number in range(2)]
TOKEN_IDS = [new_token_id(number, bytes(10)) for number in range(2)]


def accounts() -> MemoryAccounts:
    state = MemoryAccounts()
    for number, account_id in enumerate(ACCOUNT_IDS[:2]):
        made: list[EventData] = [
            AccountCreated(account_id=account_id, login_hash=f"{number:064x}", sealed="", roles=("admin",) * number),
            GroupCreated(group_id=GROUP_IDS[number], name=f"group{number}"),
            GroupMembersChanged(group_id=GROUP_IDS[number], members=(account_id,)),
            ApiTokenIssued(
                token_id=TOKEN_IDS[number], account_id=account_id, name="t", secret_hash="0" * 64, scopes=("read",)
            ),
        ]
        for data in made:
            state.apply(event_of(data, state.applied + 2), state.applied + 1, 1000)
    return state


ACCOUNTS = accounts()

TEXTS = st.one_of(
    st.sampled_from(IDS),
    st.sampled_from(
        [SPACE, OTHER_SPACE, SPACE, SPACE, new_entity_id(1, b"x" * 10), "main", "a", "a/b", "any", "match"]
    ),
    st.sampled_from(
        [*HASHES, *(part_id for _, part_id, _ in PARTS), packed(b"one"), packed(b"one", b"two"), PARTS[0][0]]
    ),
    st.sampled_from(["purged", "refused", "file_id", "absent", "symlink", "copy", "restore", "expired", "retention"]),
    st.text(max_size=20),
)
INTEGERS = st.one_of(
    st.integers(0, 8),
    st.sampled_from([-1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, -(10**30)]),
    st.integers(),
)
SCALARS = st.one_of(TEXTS, TEXTS, INTEGERS, st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
RETENTIONS = st.fixed_dictionaries({}, optional={"keep_last": INTEGERS, "keep_within_s": INTEGERS})
CONTENTS = st.fixed_dictionaries(
    {"sha256": st.sampled_from([*HASHES, "0" * 64]), "size_bytes": INTEGERS},
    optional={
        "inline_manifest": TEXTS,
        "parts": st.lists(st.sampled_from([part_id for _, part_id, _ in PARTS]), max_size=3),
        "kind": st.sampled_from(["file", "symlink"]),
        "mtime_ns": INTEGERS,
        "media_type": TEXTS,
        "executable": st.booleans(),
    },
)
VERSIONS = st.fixed_dictionaries({"file_id": TEXTS, "version": INTEGERS, "how": st.sampled_from(["copy", "restore"])})
TEXT_LISTS = st.one_of(st.lists(TEXTS, max_size=5), st.lists(st.sampled_from(IDS), max_size=5))
HASH_LISTS = st.lists(st.sampled_from([*HASHES, *(part_id for _, part_id, _ in PARTS)]), max_size=5)
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "content": CONTENTS,
    "retention": RETENTIONS,
    "base": st.one_of(st.none(), VERSIONS),
    "origin": st.one_of(st.none(), VERSIONS),
    "space_id": st.sampled_from([SPACE, SPACE, SPACE, OTHER_SPACE]),
    "force": st.booleans(),
    "replace": st.booleans(),
    "condition": st.sampled_from(["any", "any", "absent", "match"]),
    "reason": st.just("asked"),
    "match_sha256": HASH_LISTS,
    "part_ids": HASH_LISTS,
    "versions": st.lists(INTEGERS, max_size=5),
    "name": st.sampled_from(["main", "other"]),
    "new_file_id": st.one_of(st.just(new_entity_id(1, b"new-------")), TEXTS),
    **dict.fromkeys(("parts", "entity_ids", "tags", "add_tags", "remove_tags", "addresses"), TEXT_LISTS),
    "account_id": st.sampled_from(ACCOUNT_IDS),
    "group_id": st.sampled_from(GROUP_IDS),
    "token_id": st.sampled_from(TOKEN_IDS),
    "actor": st.sampled_from(["admin", "system:x", *ACCOUNT_IDS]),
    "kind": st.sampled_from(["person", "service"]),
    "scopes": st.lists(st.sampled_from(["read", "write", "admin"]), min_size=1, max_size=3),
    "roles": st.lists(st.just("admin"), max_size=2),
    **dict.fromkeys(("login_hash", "secret_hash", "invite_hash"), st.integers(0, 3).map(lambda n: f"{n:064x}")),
    **dict.fromkeys(("members", "managers", "removed"), st.lists(st.sampled_from(ACCOUNT_IDS), max_size=3)),
    **dict.fromkeys(("sealed", "verifier"), st.sampled_from(["", "AAAA"])),
    **dict.fromkeys(("epoch", "rules", "partition", "weight", "base_revision"), INTEGERS),
}


def field(name: str) -> st.SearchStrategy[Any]:
    """Mostly what a field wants, so that the event decodes; sometimes anything."""
    fitting = FITTING.get(name, TEXTS)
    return st.integers(0, 15).flatmap(lambda dice: VALUES if dice == 15 else fitting)


@st.composite
def documents(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    required = {name for name, info in EVENT_TYPES[kind].model_fields.items() if info.is_required()}
    chosen = [name for name in EVENT_TYPES[kind].model_fields if name in required or draw(st.booleans())]
    return {
        "specversion": "1.0",
        "id": draw(st.one_of(st.text(max_size=8), TEXTS)),
        "source": draw(TEXTS),
        "type": kind,
        "subject": draw(TEXTS),
        "time": "2026-01-01T00:00:00+00:00",
        "actor": draw(field("actor")),
        "data": {name: draw(field(name)) for name in chosen},
    }


@pytest.mark.parametrize("kind", sorted(kind for kind, cls in EVENT_TYPES.items() if cls.TOPIC in FOLDED_TOPICS))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_decodes_is_decided_without_an_error(kind: str, data: st.DataObject) -> None:
    document = data.draw(documents(kind))
    try:
        event = decode(json.dumps(document).encode())
    except MalformedEvent:
        return
    would_refuse(STATE, event, 0)
    for state in (STATE.copy(), MemoryPartition(), MemoryDirectory(), MemoryPeers(), ACCOUNTS.copy()):
        applied = state.apply(event, state.applied + 1, data.draw(st.integers(0, 2**62)))
        assert applied is not None
        orjson.dumps(applied.outcome.facts)
        for change in applied.changes:
            assert_storable(change.row)
        if isinstance(state, MemoryPartition):
            check_partition(state)


def assert_storable(row: Row) -> None:
    """Rows are stored as JSON arrays: 64-bit integers, valid text."""
    orjson.dumps(tuple(row), default=lambda value: value.hex() if isinstance(value, bytes) else tuple(value))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), VALUES.map(json.dumps).map(str.encode)))
def test_arbitrary_bytes_are_malformed_or_unknown_but_never_an_error(raw: bytes) -> None:
    with pytest.raises((MalformedEvent, UnknownEventType)):
        decode(raw)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(EVENT_TYPES)), st.dictionaries(st.sampled_from(["id", "time", "actor", "source"]), VALUES)
)
def test_a_broken_envelope_is_malformed_or_decodes_but_never_an_error(kind: str, envelope: dict[str, Any]) -> None:
    document = {"specversion": "1.0", "type": kind, "data": {"space_id": SPACE, "epoch": 1, "rules": 1}, **envelope}
    try:
        decode(
            json.dumps(
                {"id": "e", "source": "s", "subject": "s", "time": "2026-01-01", "actor": "a", **document}
            ).encode()
        )
    except MalformedEvent:
        return
