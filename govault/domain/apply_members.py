"""Membership (``.peers``): join tokens, admission, starts, what people set of a node, removal."""

import hashlib

from govault.domain.folding import PeersReader
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import Change, JoinTokenRow, NodeRow, NodeState, Put
from govault.limits import EXACT_INT_MAX
from schemas.events.peers import (
    JoinTokenIssued,
    JoinTokenRevoked,
    NodeAdmitted,
    NodeChanged,
    NodeMoved,
    NodeRemoved,
    NodeStarted,
)

_INT_MAX = 2**31
_TIME_MAX = 2**53
_REVOKED = "revoked"


def issue_token(reader: PeersReader, data: JoinTokenIssued, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Let one more node in, for a while."""
    _check_weight(data.weight)
    if not 0 < data.expires_ms < _TIME_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a time")
    if reader.join_token(data.token_hash) is not None:
        return unchanged(token_hash=data.token_hash)
    changes.append(
        Put(JoinTokenRow(data.token_hash, data.expires_ms, data.name, data.zone, data.weight, vault_time_ms))
    )
    return accepted(token_hash=data.token_hash)


def revoke_token(reader: PeersReader, data: JoinTokenRevoked, changes: list[Change]) -> Decision:
    """Let nobody in with it any more."""
    token = reader.join_token(data.token_hash)
    if token is None or token.spent_by not in ("", _REVOKED):
        raise Refusal(Reason.TOKEN_INVALID)
    if token.spent_by == _REVOKED:
        return unchanged(token_hash=data.token_hash)
    changes.append(Put(token._replace(spent_by=_REVOKED)))
    return accepted(token_hash=data.token_hash)


def admit_node(reader: PeersReader, data: NodeAdmitted, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Admit a node: the vault's first, or one that brings a token. A repeat by the same node changes nothing."""
    _check_key(data)
    _check_weight(data.weight)
    known = reader.node(data.node_id)
    if known is not None and known.state == NodeState.REMOVED:
        raise Refusal(Reason.NODE_REMOVED)
    if known is not None:
        return unchanged(node_id=data.node_id)
    name, zone, weight = data.name, data.zone, data.weight
    if any(True for _ in reader.nodes()):
        token = reader.join_token(data.token_hash) if data.token_hash else None
        if token is None or token.spent_by or vault_time_ms > token.expires_ms:
            raise Refusal(Reason.TOKEN_INVALID)
        changes.append(Put(token._replace(spent_by=data.node_id)))
        name, zone, weight = name or token.name, zone or token.zone, token.weight if weight == 1 else weight
    row = NodeRow(data.node_id, data.public_key, name, zone, weight, vault_time_ms, 0, "", (), state_ms=vault_time_ms)
    changes.append(Put(row))
    return accepted(node_id=data.node_id)


def change_node(reader: PeersReader, data: NodeChanged, changes: list[Change]) -> Decision:
    """Set a node's name, zone or weight, or whether it drains."""
    old = member(reader, data.node_id)
    if data.weight is not None:
        _check_weight(data.weight)
    row = old._replace(
        name=old.name if data.name is None else data.name,
        zone=old.zone if data.zone is None else data.zone,
        weight=old.weight if data.weight is None else data.weight,
        draining=old.draining if data.draining is None else data.draining,
    )
    if row == old:
        return unchanged(node_id=data.node_id)
    changes.append(Put(row))
    return accepted(node_id=data.node_id)


def start_node(reader: PeersReader, data: NodeStarted, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Note that a node runs, which program and where, under the next incarnation: whatever was said of it is over."""
    if data.rules > EXACT_INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="a number is out of bounds")
    old = member(reader, data.node_id)
    row = old._replace(
        started_ms=vault_time_ms,
        version=data.version,
        addresses=data.addresses,
        peer_addresses=data.peer_addresses,
        incarnation=old.incarnation + 1,
        state=NodeState.UP.value,
        state_ms=old.state_ms if old.state == NodeState.UP else vault_time_ms,
        suspicions=(),
        rules=data.rules,
    )
    changes.append(Put(row))
    return accepted(node_id=data.node_id, incarnation=row.incarnation)


def move_node(reader: PeersReader, data: NodeMoved, changes: list[Change]) -> Decision:
    """Note where a node can be reached now."""
    old = member(reader, data.node_id)
    row = old._replace(addresses=data.addresses, peer_addresses=data.peer_addresses)
    if row == old:
        return unchanged(node_id=data.node_id)
    changes.append(Put(row))
    return accepted(node_id=data.node_id)


def remove_node(reader: PeersReader, data: NodeRemoved, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Strike a node off for good; not the last one."""
    old = reader.node(data.node_id)
    if old is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    if old.state == NodeState.REMOVED:
        return unchanged(node_id=data.node_id)
    if all(row.state == NodeState.REMOVED or row.node_id == old.node_id for row in reader.nodes()):
        raise Refusal(Reason.LAST_NODE)
    changes.append(Put(old._replace(state=NodeState.REMOVED.value, state_ms=vault_time_ms, suspicions=())))
    return accepted(node_id=data.node_id)


def member(reader: PeersReader, node_id: str) -> NodeRow:
    """A node that belongs to the vault.

    Raises:
        Refusal: It never did, or does no more.
    """
    row = reader.node(node_id)
    if row is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    if row.state == NodeState.REMOVED:
        raise Refusal(Reason.NODE_REMOVED)
    return row


def _check_key(data: NodeAdmitted) -> None:
    try:
        key = bytes.fromhex(data.public_key)
    except ValueError:
        key = b""
    named_by_key = len(key) == 32 and key.hex() == data.public_key and hashlib.sha256(key).hexdigest() == data.node_id
    if not named_by_key:
        raise Refusal(Reason.EVENT_INVALID, detail="the node id is not its public key's SHA-256")


def _check_weight(weight: int) -> None:
    if not 0 <= weight < _INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a weight")
