"""Connections that keep the broker waiting, and more of everything than it takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streams.broker import connection as connection_module
from streams.broker import server as server_module
from tests.integration.broker.in_process import Raw, connected, header, serving
from tests.unit.broker.examples import example


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SWEEP_INTERVAL_S", 0.05)


async def test_a_connection_without_a_login_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "AUTHENTICATION_TIMEOUT_S", 0.2)
    async with serving(tmp_path / "log") as served, connected(served) as raw:
        assert await raw.ask(header(18, 0)) is not None
        assert await raw.is_closed()


async def test_a_frame_that_does_not_come_to_its_end_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "FRAME_TIMEOUT_S", 0.2)
    async with serving(tmp_path / "log") as served, connected(served) as raw:
        await raw.login()
        raw.writer.write(b"\0\0\0\x50\0\x03")
        assert await raw.is_closed()


async def test_a_frame_that_trickles_ends_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "FRAME_TIMEOUT_S", 0.2)
    async with serving(tmp_path / "log") as served, connected(served) as raw:
        await raw.login()
        raw.writer.write(b"\0\0\x20\0\0\x03")
        closed = asyncio.create_task(raw.is_closed())
        while not closed.done():
            raw.writer.write(b"x")
            await asyncio.sleep(0.02)  # The trickle itself.
        assert closed.result()


async def test_a_silent_connection_is_ended_and_a_waiting_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "IDLE_TIMEOUT_S", 0.2)
    async with serving(tmp_path / "log") as served, connected(served) as silent, connected(served) as waiting:
        await waiting.login()
        await waiting.ask(example(19, 4))
        # A fetch that waits a second for the first record.
        frame = bytearray(example(1, 4))
        at = frame.index(b"\0\0\0\0\0\0\0\x01\0\x10\0\0", 8)
        frame[at + 0 : at + 4] = (1000).to_bytes(4, "big")
        answer = asyncio.create_task(waiting.ask(bytes(frame)))
        await silent.login()
        assert await silent.is_closed()
        assert await answer is not None


async def test_more_connections_than_the_bound_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS_MAX", 2)
    async with serving(tmp_path / "log") as served, connected(served) as one, connected(served) as two:
        await one.login()
        await two.login()
        async with connected(served) as three:
            assert await three.is_closed()
        assert await one.ask(header(18, 0)) is not None


async def test_a_large_frame_is_refused_before_a_login_and_for_small_requests(tmp_path: Path) -> None:
    async with serving(tmp_path / "log") as served:
        async with connected(served) as raw:
            raw.writer.write((20_000).to_bytes(4, "big") + b"\0\0")
            assert await raw.is_closed()
        async with connected(served) as raw:
            await raw.login()
            raw.writer.write((2_000_000).to_bytes(4, "big") + b"\0\x03")
            assert await raw.is_closed()


async def test_a_client_that_does_not_read_its_answers_is_not_read_either(tmp_path: Path) -> None:
    async with serving(tmp_path / "log") as served, connected(served) as raw:
        await raw.login()
        await raw.ask(example(19, 4))
        frame = example(3, 1)
        raw.writer.transport.set_write_buffer_limits(high=1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(write_for_ever(raw, len(frame).to_bytes(4, "big") + frame), 2)


async def write_for_ever(raw: Raw, data: bytes) -> None:
    while True:
        raw.writer.write(data)
        await raw.writer.drain()
