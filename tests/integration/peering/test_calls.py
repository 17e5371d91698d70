"""Members of a vault call each other over TLS."""

import asyncio

import pytest

from govault.errors import Cluster
from govault.limits import CHUNK_BYTES_MAX, PEER_LANE_CONNECTIONS_MAX
from schemas.ids import ChunkId
from tests.fakes.peers import Ring, sealed, stranger_id


async def test_chunks_go_to_a_peer_and_come_back_the_same(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    chunks = [sealed(1), sealed(2, 300_000), sealed(3, 0), sealed(4, 1_000_000)]
    await one.client.store(two.node_id, chunks, epoch=7)
    assert two.replicas.epochs == [7]
    assert await one.client.fetch(two.node_id, [chunk.chunk_id for chunk in chunks]) == chunks


async def test_the_largest_chunk_fits_into_one_call(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    chunk = sealed(1, CHUNK_BYTES_MAX + 4096)
    await one.client.store(two.node_id, [chunk], epoch=1)
    assert await one.client.fetch(two.node_id, [chunk.chunk_id]) == [chunk]


async def test_a_peer_says_what_it_lacks(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    here, gone = sealed(1), sealed(2)
    two.replicas.chunks[here.chunk_id] = here
    assert await one.client.missing(two.node_id, [here.chunk_id, gone.chunk_id]) == [gone.chunk_id]
    assert await one.client.confirm(two.node_id, [gone.chunk_id, here.chunk_id], 3) == [gone.chunk_id]
    assert two.replicas.epochs == [3]
    assert two.replicas.callers == [one.node_id, one.node_id]


async def test_more_ids_than_one_call_takes_are_asked_in_several(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    ids = [sealed(number).chunk_id for number in range(4500)]
    assert await one.client.missing(two.node_id, ids) == ids
    assert len(two.replicas.callers) == 3


async def test_slots_are_compared_and_listed(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    assert await one.client.slot_digests(two.node_id, [5, 16_383]) == [bytes(15) + b"\5", bytes(14) + b"\x3f\xff"]
    for number in range(5):
        await one.client.store(two.node_id, [sealed(number)], 1)
    found = await one.client.slot_chunks(two.node_id, 0, sealed(1).chunk_id, 2)
    assert found == [sealed(2).chunk_id, sealed(3).chunk_id]


async def test_pings_carry_gossip_directly_and_through_others(ring: Ring) -> None:
    one, two, three = ring.add(), ring.add(), ring.add()
    assert await one.client.ping(two.node_id, b"news", 2.0) == one.node_id.encode() + b" said news"
    through = await one.client.ping_through(two.node_id, three.node_id, b"news", 2.0)
    assert through == two.node_id.encode() + b" said news"


async def test_a_refusal_carries_code_and_words_of_the_peer(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    two.replicas.full = True
    with pytest.raises(Cluster, match="no room here") as caught:
        await one.client.store(two.node_id, [sealed(1)], 1)
    assert caught.value.specific_code == "cluster.refused"
    assert caught.value.details["peer_code"] == "storage-full"
    assert one.links.bad == [two.node_id]


async def test_links_are_told_seconds_and_the_bytes_of_chunks(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    await one.client.missing(two.node_id, [sealed(1).chunk_id])
    await one.client.store(two.node_id, [sealed(1, 5000)], 1)
    await one.client.fetch(two.node_id, [sealed(1).chunk_id])
    (peer, took_s, nothing), (_, _, stored), (_, _, fetched) = one.links.good
    assert peer == two.node_id
    assert took_s > 0
    assert nothing == 0
    assert 5000 < stored < 5100
    assert 5000 < fetched < 5100


async def test_a_connection_is_kept_for_later_calls(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    for _ in range(5):
        await one.client.missing(two.node_id, [sealed(1).chunk_id])
    assert one.client.connections_kept == 1
    await asyncio.gather(*(one.client.missing(two.node_id, [sealed(1).chunk_id]) for _ in range(20)))
    assert one.client.connections_kept <= PEER_LANE_CONNECTIONS_MAX


async def test_an_idle_connection_closes(ring: Ring) -> None:
    one, two = ring.add(idle_s=0.0), ring.add()
    await one.client.missing(two.node_id, [sealed(1).chunk_id])
    async with asyncio.timeout(5):
        while one.client.connections_kept:  # noqa: ASYNC110 — nothing tells when a timer has run
            await asyncio.sleep(0)


async def test_connections_are_kept_to_so_many_peers_only(ring: Ring) -> None:
    one = ring.add(peers_max=2)
    others = [ring.add() for _ in range(4)]
    for other in others:
        await one.client.missing(other.node_id, [sealed(1).chunk_id])
    assert one.client.connections_kept == 2


async def test_a_peer_that_came_back_elsewhere_is_found_by_its_new_address(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    await one.client.missing(two.node_id, [sealed(1).chunk_id])
    await two.server.stop()
    two.server._tasks.clear()
    two.server.start("127.0.0.1", 0)
    ring.addresses[two.node_id] = ["127.0.0.1:1", f"127.0.0.1:{two.port}"]
    assert await one.client.missing(two.node_id, [sealed(1).chunk_id]) == [sealed(1).chunk_id]


async def test_a_node_that_is_down_or_unknown_is_unreachable(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    await two.server.stop()
    for peer in (two.node_id, stranger_id()):
        with pytest.raises(Cluster) as caught:
            await one.client.missing(peer, [sealed(1).chunk_id])
        assert caught.value.specific_code == "cluster.unreachable"
    assert one.links.bad == [two.node_id]


async def test_a_peer_that_does_not_answer_in_time_is_unreachable_and_others_are_served(ring: Ring) -> None:
    one, two, three = ring.add(call_s=0.2), ring.add(), ring.add()
    two.replicas.hold = asyncio.Event()
    with pytest.raises(Cluster) as caught:
        await one.client.missing(two.node_id, [sealed(1).chunk_id])
    assert caught.value.specific_code == "cluster.unreachable"
    assert await three.client.ping(two.node_id, b"", 2.0) == three.node_id.encode() + b" said "


async def test_no_bulk_call_delays_a_sign_of_life(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    two.replicas.hold = asyncio.Event()
    waiting = [asyncio.create_task(one.client.missing(two.node_id, [sealed(1).chunk_id])) for _ in range(40)]
    await asyncio.sleep(0)
    assert await one.client.ping(two.node_id, b"x", 2.0)
    two.replicas.hold.set()
    await asyncio.gather(*waiting)


async def test_a_closed_client_calls_nobody(ring: Ring) -> None:
    one, two = ring.add(), ring.add()
    await one.client.missing(two.node_id, [sealed(1).chunk_id])
    one.client.close()
    assert one.client.connections_kept == 0
    with pytest.raises(Cluster):
        await one.client.missing(two.node_id, [ChunkId(bytes(32))])
