"""Layouts and sealing roots (``.peers``): the next one over the one it was made from, in log order."""

import binascii

from govault.domain.apply_members import member
from govault.domain.folding import PeersReader
from govault.domain.layout import BadLayout, decode_table
from govault.domain.outcomes import Decision, Refusal, accepted, unchanged
from govault.domain.reasons import Reason
from govault.domain.rows import Change, Delete, LayoutRow, NodeState, Put, SealingRootRow
from govault.limits import EXACT_INT_MAX
from schemas.events.peers import LayoutChanged, LayoutReached, SealingRootOpened

_FIRST_OPENED_EPOCH = 2
_WRAPPED_BYTES_MAX = 256


def change_layout(reader: PeersReader, data: LayoutChanged, vault_time_ms: int, changes: list[Change]) -> Decision:
    """Give slots to nodes; what came before serves on until the new holders have reached the new one."""
    layouts = reader.layouts()
    version = layouts[-1].version if layouts else 0
    if data.base_version != version:
        raise Refusal(Reason.LAYOUT_MOVED_ON, version=version)
    for node_id in data.node_ids:
        member(reader, node_id)
    try:
        decode_table(data.table, data.replicas, len(data.node_ids))
    except BadLayout as error:
        raise Refusal(Reason.EVENT_INVALID, detail=str(error)) from None
    nodes = len(data.node_ids)
    if len(set(data.node_ids)) != nodes or data.write_quorum > data.replicas:
        raise Refusal(Reason.EVENT_INVALID, detail="a node is named twice, or the quorum is more than the replicas")
    if len(data.weights) not in (0, nodes) or len(data.zones) not in (0, nodes) or min(data.weights, default=1) < 1:
        raise Refusal(Reason.EVENT_INVALID, detail="not a weight and a zone a node")
    row = LayoutRow(
        version + 1,
        data.replicas,
        data.write_quorum,
        data.node_ids,
        data.table,
        vault_time_ms,
        weights=data.weights,
        zones=data.zones,
    )
    changes.append(Put(row))
    return accepted(version=row.version)


def reach_layout(reader: PeersReader, data: LayoutReached, changes: list[Change]) -> Decision:
    """A holder has all that a layout gives it; when all living holders have, the layouts before are left."""
    if data.version > EXACT_INT_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="a number is out of bounds")
    member(reader, data.node_id)
    layouts = reader.layouts()
    row = next((layout for layout in layouts if layout.version == data.version), None)
    if row is None or data.node_id in row.reached:
        return unchanged(version=data.version)
    if data.node_id not in row.node_ids:
        raise Refusal(Reason.EVENT_INVALID, detail="the layout gives the node nothing")
    row = row._replace(reached=(*row.reached, data.node_id))
    changes.append(Put(row))
    waited_for = [
        node.node_id
        for node in reader.nodes()
        if node.node_id in row.node_ids and node.state not in (NodeState.DEAD, NodeState.REMOVED)
    ]
    if set(waited_for) <= set(row.reached):
        changes.extend(Delete(layout) for layout in layouts if layout.version < row.version)
    return accepted(version=row.version, left=set(waited_for) <= set(row.reached))


def open_sealing_root(reader: PeersReader, data: SealingRootOpened, changes: list[Change]) -> Decision:
    """Seal under a new root from here on."""
    roots = reader.sealing_roots()
    following = roots[-1].epoch + 1 if roots else _FIRST_OPENED_EPOCH
    if data.epoch != following:
        raise Refusal(Reason.EPOCH_NOT_NEXT, epoch=following - 1)
    try:
        wrapped = binascii.a2b_base64(data.wrapped, strict_mode=True)
    except ValueError:
        wrapped = b""
    if not 0 < len(wrapped) <= _WRAPPED_BYTES_MAX:
        raise Refusal(Reason.EVENT_INVALID, detail="not a wrapped root")
    changes.append(Put(SealingRootRow(data.epoch, data.wrapped)))
    return accepted(epoch=data.epoch)
