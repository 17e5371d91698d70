"""A broker in this process, and raw connections to it."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streams.broker.auth import Credentials
from streams.broker.broker import Broker
from streams.broker.disk import Disk
from streams.broker.failures import BrokerFailure
from streams.broker.journal import Journal

CREDENTIALS = Credentials("full", "full-secret", "reader", "reader-secret")
WAIT_S = 10


@dataclass
class Served:
    """A running broker, what it wrote to its journal, and how it failed."""

    broker: Broker
    lines: io.StringIO
    failures: list[BrokerFailure] = field(default_factory=list)

    @property
    def bootstrap(self) -> str:
        return f"{self.broker.host}:{self.broker.port}"

    @property
    def settings(self) -> dict[str, str]:
        """Arguments for aiokafka."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": CREDENTIALS.user,
            "sasl_plain_password": CREDENTIALS.password,
        }


@asynccontextmanager
async def serving(folder: Path, *, disk: Disk | None = None, now_ms=None) -> AsyncIterator[Served]:  # type: ignore[no-untyped-def]
    lines = io.StringIO()
    failures: list[BrokerFailure] = []
    listener = socket.create_server(("127.0.0.1", 0))
    clock = {} if now_ms is None else {"now_ms": now_ms}
    broker = Broker(folder, CREDENTIALS, listener, failed=failures.append, journal=Journal(lines), disk=disk, **clock)
    await broker.start()
    try:
        yield Served(broker, lines, failures)
    finally:
        await broker.stop()
        listener.close()


class Raw:
    """A connection that sends what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, frame: bytes) -> None:
        self.writer.write(len(frame).to_bytes(4, "big") + frame)
        await self.writer.drain()

    async def receive(self) -> bytes | None:
        """One answer, or None when the connection was closed."""
        try:
            async with asyncio.timeout(WAIT_S):
                size = int.from_bytes(await self.reader.readexactly(4), "big")
                return await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def ask(self, frame: bytes) -> bytes | None:
        await self.send(frame)
        return await self.receive()

    async def is_closed(self) -> bool:
        """Whether the other side ends it (waits for that)."""
        try:
            async with asyncio.timeout(WAIT_S):
                return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def login(self, user: str = CREDENTIALS.user, password: str = CREDENTIALS.password) -> None:
        assert await self.ask(header(17, 1) + b"\0\x05PLAIN") == b"\0\0\0\x01" + b"\0\0" + b"\0\0\0\x01\0\x05PLAIN"
        token = f"\0{user}\0{password}".encode()
        answer = await self.ask(header(36, 0) + len(token).to_bytes(4, "big") + token)
        assert answer is not None
        assert answer[4:6] == b"\0\0"


def header(api_key: int, version: int, correlation: int = 1, client: bytes | None = b"test") -> bytes:
    """A request header of version 1 (without tagged fields)."""
    name = b"\xff\xff" if client is None else len(client).to_bytes(2, "big") + client
    return api_key.to_bytes(2, "big") + version.to_bytes(2, "big") + correlation.to_bytes(4, "big") + name


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection(served.broker.host, served.broker.port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()
