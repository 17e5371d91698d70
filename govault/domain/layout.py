"""Layouts as values: which nodes hold a slot, now and while data moves. Computing one is ``govault.domain.placement``.

A slot is the first 14 bits of a chunk id, so that the chunks of a slot are one run of the store's index.
"""

import base64
import binascii
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from govault.domain.placement_scores import Rendezvous
from govault.domain.replication import Asked
from govault.domain.rows import LayoutRow
from govault.domain.slots import slot_of as slot_of
from govault.domain.slots import slot_range as slot_range
from govault.limits import SLOTS

_INDEX_BYTES = 2


class BadLayout(ValueError):
    """A table that is none; the message says why."""


def encode_table(holders: Sequence[Sequence[int]]) -> str:
    """Node indices of every slot, each slot's best holder first, as ``LayoutChanged.table``."""
    flat = array("H", (index for row in holders for index in row))
    if sys.byteorder == "little":
        flat.byteswap()
    return base64.b64encode(zlib.compress(flat.tobytes(), 6)).decode()


def decode_table(table: str, replicas: int, nodes: int) -> "array[int]":
    """Node indices, width = min(replicas, nodes) a slot, flat.

    Raises:
        BadLayout: It is not a table of so many nodes, or gives a slot twice to one.
    """
    width = min(replicas, nodes)
    size_bytes = SLOTS * width * _INDEX_BYTES
    if width == 0:
        raise BadLayout("a layout needs a node")
    try:
        packed = binascii.a2b_base64(table, strict_mode=True)
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(packed, size_bytes + 1)
    except (ValueError, zlib.error):
        raise BadLayout("the table is not packed as one") from None
    if len(raw) != size_bytes or not unpacker.eof:
        raise BadLayout("the table does not have a row a slot")
    flat = array("H", raw)
    if sys.byteorder == "little":
        flat.byteswap()
    if max(flat) >= nodes:
        raise BadLayout("the table names a node that the layout does not")
    if width > 1 and any(len(set(flat[at : at + width])) != width for at in range(0, len(flat), width)):
        raise BadLayout("the table gives a slot twice to one node")
    return flat


@dataclass(frozen=True, slots=True)
class SlotTable:
    """One layout, ready for lookups (an array access)."""

    version: int
    replicas: int
    write_quorum: int
    node_ids: tuple[str, ...]
    width: int
    _flat: "array[int]" = field(repr=False)
    _claims: Rendezvous = field(repr=False, compare=False)
    _holders: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make what lookups give once: a tenth of a microsecond each then, for a megabyte a layout."""
        object.__setattr__(self, "_holders", tuple([tuple([self.node_ids[at] for at in row]) for row in self.rows()]))

    @classmethod
    def of(cls, row: LayoutRow) -> "SlotTable":
        """The table of a folded layout."""
        flat = decode_table(row.table, row.replicas, len(row.node_ids))
        width = min(row.replicas, len(row.node_ids))
        claims = Rendezvous(row.node_ids, row.weights or (1,) * len(row.node_ids))
        return cls(row.version, row.replicas, row.write_quorum, row.node_ids, width, flat, claims)

    def holders(self, slot: int) -> tuple[str, ...]:
        """Node ids that hold a slot, the best first."""
        return self._holders[slot]

    def rank(self, slot: int) -> tuple[str, ...]:
        """All nodes of the layout: the slot's holders, then who takes it when they cannot. Tens of microseconds."""
        return tuple(dict.fromkeys((*self.holders(slot), *[self.node_ids[at] for at in self._claims.order(slot)])))

    def rows(self) -> list[list[int]]:
        """Every slot's holders as indices into ``node_ids``."""
        return [self._flat[at : at + self.width].tolist() for at in range(0, len(self._flat), self.width)]


@dataclass(frozen=True, slots=True)
class Placement:
    """The layouts that count now: the newest, and those before it whose data still moves.

    Attributes:
        newest: None in a vault that has no layout: one node holds everything.
    """

    alone: str
    """The node that holds everything where there is no layout: this one."""
    newest: SlotTable | None = None
    before: tuple[SlotTable, ...] = ()
    """Newer ones first."""

    @property
    def replicas(self) -> int:
        """How many replicas of each chunk are wanted (R)."""
        return self.newest.replicas if self.newest else 1

    @property
    def write_quorum(self) -> int:
        """How many durable replicas acknowledge a write (W), as far as there are nodes."""
        return min(self.newest.write_quorum, self.newest.width) if self.newest else 1

    def wanted(self, asked: Asked) -> int:
        """How many replicas content is to have of which so much is asked, as far as there are nodes."""
        return min(asked.replicas or self.replicas, len(self.newest.node_ids)) if self.newest else 1

    def quorum(self, asked: Asked) -> int:
        """How many of those acknowledge a write."""
        if self.newest is None:
            return 1
        return min(asked.write_quorum or self.newest.write_quorum, self.wanted(asked))

    def first(self, slot: int, replicas: int) -> tuple[str, ...]:
        """The first of the slot's rank. Cheap for at most as many as the layout has holders."""
        holders = self.holders(slot)
        return holders[:replicas] if replicas <= len(holders) else self.rank(slot)[:replicas]

    def holders(self, slot: int) -> tuple[str, ...]:
        """Who should hold a slot, the best first."""
        return self.newest.holders(slot) if self.newest else (self.alone,)

    def rank(self, slot: int) -> tuple[str, ...]:
        """The slot's holders, then all other nodes of the layout in the order in which they stand in for those."""
        return self.newest.rank(slot) if self.newest else (self.alone,)

    def serving(self, slot: int) -> tuple[str, ...]:
        """Who may have a slot's chunks: its holders, then those of the layouts that are not left yet."""
        if not self.before:
            return self.holders(slot)
        found = dict.fromkeys(self.holders(slot))
        for table in self.before:
            found.update(dict.fromkeys(table.holders(slot)))
        return tuple(found)


def placement_of(layouts: Sequence[LayoutRow], alone: str) -> Placement:
    """The placement that folded layouts (by version) give."""
    tables = [SlotTable.of(row) for row in reversed(layouts)]
    return Placement(alone, tables[0], tuple(tables[1:])) if tables else Placement(alone)
