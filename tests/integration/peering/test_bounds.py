"""What one sender may take: of the strangers' places, and of the memory."""

import asyncio
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.errors import Cluster
from govault.limits import MIB, PEER_STRANGERS_MAX
from govault.peering import server as server_module
from govault.peering.frames import Kind, encode
from govault.ports import SealedChunk
from schemas.ids import ChunkId
from tests.integration.peering.ends import End, ends

CHUNK = SealedChunk(ChunkId(b"c" * 32), 8_000_000, bytes(8_000_000))


async def as_member(of: End, to: End) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", to.port, ssl=of.contexts.client)


def announced_store() -> bytes:
    """A head and header that promise 8 MB, and nothing of them."""
    return encode(Kind.REQUEST, {"method": "store", "epoch": 1}, [CHUNK.sealed])[0]


async def test_a_flood_from_one_address_drives_out_its_own_only() -> None:
    async with ends(1) as (one,):
        waiting = await asyncio.open_connection("127.0.0.1", one.port, local_addr=("127.0.0.2", 0))
        flood = [
            await asyncio.open_connection("127.0.0.1", one.port, local_addr=("127.0.0.3", 0))
            for _ in range(PEER_STRANGERS_MAX + 40)
        ]
        async with asyncio.timeout(10):
            for reader, _ in flood[:40]:
                try:
                    assert await reader.read() == b""
                except ConnectionError:
                    pass
        assert not waiting[0].at_eof()
        for _, writer in (*flood, waiting):
            writer.transport.abort()


async def test_a_member_that_promises_and_does_not_bring_takes_its_own_share_of_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "PEER_BODIES_IN_WORK_BYTES_MAX", 40 * MIB)
    monkeypatch.setattr(server_module, "PEER_BODIES_EACH_BYTES_MAX", 20 * MIB)
    async with ends(3) as (one, two, three):
        held = [await as_member(one, two) for _ in range(12)]
        for _, writer in held:
            writer.write(announced_store())
            await writer.drain()
        for _ in range(3):
            await three.client.store(two.node_id, [CHUNK], 1)
            assert await three.client.fetch(two.node_id, [CHUNK.chunk_id]) == [CHUNK]
        for _, writer in held:
            writer.transport.abort()


async def test_who_waits_for_memory_is_let_go_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PEER_CALL_S_MAX", 0.3)
    monkeypatch.setattr(server_module, "PEER_BODIES_EACH_BYTES_MAX", 9 * MIB)
    async with ends(2) as (one, two):
        held = [await as_member(one, two) for _ in range(3)]
        for _, writer in held:
            writer.write(announced_store())
        async with asyncio.timeout(10):
            for reader, _ in held:
                try:
                    assert await reader.read() == b""
                except (ConnectionError, ssl.SSLError):
                    pass
        for _, writer in held:
            writer.transport.abort()
        await one.client.store(two.node_id, [CHUNK], 1)


async def test_who_has_brought_all_it_promised_does_not_wait_for_who_waits_for_its_memory() -> None:
    async with ends(2) as (one, two):
        async with asyncio.timeout(10):
            await asyncio.gather(*(one.client.store(two.node_id, [CHUNK], 1) for _ in range(10)))
        assert {said for _, said in one.links.said} == {"answered"}


async def test_a_probe_does_not_wait_for_memory() -> None:
    async with ends(2) as (one, two):
        held = [await as_member(one, two) for _ in range(6)]
        for _, writer in held:
            writer.write(announced_store())
            await writer.drain()
        for _ in range(20):
            assert await one.client.ping(two.node_id, b"abc", 2.0) == b"cba"
        for _, writer in held:
            writer.transport.abort()


async def test_a_removed_node_is_not_told_anything_over_a_connection_from_before() -> None:
    async with ends(2) as (one, two):
        assert await one.client.missing(two.node_id, []) == []
        one.places.pop(two.node_id)
        with pytest.raises(Cluster) as failed:
            await one.client.confirm(two.node_id, [CHUNK.chunk_id], 1)
        assert failed.value.specific_code == "cluster.unreachable"
        assert two.shelf.callers == []


async def test_no_session_is_taken_up_again() -> None:
    async with ends(2) as (one, two):
        _, writer = await as_member(one, two)
        tls = writer.get_extra_info("ssl_object")
        assert tls.version() == "TLSv1.3"
        writer.write(b"".join(encode(Kind.REQUEST, {"method": "missing"})))
        await writer.drain()
        assert tls.session is None or not tls.session.has_ticket
        writer.transport.abort()


async def test_batches_of_every_size_come_through_whole() -> None:
    async with ends(2) as (one, two):
        sizes = (0, 1, 17, 65_535, 65_536, 65_537, 262_144, 262_145, 3_000_000)
        chunks = [
            SealedChunk(ChunkId(bytes([at]) * 32), size, Ed25519PrivateKey.generate().sign(b"")[:1] * size)
            for at, size in enumerate(sizes)
        ]
        await one.client.store(two.node_id, chunks, 1)
        assert await one.client.fetch(two.node_id, [chunk.chunk_id for chunk in chunks]) == chunks
        for chunk in chunks:
            await one.client.store(two.node_id, [chunk], 1)
            assert await one.client.fetch(two.node_id, [chunk.chunk_id]) == [chunk]
