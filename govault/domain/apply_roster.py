"""The small topics: which spaces there are and where (``.directory``), which nodes there are (``.peers``)."""

import hashlib

from govault.domain.folding import DirectoryReader, PeersReader
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import Change, Delete, DirectoryRow, NodeRow, Put, SpaceNameRow
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.events.peers import NodeAdmitted, NodeStarted
from schemas.ids import is_space_id

_INT_MAX = 2**31


def create_space(reader: DirectoryReader, data: SpaceCreated, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Take a name for a space, unless another has it."""
    if not is_space_id(data.space_id) or data.partition >= _INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a space's id or partition")
    other = reader.space_named(data.name) or reader.space(data.space_id)
    if other is not None:
        raise Refusal(Reason.SPACE_EXISTS, space_id=other.space_id)
    changes.append(Put(DirectoryRow(data.space_id, data.name, data.partition, vault_time_ms)))
    changes.append(Put(SpaceNameRow(data.name, data.space_id)))
    return accepted(space_id=data.space_id, name=data.name, partition=data.partition)


def remove_space(reader: DirectoryReader, data: SpaceRemoved, changes: list[Change]) -> Decision:
    """Free a space's name."""
    row = reader.space(data.space_id)
    if row is None:
        raise Refusal(Reason.SPACE_UNKNOWN)
    changes.append(Delete(row))
    changes.append(Delete(SpaceNameRow(row.name, row.space_id)))
    return accepted(space_id=row.space_id, name=row.name)


def admit_node(reader: PeersReader, data: NodeAdmitted, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Admit a node, or set an admitted one's name, zone and weight."""
    try:
        key = bytes.fromhex(data.public_key)
    except ValueError:
        key = b""
    named_by_key = len(key) == 32 and key.hex() == data.public_key and hashlib.sha256(key).hexdigest() == data.node_id
    if not named_by_key or not 0 <= data.weight < _INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="the node id is not its public key's SHA-256, or the weight is none")
    old = reader.node(data.node_id)
    if old is None:
        row = NodeRow(data.node_id, data.public_key, data.name, data.zone, data.weight, vault_time_ms, 0, "", ())
    else:
        row = old._replace(name=data.name, zone=data.zone, weight=data.weight)
        if row == old:
            return unchanged(node_id=data.node_id)
    changes.append(Put(row))
    return accepted(node_id=data.node_id)


def start_node(reader: PeersReader, data: NodeStarted, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Note that an admitted node runs, which program and where."""
    old = reader.node(data.node_id)
    if old is None:
        raise Refusal(Reason.ENTITY_UNKNOWN)
    changes.append(Put(old._replace(started_ms=vault_time_ms, version=data.version, addresses=data.addresses)))
    return accepted(node_id=data.node_id)
