"""The node's side of the embedded log: owns the port, starts the child, notices its end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

from streams.broker.auth import PATH as CREDENTIALS_FILE
from streams.broker.auth import Credentials, load_or_make_credentials
from streams.broker.limits import START_TIMEOUT_S, STOP_TIMEOUT_S

_READY_BYTES_MAX = 64 * 1024
_PACKAGES = str(Path(__file__).resolve().parents[2])
"""Where the child finds this very code, installed or not."""


class BrokerDidNotStart(Exception):
    """The child ended or stayed silent; the message says why, `exit_code` is its own if it ended."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class EmbeddedBroker:
    """One log folder, served by a child process on a port that this process owns.

    The port is bound by the first `start` and kept over restarts of the child until `stop`.
    """

    def __init__(self, data_dir: Path, *, port: int, host: str = "127.0.0.1") -> None:
        self._folder = data_dir
        self._host = host
        self._port = port
        self._listener: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._life: int | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False
        self.died = asyncio.Event()
        """Set when the child ends without having been stopped."""
        self.exit_code: int | None = None
        """Of the child that ended last; negative for a signal."""
        self.cluster_id: str = ""
        """The log's identity, known after `start`."""
        self.generation = 0
        """The log's generation, part of every position; known after `start`."""
        self.credentials: Credentials = load_or_make_credentials(data_dir)

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; the port is known after `start`."""
        return f"{self._host}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The running child's process id."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def start(self) -> None:
        """Start the child and wait until it serves. May be called again after it died.

        Raises:
            BrokerDidNotStart: with the child's reason.
            OSError: the port cannot be bound.
        """
        if self.pid is not None:
            return
        self.died.clear()
        self._stopping = False
        self.exit_code = None
        if self._listener is None:
            self._listener = socket.create_server((self._host, self._port), backlog=256)
            self._port = self._listener.getsockname()[1]
        if self._life is not None:
            os.close(self._life)
        life_read, self._life = os.pipe()
        ready_read, ready_write = os.pipe()
        try:
            self._process = await self._spawn(self._listener.fileno(), life_read, ready_write)
        finally:
            os.close(life_read)
            os.close(ready_write)
        self._watcher = asyncio.create_task(self._watch(self._process))
        await self._wait_ready(ready_read)

    async def _spawn(self, listen: int, life: int, ready: int) -> asyncio.subprocess.Process:
        path = os.pathsep.join(filter(None, [_PACKAGES, os.environ.get("PYTHONPATH")]))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "streams.broker"),
            *("--listen-fd", str(listen), "--life-fd", str(life), "--ready-fd", str(ready)),
            *("--folder", str(self._folder), "--credentials", str(self._folder / CREDENTIALS_FILE)),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(listen, life, ready),
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )

    async def _wait_ready(self, descriptor: int) -> None:
        """Read the child's one line; the end of the pipe without a line means that it died."""
        # The transport owns the pipe: closing it here too would, under uvloop, close whatever got its number since.
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        reader = asyncio.StreamReader(_READY_BYTES_MAX)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            line = await asyncio.wait_for(reader.readline(), START_TIMEOUT_S)
        except TimeoutError:
            await self._end()
            raise BrokerDidNotStart(f"the log did not start within {START_TIMEOUT_S:.0f} s") from None
        finally:
            transport.close()
        row = json.loads(line) if line else {}
        if not row.get("ready"):
            await self._end()
            reason = row.get("error", f"the log's process ended with exit code {self.exit_code}")
            raise BrokerDidNotStart(reason, self.exit_code)
        self.cluster_id = row["cluster_id"]
        self.generation = row["generation"]

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        self.exit_code = await process.wait()
        if not self._stopping:
            self.died.set()

    async def stop(self) -> None:
        """End the child cleanly (killed when it takes too long) and give up the port."""
        await self._end()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _end(self) -> None:
        self._stopping = True
        if self._life is not None:
            os.close(self._life)
            self._life = None
        if self._process is not None and self._watcher is not None:
            try:
                await asyncio.wait_for(asyncio.shield(self._watcher), STOP_TIMEOUT_S + 2)
            except TimeoutError:
                self._process.kill()
                await self._watcher
