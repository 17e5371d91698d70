"""What people do with members: name, weigh, zone, drain and remove them."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.actor import Actor
from govault.domain.layout import decode_table
from govault.domain.rows import LayoutRow, NodeRow, NodeState
from govault.errors import Conflict, InvalidRequest, NotFound
from govault.limits import NODE_NAME_CHARACTERS_MAX, NODE_PREFIX_CHARACTERS_MIN
from govault.ports import Views
from govault.services.cluster.sealing_roots import SealingRoots
from govault.services.log.submit import Submitter
from schemas.events.peers import NodeChanged, NodeRemoved

_PARTITION = 0
_WEIGHT_MAX = 1_000_000


class NodeWish(NamedTuple):
    """What somebody sets of a node; None leaves a thing as it is."""

    name: str | None = None
    zone: str | None = None
    weight: int | None = None
    draining: bool | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """A node that belongs to the vault no more.

    Attributes:
        sealing_epoch: The epoch opened for it: what is sealed from now on, keys that the node took along do not open.
            None where it was only asked what a removal would be.
        revoke: What is left for people to do, in sentences.
    """

    node: NodeRow
    sealing_epoch: int | None
    revoke: str


class Membership:
    """The use cases of members. Every act is an event on ``.peers``."""

    def __init__(
        self,
        views: Views,
        submitter: Submitter,
        roots: SealingRoots,
        node_id: str,
        log_kind: str,
        is_drained: Callable[[str], bool] | None = None,
    ) -> None:
        """Args:
        node_id: This node.
        log_kind: ``embedded`` or ``kafka``.
        is_drained: Whether everything that a node holds is held by others; by default as layouts say.
        """
        self._views = views
        self._submitter = submitter
        self._roots = roots
        self._node_id = node_id
        self._log_kind = log_kind
        self._is_drained = is_drained or (lambda node_id: drained(self._views, node_id))

    def find(self, reference: str) -> NodeRow:
        """A node by its id, by its name, or by the beginning of its id if no other begins so.

        Raises:
            NotFound: There is none.
            InvalidRequest: There are several.
        """
        rows = list(self._views.peers().nodes())
        members = [row for row in rows if row.state != NodeState.REMOVED]
        long_enough = len(reference) >= NODE_PREFIX_CHARACTERS_MIN
        for found in (
            [row for row in rows if row.node_id == reference],
            [row for row in members if row.name == reference],
            [row for row in members if long_enough and row.node_id.startswith(reference)],
            [row for row in rows if long_enough and row.node_id.startswith(reference)],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                raise InvalidRequest(
                    f"{reference!r} means {len(found)} nodes; give more of the id", rule="node-ambiguous"
                )
        raise NotFound(f"no node has the id or name {reference!r}", code="not-found.node-unknown", node=reference)

    async def change(self, actor: Actor, reference: str, wish: NodeWish) -> NodeRow:
        """Set things of a node. Weights, zones and draining take effect with the next layout.

        Raises:
            NotFound: There is no such node.
            AccessDenied: It was removed.
            InvalidRequest: A value is out of range, or the reference means several nodes.
        """
        row = self.find(reference)
        _check(wish)
        changed = NodeChanged(node_id=row.node_id, **wish._asdict())
        await self._submitter.submit(actor, changed, _PARTITION, subject=row.node_id)
        return self.find(row.node_id)

    async def remove(self, actor: Actor, reference: str, *, force: bool = False) -> Removal:
        """Strike a node off for good, and seal what comes under a root that it never saw.

        Args:
            force: Also where it may hold the only replicas of something.

        Raises:
            NotFound: There is no such node.
            Conflict: It is the last one or this one, or it still holds slots and ``force`` was not asked.
        """
        actor = self._submitter.keyed(actor)
        row = self.removable(reference, force=force).node
        await self._submitter.submit(actor, NodeRemoved(node_id=row.node_id), _PARTITION, subject=row.node_id)
        epoch = await self._roots.open_next(actor)
        return Removal(self.find(row.node_id), epoch, self._revocation(row))

    def removable(self, reference: str, *, force: bool = False) -> Removal:
        """What a removal would be; raises as ``remove`` does, but for the last node."""
        row = self.find(reference)
        if row.node_id == self._node_id:
            raise Conflict(
                "a node does not remove itself, for it would know the root that is opened against it; ask another node",
                code="conflict.own-removal",
            )
        if row.state != NodeState.REMOVED and not force and not self._is_drained(row.node_id):
            raise Conflict(
                f"node {row.name or row.node_id} still holds chunks; drain it and wait until it is drained, "
                "or force its removal if its disk is lost",
                code="conflict.not-drained",
                node_id=row.node_id,
            )
        return Removal(row, None, self._revocation(row))

    def _revocation(self, row: NodeRow) -> str:
        what = "It keeps the keys that it knows: they open what was sealed before."
        if self._log_kind != "kafka":
            return what
        return (
            f"Revoke its access to Kafka: delete the ACLs and the credentials of the principal that node "
            f"{row.name or row.node_id[:12]} uses (its log.security.username). {what}"
        )


def drained(views: Views, node_id: str) -> bool:
    """Whether no layout that counts gives a node anything, and the newest has all that it needs elsewhere.

    Dead holders are not waited for where another one that lives has the slot: where none does, this node may be the
    only one that has its chunks.
    """
    reader = views.peers()
    row = reader.node(node_id)
    if row is None or row.started_ms == 0:
        return True
    layouts = reader.layouts()
    if not layouts or any(node_id in layout.node_ids for layout in layouts):
        return False
    newest = layouts[-1]
    living = {
        node.node_id
        for node in reader.nodes()
        if node.node_id in newest.node_ids and node.state not in (NodeState.DEAD, NodeState.REMOVED)
    }
    if not living or not living <= set(newest.reached):
        return False
    return len(living) == len(newest.node_ids) or _in_all_slots(living, newest)


def _in_all_slots(node_ids: set[str], layout: LayoutRow) -> bool:
    """Whether a layout gives every slot to one of the nodes at least."""
    width = min(layout.replicas, len(layout.node_ids))
    chosen = [node_id in node_ids for node_id in layout.node_ids]
    flat = decode_table(layout.table, layout.replicas, len(layout.node_ids))
    return all(any(chosen[index] for index in flat[at : at + width]) for at in range(0, len(flat), width))


def _is_control(mark: str) -> bool:
    return unicodedata.category(mark) == "Cc"


def _check(wish: NodeWish) -> None:
    for what, text in (("name", wish.name), ("zone", wish.zone)):
        if text is not None and (len(text) > NODE_NAME_CHARACTERS_MAX or any(_is_control(mark) for mark in text)):
            raise InvalidRequest(
                f"a {what} has at most {NODE_NAME_CHARACTERS_MAX} characters and no control characters",
                rule=f"node-{what}",
            )
    if wish.weight is not None and not 0 <= wish.weight <= _WEIGHT_MAX:
        raise InvalidRequest(f"a weight is 0 to {_WEIGHT_MAX}, not {wish.weight}", rule="node-weight")
