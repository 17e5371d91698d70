"""Layouts: tables as they are logged, lookups, and the change from one to the next."""

import base64
import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govault.domain.layout import BadLayout, decode_table, encode_table, placement_of, slot_of, slot_range
from govault.domain.memory_state import MemoryPeers
from govault.domain.position import Outcome
from govault.limits import SLOTS
from schemas.events.peers import LayoutChanged, LayoutReached, NodeRemoved, SealingRootOpened
from tests.unit.domain.test_members import id_of, vault_of, write


def table_of(nodes: int, width: int, shift: int = 0) -> str:
    return encode_table([[(slot + rank + shift) % nodes for rank in range(width)] for slot in range(SLOTS)])


def changed(peers: MemoryPeers, base: int, numbers: tuple[int, ...], shift: int = 0) -> Outcome:
    ids = tuple(id_of(number) for number in numbers)
    table = table_of(len(ids), min(3, len(ids)), shift)
    return write(peers, LayoutChanged(base_version=base, replicas=3, write_quorum=2, node_ids=ids, table=table))


@given(st.binary(min_size=32, max_size=32))
def test_a_chunk_lies_in_the_range_of_its_slot(chunk_id: bytes) -> None:
    first, behind = slot_range(slot_of(chunk_id))
    assert first <= chunk_id
    assert behind is None or chunk_id < behind


def test_the_ranges_of_all_slots_cover_everything_once() -> None:
    ranges = [slot_range(slot) for slot in range(SLOTS)]
    assert ranges[0][0] == bytes(32)
    assert ranges[-1][1] is None
    assert all(behind == following[0] for (_, behind), following in itertools.pairwise(ranges))


def test_a_layout_is_looked_up_as_it_was_made() -> None:
    peers = vault_of(4)
    assert changed(peers, 0, (0, 1, 2, 3)).fact("version") == 1
    placement = placement_of(peers.layouts(), "me")
    assert placement.holders(5) == (id_of(1), id_of(2), id_of(3))
    assert (placement.replicas, placement.write_quorum) == (3, 2)
    alone = placement_of([], "me")
    assert (alone.holders(7), alone.serving(7), alone.write_quorum) == (("me",), ("me",), 1)


def test_old_holders_serve_until_all_new_ones_that_live_have_everything() -> None:
    peers = vault_of(4)
    changed(peers, 0, (0, 1, 2))
    assert changed(peers, 0, (0, 1, 2)).reason == "layout-moved-on"
    changed(peers, 1, (1, 2, 3))
    placement = placement_of(peers.layouts(), "me")
    assert placement.holders(0) == (id_of(1), id_of(2), id_of(3))
    assert placement.serving(0) == (id_of(1), id_of(2), id_of(3), id_of(0))
    for number in (1, 2):
        assert write(peers, LayoutReached(node_id=id_of(number), version=2)).fact("left") is False
    assert write(peers, LayoutReached(node_id=id_of(0), version=2)).reason == "event-invalid"
    assert write(peers, LayoutReached(node_id=id_of(3), version=2)).fact("left") is True
    assert [row.version for row in peers.layouts()] == [2]
    assert write(peers, LayoutReached(node_id=id_of(3), version=1)).verdict.value == "unchanged"


def test_a_layout_says_by_which_weights_it_ranks() -> None:
    peers = vault_of(3)
    ids = tuple(id_of(number) for number in range(3))
    event = LayoutChanged(base_version=0, replicas=1, write_quorum=1, node_ids=ids, table=table_of(3, 1))
    assert write(peers, event.model_copy(update={"weights": (1, 2)})).reason == "event-invalid"
    assert write(peers, event.model_copy(update={"zones": ("a", "b")})).reason == "event-invalid"
    assert write(peers, event.model_copy(update={"weights": (1, 0, 1)})).reason == "event-invalid"
    weighted = event.model_copy(update={"weights": (1, 1, 1000), "zones": ("a", "", "b")})
    assert write(peers, weighted).reason == ""
    placement = placement_of(peers.layouts(), "me")
    assert peers.layouts()[0].zones == ("a", "", "b")
    second = [placement.rank(slot)[1] for slot in range(0, SLOTS, 3)]
    assert second.count(ids[2]) > 0.99 * len(second)


def test_a_slot_ranks_its_holders_first_and_then_everybody_else() -> None:
    peers = vault_of(5)
    changed(peers, 0, (0, 1, 2, 3, 4))
    placement = placement_of(peers.layouts(), "me")
    stand_ins = set()
    for slot in range(200):
        rank = placement.rank(slot)
        assert rank[:3] == placement.holders(slot)
        assert sorted(rank) == sorted(id_of(number) for number in range(5))
        stand_ins.add(rank[3])
    assert len(stand_ins) == 5, "whoever is down, its slots spread over all others"
    assert placement_of([], "me").rank(3) == ("me",)


def test_a_layout_names_members_only() -> None:
    peers = vault_of(3)
    write(peers, NodeRemoved(node_id=id_of(2)))
    assert changed(peers, 0, (0, 1, 2)).reason == "node-removed"
    assert changed(peers, 0, (0, 1, 8)).reason == "entity-unknown"
    assert changed(peers, 0, (0, 0, 1)).reason == "event-invalid"


@pytest.mark.parametrize(
    "table",
    [
        "",
        "####",
        base64.b64encode(b"nothing").decode(),
        base64.b64encode(zlib.compress(bytes(7))).decode(),
        base64.b64encode(zlib.compress(bytes(SLOTS * 4))).decode(),
        base64.b64encode(zlib.compress(b"\x00\x00\x00\x09" * SLOTS)).decode(),
        base64.b64encode(zlib.compress(bytes(10**8))).decode(),
    ],
)
def test_a_broken_table_is_refused(table: str) -> None:
    with pytest.raises(BadLayout):
        decode_table(table, 2, 3)


def test_sealing_roots_open_one_after_the_other() -> None:
    peers = vault_of(1)
    assert write(peers, SealingRootOpened(epoch=3, wrapped="d3JhcHBlZA==")).reason == "epoch-not-next"
    assert write(peers, SealingRootOpened(epoch=2, wrapped="d3JhcHBlZA==")).reason == ""
    assert write(peers, SealingRootOpened(epoch=2, wrapped="d3JhcHBlZA==")).reason == "epoch-not-next"
    assert write(peers, SealingRootOpened(epoch=3, wrapped="#")).reason == "event-invalid"
    assert [row.epoch for row in peers.sealing_roots()] == [2]
