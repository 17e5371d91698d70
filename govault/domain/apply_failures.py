"""Life and death (``.peers``): witnesses, what makes a death, and how a node refutes it.

One observer never convicts where there are more: bursty loss between two nodes looks like death to one of them. A death
takes min(2, live others) witnesses, each within SUSPICION_WINDOW_MS of the last by vault time, from different zones
where the live others are in different zones, and each saw the node silent on the log as well. Zones of nobody but
suspects are left out: when a whole zone dies, none of its own can be a witness any more.
"""

from collections.abc import Iterable

from govault.domain.apply_members import member
from govault.domain.folding import PeersReader
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import Change, NodeRow, NodeState, Put
from govault.limits import HEARTBEAT_SILENCE_MS_MIN, SUSPICION_WINDOW_MS
from schemas.events.peers import NodeRecovered, NodeSuspected

_WITNESSES_MAX = 2


def suspect_node(reader: PeersReader, data: NodeSuspected, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Take one witness's word; with enough of them the node is dead."""
    accused = member(reader, data.node_id)
    witness = member(reader, data.witness)
    if witness.state != NodeState.UP or witness.node_id == accused.node_id:
        raise Refusal(Reason.WITNESS_INVALID)
    if data.incarnation != accused.incarnation:
        raise Refusal(Reason.STALE_INCARNATION, incarnation=accused.incarnation)
    if data.silence_ms < HEARTBEAT_SILENCE_MS_MIN:
        raise Refusal(Reason.HEARTBEAT_FRESH)
    if accused.state != NodeState.UP:
        return unchanged(node_id=accused.node_id, state=accused.state)
    said = {who: at_ms for who, at_ms in accused.suspicions if at_ms >= vault_time_ms - SUSPICION_WINDOW_MS}
    said[witness.node_id] = vault_time_ms
    row = accused._replace(suspicions=tuple(sorted(said.items())))
    if convicted(row, reader.nodes(), vault_time_ms):
        row = row._replace(state=NodeState.DEAD.value, state_ms=vault_time_ms, suspicions=())
    changes.append(Put(row))
    return accepted(node_id=accused.node_id, state=row.state)


def recover_node(reader: PeersReader, data: NodeRecovered, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Let a node refute what was said of an earlier incarnation."""
    old = member(reader, data.node_id)
    if data.incarnation <= old.incarnation:
        raise Refusal(Reason.STALE_INCARNATION, incarnation=old.incarnation)
    if data.incarnation > old.incarnation + 1:
        raise Refusal(Reason.EVENT_INVALID, detail="an incarnation is the one before and one more")
    was_up = old.state == NodeState.UP
    changes.append(
        Put(
            old._replace(
                incarnation=data.incarnation,
                state=NodeState.UP.value,
                state_ms=old.state_ms if was_up else vault_time_ms,
                suspicions=(),
            )
        )
    )
    return accepted(node_id=data.node_id, incarnation=data.incarnation)


def convicted(accused: NodeRow, nodes: Iterable[NodeRow], vault_time_ms: int) -> bool:
    """Whether what is said of a node at that time suffices to call it dead."""
    since_ms = vault_time_ms - SUSPICION_WINDOW_MS
    others = {row.node_id: row for row in nodes if row.state == NodeState.UP and row.node_id != accused.node_id}
    witnesses = [others[who] for who, at_ms in accused.suspicions if at_ms >= since_ms and who in others]
    needed = min(_WITNESSES_MAX, len(others))
    able = [row.zone for row in others.values() if all(at_ms < since_ms for _, at_ms in row.suspicions)]
    heard = {row.zone for row in witnesses}
    zones_needed = min(needed, len(heard | set(able)))
    return needed > 0 and len(witnesses) >= needed and len(heard) >= zones_needed
