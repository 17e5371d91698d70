"""What must hold in a simulated cluster, by name. Each looks at the log's truth and at the disks, never at services."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from govault.domain.layout import Placement, SlotTable, slot_of
from govault.domain.position import Position
from govault.domain.rows import NodeState
from schemas.envelope import Event
from schemas.events.files import ManifestPartsAdded, VersionCommitted
from schemas.ids import ChunkId

if TYPE_CHECKING:
    from tests.simulation.cluster.vault import SimVault


class Broken(AssertionError):
    """An invariant does not hold."""


class Checkers:
    """Told of every append and every removal; asked for the rest at the end."""

    def __init__(self, vault: "SimVault") -> None:
        self._vault = vault
        self._known: set[bytes] = set()
        self._tables: dict[int, SlotTable] = {}
        self._struck: set[bytes] = set()
        self.broken: Broken | None = None
        """The first that was found while it ran: a worker's loop would take it for one of its own failures."""
        self.deaths: list[str] = []
        self.crashed: set[str] = set()
        """Nodes that were ever crashed, frozen or cut off: their deaths are no mistakes."""

    def struck(self, chunks: Iterable[bytes]) -> None:
        """A disk with these chunks is about to be damaged. Those on their way to a commit may count with it."""
        self._struck = set(chunks) - self._referenced()

    def _found(self, what: str) -> Broken:
        found = Broken(what)
        self.broken = self.broken or found
        return found

    # --- while it runs ---------------------------------------------------------------------------------------

    def appended(self, event: Event, at: Position) -> None:
        """``durable_before_referenced``: what a commit references is on W disks."""
        data = event.data
        if isinstance(data, VersionCommitted | ManifestPartsAdded):
            for chunk_id in self._referenced() - self._known:
                self._known.add(chunk_id)
                copies = self._copies(chunk_id)
                wanted = self._placement().write_quorum - (chunk_id in self._struck)
                if len(copies) < wanted:
                    raise self._found(
                        f"durable_before_referenced: {chunk_id.hex()[:12]} is on {len(copies)} of {wanted}"
                    )
        self._check_deaths()

    def removed(self, node_id: str, chunks: Sequence[bytes]) -> None:
        """``nothing_referenced_removed``: whoever drops a chunk that is referenced leaves R replicas elsewhere.

        Holders confirm what their index has, without reading it: of R that are there, the one disk that may have rotted
        in a life may spoil one, and nobody knows yet. So R must be there, and R - 1 of them sound.
        """
        replicas = self._placement().replicas
        for chunk_id in chunks:
            if self._vault.truth.chunk_referenced(ChunkId(chunk_id)):
                sound = sum(one != node_id for one in self._copies(chunk_id))
                there = sum(chunk_id in node.disk.chunks for node in self._vault.nodes if node.node_id != node_id)
                living = sum(row.state != NodeState.REMOVED for row in self._vault.truth.nodes())
                wanted = min(replicas, living)
                if there < wanted or sound < wanted - 1:
                    left = f"{there} copies left, {sound} sound"
                    raise self._found(f"nothing_referenced_removed: {chunk_id.hex()[:12]} has {left}")

    def _check_deaths(self) -> None:
        """``no_false_death``: only nodes that were crashed, frozen or cut off are found dead."""
        for row in self._vault.truth.nodes():
            if row.state == NodeState.DEAD and row.node_id not in self.crashed:
                raise self._found(f"no_false_death: {row.name} was found dead")

    # --- at the end ------------------------------------------------------------------------------------------

    def replicas_complete(self) -> bool:
        """``replicas_return_to_r``: every referenced chunk is sound on every holder, and beyond where spaces ask."""
        return not self.incomplete()

    def incomplete(self) -> list[str]:
        """What is not where it should be."""
        placement = self._placement()
        found = []
        for chunk_id in self._referenced():
            asked = self._vault.truth.replicas_of(ChunkId(chunk_id), placement.replicas)
            keepers = placement.rank(slot_of(chunk_id))[: max(asked, placement.replicas)]
            missing = set(keepers) - set(self._copies(chunk_id))
            if missing:
                found.append(f"{chunk_id.hex()[:12]} lacks {len(missing)}")
        return found

    def all_within(self, nodes: set[str]) -> bool:
        """Whether these nodes have a sound copy of everything that is referenced."""
        return all(not nodes.isdisjoint(self._copies(chunk_id)) for chunk_id in self._referenced())

    def referenced_count(self) -> int:
        """How many chunks are referenced."""
        return len(self._referenced())

    def views_equal(self) -> bool:
        """``views_converge``: every node has the truth's digests."""
        return not self.unequal()

    def unequal(self) -> list[str]:
        """Whose views differ from the truth, and where."""
        wanted = {
            (row.topic, row.partition): (row.applied, row.view, row.history) for row in self._vault.truth.status()
        }
        return [
            f"node{node.number} {row.topic.value}/{row.partition}"
            for node in self._vault.up()
            if node.running is not None
            for row in node.running.views.status()
            if wanted[row.topic, row.partition] != (row.applied, row.view, row.history)
        ]

    def queues_empty(self) -> bool:
        """``no_queue_grows``: nothing waits for repair in a cluster that is whole."""
        return all(not node.running.healing.backlog() for node in self._vault.up() if node.running is not None)

    # --- facts -----------------------------------------------------------------------------------------------

    def _placement(self) -> Placement:
        """The truth's; a version never changes its table, so each is unpacked once."""
        rows = self._vault.truth.peers().layouts()
        self._tables = {row.version: self._tables.get(row.version) or SlotTable.of(row) for row in rows}
        newest_first = tuple(reversed(self._tables.values()))
        return Placement("", newest_first[0], newest_first[1:]) if newest_first else Placement("")

    def _referenced(self) -> set[bytes]:
        return set(self._vault.truth.referenced_chunks(b"", 1_000_000))

    def _copies(self, chunk_id: bytes) -> list[str]:
        """Nodes, running or not, whose disk has the chunk sound."""
        return [
            node.node_id
            for node in self._vault.nodes
            if chunk_id in node.disk.chunks and chunk_id not in node.disk.rotten
        ]
