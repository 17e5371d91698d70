"""Large contents through a real HTTP server, whose sockets the reading threads write to themselves."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
import uvloop

from api.middleware.access import AccessEntry
from api.settings import ApiSettings
from govault.node.http_protocol import GatheringProtocol
from tests.fakes.vault import TOKEN, Vault, open_vault
from tests.integration.storage.test_quarantine import flip

MIB = 1 << 20
CONTENT = b"".join(
    random.Random(seed).randbytes(MIB) if seed % 3 else b"%d same again" % seed * (MIB // 12) for seed in range(24)
)


class Server:
    """A vault behind a real server."""

    def __init__(self, vault: Vault, port: int, entries: list[AccessEntry]) -> None:
        self.vault = vault
        self.entries = entries
        self._port = port

    @asynccontextmanager
    async def connected(self, receive_bytes: int = 0) -> AsyncIterator["Connection"]:
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self._port))
        reader, writer = await asyncio.open_connection(sock=client, limit=64 * 1024)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()

    async def ended(self, count: int) -> list[AccessEntry]:
        """The access log once it has so many entries."""
        async with asyncio.timeout(10):
            while len(self.entries) < count:  # noqa: ASYNC110 (the log is all that a server tells)
                await asyncio.sleep(0.001)
        return self.entries


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, *headers: str, path: str = "big") -> None:
        lines = [f"GET /spaces/main/files/{path} HTTP/1.1", "host: x", f"authorization: Bearer {TOKEN}", *headers]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def head(self) -> tuple[int, int]:
        """Status and length."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length"))
        return int(head.split()[1]), int(length.split(":")[1])

    async def answer(self) -> tuple[int, bytes]:
        status, length = await self.head()
        return status, await self.reader.readexactly(length)


Story = Callable[[Server], Coroutine[object, object, None]]


def on_a_server(root: Path, story: Story) -> None:
    """Live a story on the node's own kind of event loop."""

    async def live() -> None:
        entries: list[AccessEntry] = []
        async with open_vault(root, ApiSettings(access_log=entries.append)) as vault:
            assert (await vault.put("big", CONTENT)).status_code == 201
            entries.clear()
            listener = socket.create_server(("127.0.0.1", 0))
            listener.setblocking(False)
            config = uvicorn.Config(
                vault.app, log_config=None, access_log=False, lifespan="off", http=GatheringProtocol, ws="none"
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server._serve([listener]))
            try:
                async with asyncio.timeout(60):
                    await story(Server(vault, listener.getsockname()[1], entries))
            finally:
                server.should_exit = server.force_exit = True
                await serving

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live())


def test_every_byte_arrives_and_the_connection_serves_the_next_request(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        async with server.connected() as connection:
            connection.ask()
            assert await connection.answer() == (200, CONTENT)
            connection.ask(f"range: bytes=1234567-{20 * MIB}")
            assert await connection.answer() == (206, CONTENT[1234567 : 20 * MIB + 1])
            connection.ask("range: bytes=-5")
            assert await connection.answer() == (206, CONTENT[-5:])
        entries = await server.ended(3)
        assert [entry.bytes_out for entry in entries] == [len(CONTENT), 20 * MIB + 1 - 1234567, 5]

    on_a_server(tmp_path, story)


def test_a_client_that_takes_little_at_a_time_gets_every_byte(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        async with server.connected(receive_bytes=16 * 1024) as slow, server.connected() as quick:
            slow.ask()
            status, length = await slow.head()
            # While one takes nothing the other is served.
            quick.ask()
            assert await quick.answer() == (200, CONTENT)
            assert (status, await slow.reader.readexactly(length)) == (200, CONTENT)

    on_a_server(tmp_path, story)


def test_requests_sent_at_once_are_answered_in_order(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        await server.vault.put("small", b"little")
        async with server.connected() as connection:
            connection.ask()
            connection.ask(path="small")
            connection.ask("range: bytes=2000000-9999999")
            assert await connection.answer() == (200, CONTENT)
            assert await connection.answer() == (200, b"little")
            assert await connection.answer() == (206, CONTENT[2000000:10000000])

    on_a_server(tmp_path, story)


def test_a_damaged_chunk_midway_cuts_the_connection_before_it(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        packs = sorted((tmp_path / "store" / "packs").iterdir())
        flip(packs[0], packs[0].stat().st_size // 2)
        async with server.connected() as connection:
            connection.ask()
            assert await connection.head() == (200, len(CONTENT))
            got = await connection.reader.read(-1)
            assert MIB < len(got) < len(CONTENT)
            assert CONTENT.startswith(got)
        assert (await server.vault.store.stats()).quarantined == 1

    on_a_server(tmp_path, story)


def test_a_client_that_leaves_midway_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        async with server.connected() as connection:
            connection.ask()
            await connection.answer()
        descriptors = Path("/proc/self/fd")
        if not descriptors.exists():
            pytest.skip("no /proc to count descriptors in")
        await server.ended(1)
        before = len(list(descriptors.iterdir()))
        for count in range(2, 12):
            async with server.connected(receive_bytes=16 * 1024) as connection:
                connection.ask()
                await connection.reader.readexactly(1000 * count)
                connection.writer.transport.abort()
            entries = await server.ended(count)
            assert entries[-1].status == 499
            assert entries[-1].bytes_out < len(CONTENT)
        async with asyncio.timeout(10):
            while len(list(descriptors.iterdir())) > before:  # noqa: ASYNC110 (the kernel tells nobody)
                await asyncio.sleep(0.001)
        async with server.connected() as connection:
            connection.ask()
            assert await connection.answer() == (200, CONTENT)

    on_a_server(tmp_path, story)


def test_a_client_that_leaves_is_no_fault_of_the_node(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(server: Server) -> None:
        for count in range(1, 21):
            async with server.connected(receive_bytes=16 * 1024) as connection:
                connection.ask()
                await connection.head()
                end = connection.writer.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.writer.transport.abort()
            await server.ended(count)

    on_a_server(tmp_path, story)
    faults = [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]
    assert not faults
