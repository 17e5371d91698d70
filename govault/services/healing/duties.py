"""Which slots this node should hold now: those the layout gives it, and those of dead holders that it stands in for.

Up and down is no layout change, so a death moves nothing by itself. Where too few replicas answer, or a holder stays
dead for a while, the next nodes in the slot's rank stand in until the holder is back or a next layout does without it.

Where spaces ask more of some chunks than the layout's R, the next of the slot's rank should have those too, and whoever
is dead for a while among them is stood in for likewise. No space that asks less takes a replica from a holder.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from govault.domain.healing import Urgency, stand_ins, urgency_of
from govault.domain.layout import slot_of
from govault.domain.replication import Asked
from govault.domain.rows import NodeRow, NodeState
from govault.limits import REPLICAS_MAX, SLOTS
from govault.ports import ClusterMap, Views
from schemas.ids import ChunkId

_SLOTS_AT_ONCE = 64
"""A slot whose rank is needed takes up to a tenth of a millisecond."""


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a node stays dead before others stand in for it, seconds.

    Attributes:
        sole_s: Where at most one replica is left.
        few_s: Elsewhere: long enough that a reboot moves nothing.
    """

    sole_s: float = 30.0
    few_s: float = 600.0


class Duties:
    """What this node should hold, and who else may have it. Reads take microseconds, after ``refresh``."""

    def __init__(self, cluster: ClusterMap, views: Views, monotonic_s: Callable[[], float], grace: Grace) -> None:
        self._cluster = cluster
        self._views = views
        self._monotonic_s = monotonic_s
        self._grace = grace
        self._dead_since_s: dict[str, float] = {}
        self._seen: object = None
        self._wanted = bytes(b"\1" * SLOTS)
        self._partly = bytes(SLOTS)
        self._gone: frozenset[str] = frozenset()
        self._able: frozenset[str] = frozenset()
        self._wishes: frozenset[tuple[str, int]] = frozenset()
        self._most = 0
        self._firsts: dict[int, tuple[str, ...]] = {}
        self._firsts_of = 0
        self._stand_ins: dict[int, tuple[str, ...]] = {}
        self._members: tuple[str, ...] = ()
        self.version = 0
        """Rises whenever this node's duties, or whom it shares them with, may have changed."""

    @property
    def layout_version(self) -> int:
        """The newest layout's; 0 where there is none."""
        newest = self._cluster.placement.newest
        return newest.version if newest else 0

    @property
    def anyone_dead(self) -> bool:
        """Whether a member is dead: then time alone may change duties."""
        return bool(self._dead_since_s)

    async def refresh(self) -> bool:
        """Take in what the cluster's map and the spaces say now; whether anything has changed. Yields now and then."""
        rows = self._cluster.members()
        members = tuple(row.node_id for row in rows)
        dead = self._note_dead(rows)
        placement = self._cluster.placement
        removed = frozenset(placement.newest.node_ids if placement.newest else ()) - frozenset(members)
        gone_few = removed | {node for node, since_s in dead.items() if self._over(since_s, self._grace.few_s)}
        gone_sole = removed | {node for node, since_s in dead.items() if self._over(since_s, self._grace.sole_s)}
        absent = removed | dead.keys()
        able = frozenset(row.node_id for row in rows if row.node_id not in absent and row.weight and not row.draining)
        layouts = (self.layout_version, tuple(table.version for table in placement.before))
        seen = (layouts, members, absent, gone_few, gone_sole, able, self._views.replicas_asked())
        if seen == self._seen:
            return False
        self._gone, self._able = gone_few, able
        most = self._most_asked if self.asked_beyond else 0
        wanted, partly, standing = bytearray(SLOTS), bytearray(SLOTS), {}
        for slot in range(SLOTS):
            holders = placement.holders(slot)
            here = self._cluster.node_id in holders
            if gone_sole and not gone_sole.isdisjoint(holders):
                sole = sum(node not in absent for node in holders) <= 1
                gone = gone_sole if sole else gone_few
                if not gone.isdisjoint(holders):
                    standing[slot] = ins = stand_ins(holders, gone, [n for n in placement.rank(slot) if n in able])
                    here = here or self._cluster.node_id in ins
            wanted[slot] = here
            partly[slot] = bool(most) and not here and self._keeps(slot, self._first(slot, most))
            if slot % _SLOTS_AT_ONCE == 0:
                await asyncio.sleep(0)
        self._wanted, self._partly, self._stand_ins, self._members = bytes(wanted), bytes(partly), standing, members
        self._seen = seen
        self.version += 1
        return True

    def _note_dead(self, rows: Sequence[NodeRow]) -> dict[str, float]:
        dead = {row.node_id for row in rows if row.state == NodeState.DEAD}
        now_s = self._monotonic_s()
        self._dead_since_s = {node: self._dead_since_s.get(node, now_s) for node in dead}
        return dict(self._dead_since_s)

    def _over(self, since_s: float, grace_s: float) -> bool:
        return self._monotonic_s() - since_s >= grace_s

    # --- for one chunk ---------------------------------------------------------------------------------------

    @property
    def asked_beyond(self) -> bool:
        """Whether any space asks more replicas than the layout gives, and there are nodes for them."""
        newest = self._cluster.placement.newest
        return newest is not None and newest.width < min(self._most_asked, len(newest.node_ids))

    @property
    def _most_asked(self) -> int:
        wishes = self._views.replicas_asked()
        if wishes is not self._wishes:
            self._wishes, self._most = wishes, max((replicas for _, replicas in wishes), default=0)
        return self._most

    def keepers(self, chunk_id: bytes) -> tuple[str, ...]:
        """Who should have a referenced chunk: its slot's holders, then as many of the rank as its spaces ask beyond."""
        placement, slot = self._cluster.placement, slot_of(chunk_id)
        if not self.asked_beyond:
            return placement.holders(slot)
        asked = self._views.replicas_of(ChunkId(chunk_id), placement.replicas)
        return self._first(slot, placement.wanted(Asked(max(asked, placement.replicas))))

    def _first(self, slot: int, replicas: int) -> tuple[str, ...]:
        """The first of the slot's rank; computed once, for whoever is asked about a slot is asked about its chunks."""
        placement = self._cluster.placement
        if replicas <= placement.replicas or replicas > REPLICAS_MAX:
            return placement.first(slot, replicas)
        if self._firsts_of != self.layout_version:
            self._firsts_of, self._firsts = self.layout_version, {}
        first = self._firsts.get(slot)
        if first is None:
            first = self._firsts[slot] = placement.first(slot, REPLICAS_MAX)
        return first[:replicas]

    def other_keepers(self, chunk_id: bytes) -> tuple[str, ...]:
        """``keepers`` without this node."""
        return tuple(node for node in self.keepers(chunk_id) if node != self._cluster.node_id)

    def wants_chunk(self, chunk_id: bytes) -> bool:
        """Whether this node should have a chunk: with its slot, or because spaces ask for so many replicas."""
        slot = slot_of(chunk_id)
        return self.wants(slot) or (self.asked_beyond and self._keeps(slot, self.keepers(chunk_id)))

    def _keeps(self, slot: int, keepers: Sequence[str]) -> bool:
        """Whether this node is one of those, or stands in for one that has been dead for a while."""
        if self._cluster.node_id in keepers or self._gone.isdisjoint(keepers):
            return self._cluster.node_id in keepers
        rank = self._cluster.placement.rank(slot)
        return self._cluster.node_id in stand_ins(keepers, self._gone, [node for node in rank if node in self._able])

    # --- for one slot ----------------------------------------------------------------------------------------

    def wants(self, slot: int) -> bool:
        """Whether this node should hold the slot, and so all chunks of it."""
        return bool(self._wanted[slot])

    def walked_slots(self) -> Iterable[int]:
        """The slots that this node should hold, or of which it may have to hold some chunks, ascending."""
        return (slot for slot in range(SLOTS) if self._wanted[slot] or self._partly[slot])

    def serves(self, slot: int) -> bool:
        """Whether a layout that counts still gives the slot to this node."""
        return self._cluster.node_id in self._cluster.placement.serving(slot)

    def other_holders(self, slot: int) -> tuple[str, ...]:
        """The slot's holders by the newest layout, the best first, without this node."""
        return tuple(node for node in self._cluster.placement.holders(slot) if node != self._cluster.node_id)

    def turn(self, slot: int, lacking: str) -> int:
        """How many holders that answer come before this node in giving a holder what it lacks."""
        before = takewhile(lambda node: node != self._cluster.node_id, self._cluster.placement.holders(slot))
        return sum(node != lacking and self._cluster.is_up(node) for node in before)

    def likely_sources(self, slot: int) -> tuple[str, ...]:
        """The other members who should have the slot's chunks, or should have had them."""
        likely = dict.fromkeys((*self._cluster.placement.serving(slot), *self._stand_ins.get(slot, ())))
        return tuple(node for node in likely if node in self._members and node != self._cluster.node_id)

    def members(self) -> tuple[str, ...]:
        """All members: any may have a chunk, by a spill."""
        return self._members

    def answering(self) -> frozenset[str]:
        """The other members that are worth calling."""
        return frozenset(node for node in self._members if node != self._cluster.node_id and self._cluster.is_up(node))

    def urgency(self, slot: int, *, here: bool = False) -> Urgency:
        """How urgent a chunk of the slot is, taken that everybody who should have it, and answers, has it.

        Args:
            here: Whether it is sound on this node.
        """
        placement = self._cluster.placement
        others = [n for n in placement.serving(slot) if n != self._cluster.node_id and self._cluster.is_up(n)]
        return urgency_of(len(others) + here, placement.replicas)
