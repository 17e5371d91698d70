"""Bytes that no client sends: the broker answers or closes, and goes on serving everybody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.broker.under_test import LoopThread
from tests.integration.broker.in_process import CREDENTIALS, Served, header, serving
from tests.unit.broker.examples import ALL_VERSIONS, example

FUZZ = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TOKEN = f"\0{CREDENTIALS.user}\0{CREDENTIALS.password}".encode()
LOGIN = [header(17, 1) + b"\0\x05PLAIN", header(36, 0) + len(TOKEN).to_bytes(4, "big") + TOKEN]
CREATE_WAITING = b"\0\0\0\1\0\7waiting\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0\x10\0\0"
"""CreateTopics v2: one topic, one partition; 4 s, not only validated."""
FETCH_WAITING = (
    b"\xff\xff\xff\xff\0\0\x02\0\0\0\0\1\0\x10\0\0\0"  # replica, 512 ms, 1 byte, 1 MiB, isolation
    b"\0\0\0\1\0\7waiting\0\0\0\1\0\0\0\0" + bytes(8) + b"\0\x10\0\0"
)
EXAMPLES = [example(key, version) for key, version in ALL_VERSIONS]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    loop = LoopThread()
    context = serving(tmp_path_factory.mktemp("fuzz") / "log")
    served = loop.run(context.__aenter__())
    yield served
    loop.run(context.__aexit__(None, None, None))
    loop.close()
    assert "request failed" not in served.lines.getvalue(), served.lines.getvalue()[-3000:]
    assert not served.failures


def talk(served: Served, *writes: bytes, login: bool = False) -> bytes:
    """Send bytes, end the sending side, and read until the broker closes."""
    with socket.create_connection((served.broker.host, served.broker.port), timeout=10) as peer:
        if login:
            for frame in LOGIN:
                peer.sendall(framed(frame))
                receive(peer)
        answer = b""
        # It may be closed at any of these steps; a time-out is a hang and fails the test.
        with suppress(ConnectionResetError, BrokenPipeError, NotConnected):
            for data in writes:
                peer.sendall(data)
            shutdown(peer)
            while data := peer.recv(65536):
                answer += data
        return answer


class NotConnected(Exception):
    """The other side was faster."""


def shutdown(peer: socket.socket) -> None:
    try:
        peer.shutdown(socket.SHUT_WR)
    except OSError as problem:
        raise NotConnected from problem


def framed(frame: bytes) -> bytes:
    return len(frame).to_bytes(4, "big") + frame


def receive(peer: socket.socket) -> bytes:
    size = int.from_bytes(peer.recv(4, socket.MSG_WAITALL), "big")
    return peer.recv(size, socket.MSG_WAITALL)


def assert_still_serving(served: Served) -> None:
    with socket.create_connection((served.broker.host, served.broker.port), timeout=5) as peer:
        peer.sendall(framed(header(18, 0)))
        assert len(receive(peer)) > 10


@FUZZ
@given(data=st.binary(max_size=2000))
def test_any_bytes_before_a_login(served: Served, data: bytes) -> None:
    talk(served, data)
    assert_still_serving(served)


@FUZZ
@given(data=st.lists(st.binary(min_size=2, max_size=300), max_size=5))
def test_any_frames_after_a_login(served: Served, data: list[bytes]) -> None:
    talk(served, *map(framed, data), login=True)
    assert_still_serving(served)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real request with some bytes changed, removed or put in."""
    frame = bytearray(draw(st.sampled_from(EXAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(8, len(frame)))
        match draw(st.sampled_from(["change", "remove", "insert", "cut"])):
            case "change":
                frame[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "remove":
                del frame[at : at + draw(st.integers(1, 8))]
            case "insert":
                frame[at:at] = draw(st.sampled_from([b"\xff", b"\x7f\xff\xff\xff", b"\0\0", b"\xff\xff\xff\xff\x0f"]))
            case "cut":
                del frame[at:]
    return bytes(frame)


@settings(FUZZ, max_examples=1500)
@given(frame=damaged())
def test_damaged_requests(served: Served, frame: bytes) -> None:
    talk(served, framed(frame), login=True)
    assert_still_serving(served)


@pytest.mark.parametrize("size", [-1, 0, 1, 2**31 - 1, 64 * 2**20 + 1])
def test_impossible_lengths_end_the_connection(served: Served, size: int) -> None:
    assert talk(served, size.to_bytes(4, "big", signed=True) + b"\0\x03" + b"x" * 100) == b""
    assert_still_serving(served)


def test_http_and_tls_end_the_connection(served: Served) -> None:
    assert talk(served, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
    assert talk(served, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)) == b""
    assert_still_serving(served)


def test_a_request_that_arrives_byte_by_byte_is_answered(served: Served) -> None:
    with socket.create_connection((served.broker.host, served.broker.port), timeout=5) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in framed(header(18, 0)):
            peer.sendall(bytes([byte]))
        assert len(receive(peer)) > 10


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    reader, writer = await asyncio.open_connection(served.broker.host, served.broker.port)
    for frame in LOGIN:
        writer.write(framed(frame))
    # A fetch that waits holds the others up first; then they are answered all at once.
    writer.write(framed(header(19, 2) + CREATE_WAITING))
    writer.write(framed(header(1, 4) + FETCH_WAITING))
    for correlation in range(3000):
        writer.write(framed(header(3, 1, correlation) + b"\xff\xff\xff\xff"))
    for _ in [*LOGIN, "create", "fetch"]:
        await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    for correlation in range(3000):
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
        assert int.from_bytes(answer[:4], "big") == correlation
    writer.close()
    await writer.wait_closed()
