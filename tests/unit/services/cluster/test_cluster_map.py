"""The map of the cluster: what the log says, and whom this node does not reach."""

from collections.abc import Callable

from govault.domain.layout import encode_table
from govault.domain.memory_state import MemoryPeers
from govault.limits import SLOTS, SUSPICION_WINDOW_MS
from govault.services.cluster.cluster_map import FoldedClusterMap
from schemas.events import EventData
from schemas.events.peers import LayoutChanged, LayoutReached, NodeRemoved
from tests.unit.domain.test_failures import T, suspected
from tests.unit.domain.test_members import id_of, vault_of, write


class FoldedPeers:
    """The part of ``Views`` and ``ViewsMaintenance`` that the map asks."""

    def __init__(self, peers: MemoryPeers) -> None:
        self.folded = peers
        self.told: list[Callable[[], None]] = []

    def peers(self) -> MemoryPeers:
        return self.folded

    def on_peers(self, callback: Callable[[], None]) -> None:
        self.told.append(callback)

    def write(self, data: EventData) -> None:
        assert write(self.folded, data).reason == ""
        self.tell()

    def tell(self) -> None:
        for callback in self.told:
            callback()


def layout(base: int, *numbers: int) -> LayoutChanged:
    table = encode_table([range(len(numbers))] * SLOTS)
    ids = tuple(id_of(number) for number in numbers)
    return LayoutChanged(base_version=base, replicas=len(ids), write_quorum=1, node_ids=ids, table=table)


def map_of(nodes: int) -> tuple[FoldedClusterMap, FoldedPeers]:
    views = FoldedPeers(vault_of(nodes))
    return FoldedClusterMap(views, views, id_of(0)), views  # type: ignore[arg-type]


def test_without_a_layout_this_node_holds_everything() -> None:
    cluster, _ = map_of(1)
    assert cluster.placement.holders(7) == (id_of(0),)
    assert [row.node_id for row in cluster.members()] == [id_of(0)]
    assert not cluster.fenced


def test_a_layout_counts_from_the_moment_that_it_is_folded_and_the_one_before_serves_until_it_is_left() -> None:
    cluster, views = map_of(3)
    views.write(layout(0, 0, 1))
    first = cluster.placement.newest
    views.write(layout(1, 1, 2))
    assert cluster.placement.holders(0) == (id_of(1), id_of(2))
    assert cluster.placement.serving(0) == (id_of(1), id_of(2), id_of(0))
    assert cluster.placement.before == (first,)
    assert cluster.placement.before[0] is first, "a table is unpacked once"
    for number in (1, 2):
        views.write(LayoutReached(node_id=id_of(number), version=2))
    assert cluster.placement.serving(0) == (id_of(1), id_of(2))


def test_a_node_is_up_where_the_log_says_so_and_this_node_reaches_it() -> None:
    cluster, views = map_of(3)
    assert cluster.is_up(id_of(1))
    cluster.doubt(frozenset({id_of(0), id_of(1)}))
    assert not cluster.is_up(id_of(1))
    assert cluster.is_up(id_of(0)), "this node is always up"
    cluster.doubt(frozenset())
    assert cluster.is_up(id_of(1))
    assert not cluster.is_up("stranger")
    for witness in (1, 0):
        suspected(views.folded, 2, witness, T + SUSPICION_WINDOW_MS)
    views.tell()
    assert not cluster.is_up(id_of(2))
    assert len(cluster.members()) == 3, "the dead still belong to the vault"


def test_a_removed_node_is_no_member_and_whoever_asked_is_told() -> None:
    cluster, views = map_of(2)
    told: list[int] = []
    cluster.on_change(lambda: told.append(len(cluster.members())))
    views.write(NodeRemoved(node_id=id_of(1)))
    assert told == [1]
    assert not cluster.is_up(id_of(1))
    assert cluster.incarnation == 1
