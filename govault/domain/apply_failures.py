"""Life and death (``.peers``): witnesses, what makes a death, and how a node refutes it.

One observer never convicts where there are more: bursty loss between two nodes looks like death to one of them. A death
takes min(2, live others) witnesses, each within SUSPICION_WINDOW_MS of the last by vault time, from different zones
where the live others are in different zones, and each saw the node silent on the log as well.
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
    others = [other for other in reader.nodes() if other.state == NodeState.UP and other.node_id != accused.node_id]
    if _enough(others, said):
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


def _enough(others: Iterable[NodeRow], said: dict[str, int]) -> bool:
    """Whether the witnesses suffice among the nodes that live, the accused left out."""
    zones = {other.node_id: other.zone for other in others}
    heard = [zones[who] for who in said if who in zones]
    needed = min(_WITNESSES_MAX, len(zones))
    zones_needed = min(needed, len(set(zones.values())))
    return needed > 0 and len(heard) >= needed and len(set(heard)) >= zones_needed
