"""Calls between members over real TLS: what goes in comes out, and who is not wanted is not served."""

import asyncio
import os
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.errors import Cluster, StorageFull
from govault.limits import PEER_BATCH_BYTES_MAX
from govault.ports import SealedChunk
from schemas.ids import ChunkId
from tests.integration.peering.ends import End, ends


def chunk(number: int, size: int = 100) -> SealedChunk:
    return SealedChunk(ChunkId(number.to_bytes(32, "big")), size, os.urandom(size))


async def test_every_call_arrives_as_it_was_made_and_comes_back_as_it_was_answered() -> None:
    async with ends(2) as (one, two):
        client, peer = one.client, two.node_id
        a, b = chunk(1), chunk(2, 3000)
        await client.store(peer, [a, b], 7)
        assert two.shelf.chunks == {a.chunk_id: a, b.chunk_id: b}
        unknown = ChunkId(bytes([9] * 32))
        assert await client.confirm(peer, [a.chunk_id, unknown], 8) == [unknown]
        assert await client.missing(peer, [unknown, b.chunk_id]) == [unknown]
        assert two.shelf.epochs == [7, 8]
        assert two.shelf.callers == [one.node_id]
        assert await client.fetch(peer, [b.chunk_id, unknown, a.chunk_id]) == [b, a]
        assert await client.slot_digests(peer, [3, 16_383]) == [(3).to_bytes(16, "big"), (16_383).to_bytes(16, "big")]
        assert await client.slot_chunks(peer, 5, b"", 10) == [a.chunk_id, b.chunk_id]
        assert await client.slot_chunks(peer, 5, a.chunk_id, 10) == [b.chunk_id]
        assert await client.ping(peer, b"abc", 2.0) == b"cba"
        assert await client.ping_through(peer, "other", b"x", 2.0) == b"otherx"
        assert {said for _, said in one.links.said} == {"answered"}


async def test_a_whole_batch_travels() -> None:
    async with ends(2) as (one, two):
        big = chunk(1, PEER_BATCH_BYTES_MAX)
        await one.client.store(two.node_id, [big], 1)
        assert await one.client.fetch(two.node_id, [big.chunk_id]) == [big]
        assert one.links.carried_bytes > 2 * PEER_BATCH_BYTES_MAX


async def test_many_calls_at_once_share_a_few_connections() -> None:
    async with ends(2) as (one, two):
        chunks = [chunk(number, 5000) for number in range(200)]
        await asyncio.gather(*(one.client.store(two.node_id, [each], 1) for each in chunks))
        found = await asyncio.gather(*(one.client.fetch(two.node_id, [each.chunk_id]) for each in chunks))
        assert [each for (each,) in found] == chunks


async def test_a_refusal_comes_back_as_one_and_the_connection_goes_on() -> None:
    async with ends(2) as (one, two):
        two.shelf.failure = StorageFull("the disk is full")
        with pytest.raises(Cluster, match="the disk is full") as refused:
            await one.client.confirm(two.node_id, [], 1)
        assert refused.value.specific_code == "cluster.refused"
        assert refused.value.details["reason"] == "storage-full"
        two.shelf.failure = ZeroDivisionError("a bug")
        with pytest.raises(Cluster, match="broke") as broken:
            await one.client.confirm(two.node_id, [], 1)
        assert "a bug" not in str(broken.value)
        two.shelf.failure = None
        assert await one.client.confirm(two.node_id, [], 1) == []


async def test_a_probe_does_not_wait_for_calls_under_way() -> None:
    async with ends(2) as (one, two):
        two.shelf.hold = asyncio.Event()
        busy = [asyncio.create_task(one.client.confirm(two.node_id, [], 1)) for _ in range(40)]
        try:
            assert await one.client.ping(two.node_id, b"ab", 5.0) == b"ba"
        finally:
            two.shelf.hold.set()
            await asyncio.gather(*busy)


async def test_a_call_ends_in_its_time_and_a_late_answer_is_nobody_elses() -> None:
    async with ends(2) as (one, two):
        two.shelf.hold = asyncio.Event()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await one.client.confirm(two.node_id, [ChunkId(bytes(32))], 1)
        two.shelf.hold.set()
        assert await one.client.missing(two.node_id, []) == []


async def test_a_node_that_was_removed_is_not_served_any_more_not_even_on_a_kept_connection() -> None:
    async with ends(2) as (one, two):
        await one.client.ping(two.node_id, b"", 2.0)
        await one.client.missing(two.node_id, [])
        one.members.remove(one.node_id)
        for _ in range(2):
            with pytest.raises(Cluster) as refused:
                await one.client.missing(two.node_id, [])
            assert refused.value.specific_code == "cluster.unreachable"
        assert two.shelf.callers == []


async def test_a_node_of_another_vault_reaches_nobody() -> None:
    async with ends(1) as (one,):
        stranger = End(Ed25519PrivateKey.generate(), one.members, dict(one.places), authority=b"b" * 32)
        # Even one whose id was admitted: without the root secret there is no certificate.
        one.members.add(stranger.node_id)
        with pytest.raises(Cluster):
            await stranger.client.ping(one.node_id, b"", 3.0)
        one.places[stranger.node_id] = [stranger.address]
        stranger.server.start()
        with pytest.raises(Cluster):
            await one.client.ping(stranger.node_id, b"", 3.0)
        await stranger.client.close()
        await stranger.server.stop()


async def test_a_member_at_another_members_address_is_not_taken_for_it() -> None:
    async with ends(3) as (one, two, three):
        one.places[two.node_id] = [three.address]
        with pytest.raises(Cluster, match=f"is the node {three.node_id}"):
            await one.client.ping(two.node_id, b"", 3.0)
        one.places[two.node_id] = ["127.0.0.1:1", two.address]
        assert await one.client.ping(two.node_id, b"ab", 5.0) == b"ba"


async def test_a_peer_that_restarts_on_another_port_is_found_there() -> None:
    async with ends(2) as (one, two):
        await one.client.missing(two.node_id, [])
        await two.server.stop()
        again = End(two.key, two.members, two.places)
        one.places[two.node_id] = [again.address]
        again.server.start()
        assert await one.client.missing(two.node_id, []) == []
        await again.client.close()
        await again.server.stop()


async def test_a_kept_connection_to_where_a_peer_was_before_is_not_used_any_more() -> None:
    async with ends(2) as (one, two):
        await one.client.missing(two.node_id, [])
        # The old place still answers, as a machine that hangs would still be connected.
        again = End(two.key, two.members, two.places)
        again.server.start()
        one.places[two.node_id] = [again.address]
        chunk_id = chunk(1).chunk_id
        again.shelf.chunks[chunk_id] = chunk(1)
        assert await one.client.missing(two.node_id, [chunk_id]) == []
        await again.client.close()
        await again.server.stop()


async def test_a_peer_that_is_at_none_of_its_addresses_is_found_among_the_bootstrap_nodes() -> None:
    async with ends(3) as (one, two, three):
        asking = End(one.key, one.members, one.places, elsewhere=(three.address, two.address))
        one.places[two.node_id] = ["127.0.0.1:1"]
        for _ in range(2):
            assert await asking.client.ping(two.node_id, b"ab", 5.0) == b"ba"
        # Whoever is no member is not looked for anywhere.
        one.places.pop(two.node_id)
        with pytest.raises(Cluster, match="no node of this vault"):
            await asking.client.ping(two.node_id, b"ab", 5.0)
        asking.listener.close()
        await asking.client.close()


async def test_probes_too_short_for_an_address_that_says_nothing_find_the_next_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with ends(2) as (one, two):
            one.places[two.node_id] = [f"127.0.0.1:{silent.getsockname()[1]}", two.address]
            with pytest.raises(Cluster):
                await one.client.ping(two.node_id, b"ab", 0.3)
            for _ in range(3):
                assert await one.client.ping(two.node_id, b"ab", 2.0) == b"ba"


@pytest.mark.parametrize(
    "address", ["a-host-without-a-port", "host:port", "127.0.0.1:70000", f"{'a' * 64}.test:1", ":"]
)
async def test_a_peer_that_tells_an_address_that_is_none_cannot_be_reached_and_no_more_than_that(address: str) -> None:
    async with ends(2) as (one, two):
        right = one.places[two.node_id]
        one.places[two.node_id] = [address]
        with pytest.raises(Cluster) as failed:
            await one.client.ping(two.node_id, b"abc", 2.0)
        assert failed.value.specific_code == "cluster.unreachable"
        one.places[two.node_id] = [address, *right]
        assert await one.client.ping(two.node_id, b"abc", 2.0) == b"cba"
