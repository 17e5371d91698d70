"""People who mean harm at the peers' port: nobody is kept out, nothing is kept busy, nothing falls over."""

import asyncio
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from govault.errors import Cluster
from govault.limits import PEER_STRANGERS_MAX
from govault.peering import server as server_module
from govault.peering.frames import BODY_BYTES_MAX, HEAD_BYTES, Kind, encode
from tests.integration.peering.ends import Answering, End, ends


@asynccontextmanager
async def impostor(end: End, answer: Answering) -> AsyncIterator[str]:
    """A member that answers as it likes; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(HEAD_BYTES)
            await answer(reader, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    serving = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=end.contexts.server)
    try:
        yield f"127.0.0.1:{serving.sockets[0].getsockname()[1]}"
    finally:
        serving.close()


async def raw(end: End) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", end.port)


async def as_member(of: End, to: End) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", to.port, ssl=of.contexts.client)


async def gone(reader: asyncio.StreamReader) -> None:
    """Return once the other end has closed."""
    try:
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
    except (OSError, ssl.SSLError):
        pass


async def test_random_bytes_end_the_connection_that_brought_them_and_no_other() -> None:
    randomness = random.Random(4)
    async with ends(2) as (one, two):
        for _ in range(60):
            reader, writer = await raw(two)
            writer.write(randomness.randbytes(randomness.choice((1, 5, 200, 5000))))
            writer.write_eof()
            await gone(reader)
            writer.transport.abort()
        assert await one.client.ping(two.node_id, b"ab", 3.0) == b"ba"


@pytest.mark.parametrize(
    "sent",
    [
        os.urandom(HEAD_BYTES),
        b"GV" + bytes([9, 1]) + bytes(8),
        b"GV" + bytes([1, 77]) + bytes(8),
        b"GV" + bytes([1, 1]) + (2**32 - 1).to_bytes(4, "big") + bytes(4),
        b"GV" + bytes([1, 1]) + bytes(4) + (BODY_BYTES_MAX + 1).to_bytes(4, "big"),
        b"GV" + bytes([1, 1]) + (3).to_bytes(4, "big") + bytes(4) + b"{{{",
        b"GV" + bytes([1, 1]) + (2).to_bytes(4, "big") + bytes(4) + b"[]",
    ],
)
async def test_a_member_that_sends_what_is_no_frame_is_let_go(sent: bytes) -> None:
    async with ends(2) as (one, two):
        reader, writer = await as_member(one, two)
        writer.write(sent)
        await gone(reader)
        writer.transport.abort()
        assert await one.client.ping(two.node_id, b"ab", 3.0) == b"ba"


async def test_requests_that_make_no_sense_are_refused_one_by_one() -> None:
    async with ends(2) as (one, two):
        reader, writer = await as_member(one, two)
        nonsense = [
            ({"method": "sudo"}, b""),
            ({}, b""),
            ({"method": "confirm"}, b""),
            ({"method": "confirm", "epoch": -1}, b""),
            ({"method": "confirm", "epoch": 1}, b"odd"),
            ({"method": "store", "epoch": 1}, b"\xff\xff\xff\xff"),
            ({"method": "store", "epoch": 1}, (1).to_bytes(4, "big") + bytes(36) + (99).to_bytes(4, "big")),
            ({"method": "slot_digests", "slots": [16384]}, b""),
            ({"method": "slot_digests", "slots": "all"}, b""),
            ({"method": "slot_chunks", "slot": 1, "limit": 10**9}, b""),
            ({"method": "ping"}, bytes(100_000)),
            ({"method": "ping_for", "peer": 3, "timeout_s": 1}, b""),
            ({"method": "ping_for", "peer": "x", "timeout_s": 1e9}, b""),
        ]
        for header, body in nonsense:
            writer.writelines(encode(Kind.REQUEST, header, [body]))
            head = await reader.readexactly(HEAD_BYTES)
            assert head[3] == Kind.REFUSAL, header
            await reader.readexactly(int.from_bytes(head[4:8], "big"))
        writer.transport.abort()
        assert two.shelf.callers == []


async def test_strangers_that_dawdle_give_way_and_members_are_served_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_S_MAX", 1.0)
    async with ends(2) as (one, two):
        dawdlers = [await raw(two) for _ in range(PEER_STRANGERS_MAX + 60)]
        for _, writer in dawdlers:
            writer.write(b"\x16\x03")
        assert await one.client.ping(two.node_id, b"ab", 5.0) == b"ba"
        await asyncio.gather(*(gone(reader) for reader, _ in dawdlers))
        for _, writer in dawdlers:
            writer.transport.abort()
        assert await one.client.ping(two.node_id, b"ab", 5.0) == b"ba"


async def test_a_member_that_drips_a_request_is_let_go_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PEER_CALL_S_MAX", 0.5)
    async with ends(3) as (one, two, three):
        slow = [await as_member(one, two) for _ in range(5)]
        for _, writer in slow:
            writer.write(encode(Kind.REQUEST, {"method": "store", "epoch": 1}, [bytes(8 << 20)])[0])
        assert await three.client.missing(two.node_id, []) == []
        await asyncio.gather(*(gone(reader) for reader, _ in slow))
        for _, writer in slow:
            writer.transport.abort()


async def waiting(one: End, two: End) -> None:
    await one.client.ping(two.node_id, b"", 0.3)


async def test_nonsense_silence_and_half_answers_of_a_member_are_an_unreachable_node() -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(os.urandom(500))

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(Kind.ANSWER, {}, [bytes(100_000)])[0] + bytes(5))

    async def request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(encode(Kind.REQUEST, {}))

    async def odd_ids(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(encode(Kind.ANSWER, {}, [b"odd"]))

    async with ends(2) as (one, two):
        for answer in (nothing, garbage, half, request, odd_ids):
            async with impostor(two, answer) as address:
                one.places[two.node_id] = [address]
                calling = waiting(one, two) if answer is nothing else one.client.missing(two.node_id, [])
                with pytest.raises(Cluster) as failed:
                    await calling
                assert failed.value.specific_code == "cluster.unreachable"
                assert one.links.said[-1] == (two.node_id, "failed")


async def test_a_port_where_nobody_listens_or_nobody_speaks_tls_is_an_unreachable_node() -> None:
    async with ends(2) as (one, two):
        deaf = socket.create_server(("127.0.0.1", 0))
        for address in ("127.0.0.1:1", f"127.0.0.1:{deaf.getsockname()[1]}"):
            one.places[two.node_id] = [address]
            with pytest.raises(Cluster, match="cannot be reached"):
                await one.client.ping(two.node_id, b"", 0.5)
        one.places[two.node_id] = []
        with pytest.raises(Cluster, match="nobody knows its address"):
            await one.client.ping(two.node_id, b"", 0.5)
        deaf.close()
