"""The short way into a socket, on a pair of them."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from api.middleware.edge import ClientGone
from govault.node.socket_outlet import SocketOutlet

MUCH = os.urandom(8 << 20)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def drain(theirs: socket.socket, size_bytes: int) -> bytes:
    got = bytearray()
    while len(got) < size_bytes and (data := theirs.recv(1 << 20)):
        got += data
    return bytes(got)


async def test_it_takes_what_fits_without_waiting_and_says_how_much(pair: tuple[socket.socket, socket.socket]) -> None:
    outlet = SocketOutlet(pair[0].fileno())
    assert outlet.offer([b"ab", memoryview(b"cd"), bytearray(b"e")]) == 5
    taken = outlet.offer([b"f", MUCH])
    assert 0 < taken < 1 + len(MUCH)
    assert outlet.offer([MUCH], patience_s=0.001) == 0
    assert outlet.taken_bytes == 5 + taken
    assert drain(pair[1], 5 + taken) == (b"abcdef" + MUCH)[: 5 + taken]
    outlet.close()


async def test_a_patient_offer_waits_for_a_client_that_reads_on(pair: tuple[socket.socket, socket.socket]) -> None:
    outlet = SocketOutlet(pair[0].fileno())
    reading = asyncio.create_task(asyncio.to_thread(drain, pair[1], len(MUCH)))
    assert await asyncio.to_thread(outlet.offer, [MUCH[:1000], MUCH[1000:]], 60.0) == len(MUCH)
    assert await reading == MUCH
    outlet.close()


async def test_ready_waits_until_the_client_has_read(pair: tuple[socket.socket, socket.socket]) -> None:
    outlet = SocketOutlet(pair[0].fileno())
    taken = outlet.offer([MUCH])
    waiting = asyncio.create_task(outlet.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    drain(pair[1], taken)
    await asyncio.wait_for(waiting, 10)
    assert outlet.offer([b"more"]) == 4
    outlet.close()


async def test_whoever_waits_when_it_is_closed_learns_that_the_client_has_gone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    outlet = SocketOutlet(pair[0].fileno())
    outlet.offer([MUCH])
    waiting = asyncio.create_task(outlet.ready())
    await asyncio.sleep(0)
    outlet.close()
    outlet.close()
    with pytest.raises(ClientGone):
        await waiting
    assert outlet.offer([b"late"]) == 0
    with pytest.raises(ClientGone):
        await outlet.ready()
    # The connection itself is the transport's to close.
    assert pair[0].fileno() >= 0
    drain(pair[1], 1)
    assert pair[0].send(b"still open") > 0


async def test_a_client_that_has_gone_takes_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    outlet = SocketOutlet(pair[0].fileno())
    pair[1].close()
    assert outlet.offer([b"x"]) == 0
    with pytest.raises(ClientGone):
        await outlet.ready()
    outlet.close()
