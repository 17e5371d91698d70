"""Membership: admission by token, incarnations, removal."""

import hashlib

from govault.domain.memory_state import MemoryPeers
from govault.domain.position import Outcome, Verdict
from schemas.events import EventData
from schemas.events.directory import SpaceRemoved
from schemas.events.peers import (
    JoinTokenIssued,
    JoinTokenRevoked,
    NodeAdmitted,
    NodeChanged,
    NodeMoved,
    NodeRemoved,
    NodeStarted,
)
from tests.unit.domain.writing import SPACE, event_of

HASH = "ab" * 32


def key_of(number: int) -> str:
    return bytes([number] * 32).hex()


def id_of(number: int) -> str:
    return hashlib.sha256(bytes([number] * 32)).hexdigest()


def admitted(number: int, token_hash: str = "", zone: str = "", weight: int = 1) -> NodeAdmitted:
    return NodeAdmitted(
        node_id=id_of(number), public_key=key_of(number), name=f"n{number}", zone=zone, weight=weight,
        token_hash=token_hash,
    )  # fmt: skip


def write(peers: MemoryPeers, data: EventData, time_ms: int | None = None) -> Outcome:
    event = event_of(data, peers.applied + 2)
    applied = peers.apply(event, peers.applied + 1, 1000 + peers.applied if time_ms is None else time_ms)
    assert applied is not None
    return applied.outcome


def vault_of(nodes: int, zones: tuple[str, ...] = ("",)) -> MemoryPeers:
    """A vault whose nodes 0 … nodes - 1 have started."""
    peers = MemoryPeers()
    for number in range(nodes):
        token = hashlib.sha256(b"%d" % number).hexdigest()
        write(peers, JoinTokenIssued(token_hash=token, expires_ms=10**12))
        assert write(peers, admitted(number, token, zones[number % len(zones)])).verdict is Verdict.ACCEPTED
        write(peers, NodeStarted(node_id=id_of(number), version="1"))
    return peers


def test_the_first_node_admits_itself_and_a_repeat_changes_nothing() -> None:
    peers = MemoryPeers()
    assert write(peers, NodeStarted(node_id=id_of(0), version="1")).reason == "entity-unknown"
    assert write(peers, admitted(0)).verdict is Verdict.ACCEPTED
    assert write(peers, admitted(0)).verdict is Verdict.UNCHANGED
    started = NodeStarted(node_id=id_of(0), version="1", addresses=("u",), peer_addresses=("h:1",))
    assert write(peers, started).fact("incarnation") == 1
    assert write(peers, started).fact("incarnation") == 2
    (node,) = peers.nodes()
    assert (node.state, node.addresses, node.peer_addresses) == ("up", ("u",), ("h:1",))


def test_a_token_admits_one_node_once_and_in_time() -> None:
    peers = vault_of(1)
    assert write(peers, admitted(1)).reason == "token-invalid"
    assert write(peers, admitted(1, HASH)).reason == "token-invalid"
    write(peers, JoinTokenIssued(token_hash=HASH, expires_ms=5_000, zone="attic", weight=3), 2_000)
    assert write(peers, admitted(1, HASH), 5_001).reason == "token-invalid"
    later = hashlib.sha256(b"later").hexdigest()
    write(peers, JoinTokenIssued(token_hash=later, expires_ms=9_000, zone="attic", weight=3), 6_000)
    assert write(peers, admitted(1, later), 9_000).verdict is Verdict.ACCEPTED
    assert write(peers, admitted(2, later), 9_000).reason == "token-invalid"
    joined = peers.node(id_of(1))
    assert joined is not None
    assert (joined.zone, joined.weight, joined.state) == ("attic", 3, "admitted")


def test_a_revoked_token_admits_nobody_and_a_spent_one_cannot_be_revoked() -> None:
    peers = vault_of(1)
    write(peers, JoinTokenIssued(token_hash=HASH, expires_ms=10**6))
    assert write(peers, JoinTokenRevoked(token_hash=HASH)).verdict is Verdict.ACCEPTED
    assert write(peers, JoinTokenRevoked(token_hash=HASH)).verdict is Verdict.UNCHANGED
    assert write(peers, admitted(1, HASH)).reason == "token-invalid"
    assert write(peers, JoinTokenRevoked(token_hash="cd" * 32)).reason == "token-invalid"


def test_people_change_a_node_and_it_changes_its_addresses() -> None:
    peers = vault_of(2)
    assert write(peers, NodeChanged(node_id=id_of(1), zone="z", weight=5, draining=True)).verdict is Verdict.ACCEPTED
    assert write(peers, NodeChanged(node_id=id_of(1), zone="z")).verdict is Verdict.UNCHANGED
    assert write(peers, NodeChanged(node_id=id_of(1), weight=-1)).reason == "event-invalid"
    assert write(peers, NodeChanged(node_id=id_of(9), weight=1)).reason == "entity-unknown"
    assert write(peers, NodeMoved(node_id=id_of(1), addresses=(), peer_addresses=("h:2",))).reason == ""
    node = peers.node(id_of(1))
    assert node is not None
    assert (node.zone, node.weight, node.draining, node.peer_addresses) == ("z", 5, True, ("h:2",))


def test_a_removed_node_never_comes_back_and_the_last_one_stays() -> None:
    peers = vault_of(2)
    assert write(peers, NodeRemoved(node_id=id_of(1))).verdict is Verdict.ACCEPTED
    assert write(peers, NodeRemoved(node_id=id_of(1))).verdict is Verdict.UNCHANGED
    assert write(peers, NodeStarted(node_id=id_of(1), version="1")).reason == "node-removed"
    write(peers, JoinTokenIssued(token_hash=HASH, expires_ms=10**6))
    assert write(peers, admitted(1, HASH)).reason == "node-removed"
    assert write(peers, NodeRemoved(node_id=id_of(0))).reason == "last-node"
    assert write(peers, NodeRemoved(node_id=id_of(7))).reason == "entity-unknown"


def test_a_node_under_another_keys_id_is_refused() -> None:
    peers = MemoryPeers()
    for public_key in ("00" * 32, "zz", "", key_of(0).upper(), key_of(0) + " "):
        data = NodeAdmitted(node_id=id_of(1), public_key=public_key, name="n")
        assert write(peers, data).reason == "event-invalid"
    assert write(peers, admitted(0, weight=2**40)).reason == "event-invalid"
    assert write(peers, SpaceRemoved(space_id=SPACE)).reason == "event-invalid"
