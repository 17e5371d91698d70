"""The life of a node process: from a configuration to an exit code.

Shutdown goes: stop accepting → finish or abort uploads by a deadline → workers → agents → store → log. A part that
dies takes the node down after the same clean steps, with EXIT_CRASHED: nothing fails silently, and whoever supervises
the process starts it again.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import uvicorn
import uvloop

from govault.config import Loaded
from govault.errors import Config
from govault.limits import SHUTDOWN_UPLOADS_S
from govault.node import log_output
from govault.node.allocator import keep_freed_blocks
from govault.node.compose import BROKEN_GRACE_S, Running, compose
from govault.node.folder import DataFolder
from govault.node.greeting import Greeting
from govault.node.http_protocol import GatheringProtocol
from govault.node.joining import join

EXIT_CRASHED = 70
END_S_MAX = SHUTDOWN_UPLOADS_S + 25.0
"""From the request to stop to the end of the process, whatever hangs."""
_LISTEN_BACKLOG = 1024
SWITCH_INTERVAL_S = 0.001
"""How long a thread that wants the interpreter waits for one that computes. A small upload passes three threads,
each of which wants it several times, and the event loop hardly ever gives it up by itself.
"""
_log = logging.getLogger(__name__)


def run(loaded: Loaded, join_token: str | None = None) -> int:
    """Run a node until it is told to stop; the exit code.

    Args:
        join_token: Join the vault of this token first.

    Raises:
        GoVaultError: It cannot start; the message says why and the way out.
    """
    began_s = time.monotonic()
    keep_freed_blocks()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    configuration = loaded.configuration
    log_output.configure(configuration.logging.level, configuration.logging.format)
    folder = DataFolder.open(configuration.server.storage_root)
    try:
        with (
            _listener(configuration.server.host, configuration.server.port) as listener,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            if join_token is not None:
                runner.run(join(configuration, folder, join_token))
            return runner.run(_live(loaded, folder, listener, began_s))
    finally:
        folder.close()


async def _live(loaded: Loaded, folder: DataFolder, listener: socket.socket, began_s: float) -> int:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    tls = loaded.configuration.server.tls
    scheme = "https" if tls.cert_file else "http"
    url = f"{scheme}://{_address(listener)}"
    async with compose(loaded, folder, url) as running:
        server = _Server(
            uvicorn.Config(
                running.app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http=GatheringProtocol,
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=int(SHUTDOWN_UPLOADS_S),
                ssl_certfile=tls.cert_file,
                ssl_keyfile=tls.key_file,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        try:
            await _wait_started(server, serving)
            folder.announce(running.facts(url))
            sys.stdout.write(_greeting(loaded, folder, running, url, time.monotonic() - began_s).text())
            sys.stdout.flush()
            _spare_what_stays()
            reason = await _wait_end(stop, serving, running)
            _log.info("stopping: %s", reason or "asked to")
            running.ending.began, running.ending.broken = True, bool(reason)
            end_in_any_case(folder)
            if reason:
                server.config.timeout_graceful_shutdown = int(BROKEN_GRACE_S)
        finally:
            folder.withdraw()
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
    if reason:
        _end_at_once(folder, f"GoVault ended: {reason}", EXIT_CRASHED)
    if running.streams.left_behind:
        _end_at_once(folder, "GoVault ended; its client of the log was given up, for the log did not answer", 0)
    return 0


def _spare_what_stays() -> None:
    """Keep what the start has made out of garbage collection: walking it all paused requests for 100 ms and more."""
    gc.collect()
    gc.freeze()


def end_in_any_case(folder: DataFolder, within_s: float = END_S_MAX) -> None:
    """However long a part hangs (a client of a log that died at the same moment has hung for ever), the process ends.

    What was acknowledged is durable by then, so that ending late but abruptly loses nothing.
    """

    def end() -> None:
        sys.stderr.write(f"GoVault did not come to its end within {within_s:g} s and ends now\n")
        sys.stderr.flush()
        folder.withdraw()
        os._exit(EXIT_CRASHED)

    backstop = threading.Timer(within_s, end)
    backstop.daemon = True
    backstop.start()


def _end_at_once(folder: DataFolder, last_words: str, exit_code: int) -> NoReturn:
    """Leave without unwinding the loop: every part is flushed and closed, and what a dead one left running would
    only hold the process up.
    """
    folder.close()
    sys.stderr.write(f"{last_words}\n")
    sys.stderr.flush()
    os._exit(exit_code)


async def _wait_started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise Config("the HTTP server ended before it was ready")
        await asyncio.sleep(0.005)


async def _wait_end(stop: asyncio.Event, serving: asyncio.Task[None], running: Running) -> str:
    """Return when the node has to stop; why, or empty where somebody asked it to."""
    asked = asyncio.create_task(stop.wait(), name="asked to stop")
    broken = asyncio.create_task(running.wait_broken(), name="something broke")
    try:
        await asyncio.wait({asked, broken, serving}, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            return broken.result()
        if serving.done() and not asked.done():
            return "the HTTP server ended by itself"
        return ""
    finally:
        asked.cancel()
        broken.cancel()
        await asyncio.gather(asked, broken, return_exceptions=True)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the node has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """The bound socket, so that a port in use is refused before anything else is started.

    Raises:
        Config: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(_LISTEN_BACKLOG)
        except OSError as error:
            raise Config(
                f"cannot listen on {host}:{port}: {error.strerror}. "
                "Stop what uses it, or choose another address with server.listen_addr (port 0 takes a free one)"
            ) from error
        listener.setblocking(False)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 — only compared, to tell people an address they can use
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _greeting(loaded: Loaded, folder: DataFolder, running: Running, url: str, ready_after_s: float) -> Greeting:
    prefix = loaded.configuration.log.topic_prefix
    kcat: Path | None = folder.root / "kcat.conf" if running.broker else None
    return Greeting(
        url=url,
        data=folder.root,
        token_file=folder.token_file,
        first_start=running.first_start,
        password=running.first_password,
        password_file=folder.password_file,
        ready_after_s=ready_after_s,
        topic=f"{prefix}.files",
        bootstrap=running.bootstrap,
        kcat_config=kcat,
    )
