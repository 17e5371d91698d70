"""Whoever speaks to the peers' port without right, or wrongly, gets nothing and harms nobody."""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.errors import Cluster
from govault.limits import PEER_CONNECTIONS_PER_PEER_MAX, PEER_HALF_OPEN_PER_ADDRESS_MAX
from govault.peering.certificates import PeerTls, joining_context, load_identity, node_certificate
from govault.peering.frames import HEAD, VERSION, Kind, encode_head
from govault.peering.server import ServerBounds
from tests.fakes.peers import CA_KEY, PeerNode, RealClock, Ring, sealed

QUICK = ServerBounds(handshake_s=0.3, join_s=0.3, idle_s=0.5, call_s=0.3)


async def connect(
    node: PeerNode, context: ssl.SSLContext | None, *, source: str = "127.0.0.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        "127.0.0.1", node.port, ssl=context, server_hostname="" if context else None, local_addr=(source, 0)
    )


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What a server says until it ends the connection, in bounded time."""
    async with asyncio.timeout(5):
        try:
            return await reader.read(-1)
        except (ConnectionError, ssl.SSLError):
            return b""


async def assert_serves(ring: Ring, node: PeerNode) -> None:
    """An honest member is served, by a new connection too."""
    honest = ring.add()
    assert await honest.client.missing(node.node_id, [sealed(9).chunk_id]) == [sealed(9).chunk_id]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 — the server tells nobody when it drops somebody
            await asyncio.sleep(0.01)


def member_context(ring: Ring) -> ssl.SSLContext:
    """What an admitted node that means harm connects with."""
    tls = PeerTls(Ed25519PrivateKey.generate(), CA_KEY, RealClock())
    ring.members.add(tls.node_id)
    return tls.client_context()


async def test_random_bytes_are_dropped(ring: Ring) -> None:
    node = ring.add(bounds=QUICK)
    for size_bytes in (1, 5, 100, 100_000):
        reader, writer = await connect(node, None)
        writer.write(os.urandom(size_bytes))
        await ends(reader)
        writer.close()
    await assert_serves(ring, node)
    await until(lambda: node.server.doorkeeper.half_open == 0)


async def test_a_handshake_that_drips_ends_in_bounded_time(ring: Ring) -> None:
    node = ring.add(bounds=QUICK)
    reader, writer = await connect(node, None)
    writer.write(b"\x16\x03\x01\x02\x00\x01")
    assert await ends(reader) == b""
    writer.close()
    await until(lambda: node.server.doorkeeper.half_open == 0)


async def test_half_open_connections_are_bounded_per_address_and_others_get_in(ring: Ring) -> None:
    node = ring.add()
    held = [await connect(node, None, source="127.0.0.2") for _ in range(PEER_HALF_OPEN_PER_ADDRESS_MAX + 20)]
    await until(lambda: node.server.doorkeeper.turned_away == 20)
    assert node.server.doorkeeper.half_open <= PEER_HALF_OPEN_PER_ADDRESS_MAX
    await assert_serves(ring, node)
    for _, writer in held:
        writer.transport.abort()


async def test_thousands_of_connections_harm_nobody(ring: Ring) -> None:
    node = ring.add(bounds=QUICK)

    async def knock() -> None:
        with socket.socket() as one:
            one.setblocking(False)
            one.bind(("127.0.0.3", 0))
            await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", node.port))

    for _ in range(20):
        await asyncio.gather(*(knock() for _ in range(100)))
    await assert_serves(ring, node)
    await until(lambda: node.server.doorkeeper.half_open == 0)


async def drip_head(writer: asyncio.StreamWriter) -> None:
    writer.write(bytes([VERSION]))


async def drip_body(writer: asyncio.StreamWriter) -> None:
    writer.write(encode_head(Kind.STORE, 1, 8_000_000) + b"x" * 10)


async def say_nothing(writer: asyncio.StreamWriter) -> None:
    pass


@pytest.mark.parametrize("act", [drip_head, drip_body, say_nothing])
async def test_a_member_that_drips_is_dropped_and_its_memory_is_free_again(
    ring: Ring, act: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    node = ring.add(bounds=QUICK)
    reader, writer = await connect(node, member_context(ring))
    await act(writer)
    assert await ends(reader) == b""
    writer.close()
    await until(lambda: node.server.memory_used_bytes == 0)
    await assert_serves(ring, node)


async def test_one_member_cannot_hold_the_memory_of_all(ring: Ring) -> None:
    node = ring.add(bounds=ServerBounds(memory_bytes=40_000_000, memory_per_peer_bytes=10_000_000))
    context = member_context(ring)
    held = [await connect(node, context) for _ in range(8)]
    for _, writer in held:
        writer.write(encode_head(Kind.STORE, 1, 8_000_000))
    await until(lambda: node.server.memory_used_bytes == 8_000_000)
    honest = ring.add()
    await honest.client.store(node.node_id, [sealed(number, 1_000_000) for number in range(7)], 1)
    assert node.server.memory_used_bytes == 8_000_000
    for _, writer in held:
        writer.transport.abort()
    await until(lambda: node.server.memory_used_bytes == 0)


@pytest.mark.parametrize(
    "raw",
    [
        HEAD.pack(VERSION, Kind.STORE, 0, 1, 2**31),
        HEAD.pack(VERSION, Kind.PING, 0, 1, 10_000_000),
        HEAD.pack(VERSION + 1, Kind.PING, 0, 1, 0),
        HEAD.pack(VERSION, 77, 0, 1, 0),
        HEAD.pack(VERSION, Kind.ANSWER, 0, 1, 0),
        HEAD.pack(VERSION, Kind.JOIN, 0, 1, 0),
        encode_head(Kind.STORE, 1, 20) + b"\xff" * 20,
        encode_head(Kind.FETCH, 1, 5) + b"12345",
        encode_head(Kind.PING_FOR, 1, 3) + b"123",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_member_that_talks_nonsense_is_dropped(ring: Ring, raw: bytes) -> None:
    node = ring.add(bounds=QUICK)
    reader, writer = await connect(node, member_context(ring))
    writer.write(raw)
    assert await ends(reader) == b""
    writer.close()
    assert not node.replicas.chunks
    await assert_serves(ring, node)


async def test_a_member_that_opens_many_connections_loses_its_oldest(ring: Ring) -> None:
    node = ring.add()
    context = member_context(ring)
    held = [await connect(node, context) for _ in range(PEER_CONNECTIONS_PER_PEER_MAX + 3)]
    for reader, _ in held[:3]:
        assert await ends(reader) == b""
    held[-1][1].write(encode_head(Kind.PING, 1, 0))
    assert (await held[-1][0].readexactly(HEAD.size))[1] == Kind.ANSWER
    for _, writer in held:
        writer.transport.abort()


def context_with(ca_key: bytes, age: timedelta, life: timedelta, ring: Ring) -> ssl.SSLContext:
    """A client whose key is a member's, with a certificate of another making."""
    key = Ed25519PrivateKey.generate()
    ring.members.add(PeerTls(key, CA_KEY, RealClock()).node_id)
    context = joining_context()
    now = datetime.now(UTC)
    ca = Ed25519PrivateKey.from_private_bytes(ca_key)
    load_identity(context, node_certificate(key.public_key(), ca, now - age, now - age + life), key)
    return context


@pytest.mark.parametrize(
    ("ca_key", "age", "life"),
    [
        (b"x" * 32, timedelta(days=1), timedelta(days=9)),
        (CA_KEY, timedelta(days=9), timedelta(days=8)),
        (CA_KEY, timedelta(days=-1), timedelta(days=2)),
    ],
    ids=["another vault's", "expired", "not yet valid"],
)
async def test_a_wrong_certificate_is_not_heard(ring: Ring, ca_key: bytes, age: timedelta, life: timedelta) -> None:
    node = ring.add(bounds=QUICK)
    reader, writer = await connect(node, context_with(ca_key, age, life, ring))
    writer.write(encode_head(Kind.PING, 1, 0))
    assert await ends(reader) == b""
    writer.close()
    await assert_serves(ring, node)


async def test_who_shows_no_certificate_is_not_heard(ring: Ring) -> None:
    node = ring.add(bounds=QUICK)
    reader, writer = await connect(node, joining_context())
    writer.write(encode_head(Kind.MISSING, 1, 0))
    assert await ends(reader) == b""
    writer.close()
    assert not node.replicas.callers


async def test_a_node_that_was_never_admitted_is_refused(ring: Ring) -> None:
    node, stranger = ring.add(), ring.add(member=False)
    with pytest.raises(Cluster, match="does not belong") as caught:
        await stranger_calls(ring, stranger, node)
    assert caught.value.details["peer_code"] == "not-a-member"
    assert not node.replicas.callers


async def stranger_calls(ring: Ring, stranger: PeerNode, node: PeerNode) -> None:
    """A call by a node that takes the other for a member, whatever the other thinks of it."""
    await stranger.client.missing(node.node_id, [sealed(1).chunk_id])


async def test_a_removed_node_is_refused_at_its_next_call_over_a_connection_it_has(ring: Ring) -> None:
    node, other = ring.add(), ring.add()
    await other.client.missing(node.node_id, [sealed(1).chunk_id])
    ring.members.discard(other.node_id)
    with pytest.raises(Cluster, match="does not belong"):
        await other.client.missing(node.node_id, [sealed(1).chunk_id])
    assert len(node.replicas.callers) == 1


async def test_a_removed_node_is_not_called_any_more(ring: Ring) -> None:
    node, other = ring.add(), ring.add()
    await node.client.missing(other.node_id, [sealed(1).chunk_id])
    ring.members.discard(other.node_id)
    with pytest.raises(Cluster) as caught:
        await node.client.missing(other.node_id, [sealed(1).chunk_id])
    assert caught.value.specific_code == "cluster.unreachable"
    assert node.client.connections_kept == 0


async def test_another_member_at_the_address_of_a_node_is_not_taken_for_it(ring: Ring) -> None:
    one, two, three = ring.add(), ring.add(), ring.add()
    ring.addresses[two.node_id] = ring.addresses[three.node_id]
    with pytest.raises(Cluster, match="answers node"):
        await one.client.missing(two.node_id, [sealed(1).chunk_id])
    assert not three.replicas.callers


Misdeed = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(HEAD.size + 32)
    writer.write(os.urandom(64))


async def answer_another_call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(HEAD.size + 32)
    writer.write(encode_head(Kind.ANSWER, 999, 0))


async def answer_too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(HEAD.size + 32)
    writer.write(HEAD.pack(VERSION, Kind.ANSWER, 0, 1, 2**32 - 1))


async def answer_what_nobody_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(HEAD.size + 32)
    writer.write(encode_head(Kind.ANSWER, 1, 32) + b"z" * 32)


async def close_mid_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(HEAD.size + 32)
    writer.write(encode_head(Kind.ANSWER, 1, 32) + b"z" * 7)
    await writer.drain()
    writer.transport.abort()


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


@pytest.mark.parametrize(
    "misdeed",
    [answer_garbage, answer_another_call, answer_too_much, answer_what_nobody_asked, close_mid_body, never_answer],
)
async def test_a_member_that_answers_wrongly_counts_as_unreachable(ring: Ring, misdeed: Misdeed) -> None:
    one = ring.add(call_s=0.5)
    evil = PeerTls(Ed25519PrivateKey.generate(), CA_KEY, RealClock())
    ring.members.add(evil.node_id)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await misdeed(reader, writer)
            await reader.read(-1)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=evil.server_context())
    ring.addresses[evil.node_id] = [f"127.0.0.1:{server.sockets[0].getsockname()[1]}"]
    async with server:
        with pytest.raises(Cluster) as caught:
            await one.client.missing(evil.node_id, [sealed(1).chunk_id])
    assert caught.value.specific_code == "cluster.unreachable"
    assert one.links.bad == [evil.node_id]
    assert one.client.connections_kept == 0
