"""The broker's process.

It inherits three descriptors from its node: the listening socket (so that the port outlives
it), a pipe on which it reports that it is ready (or why not), and the 'life' pipe: when its
other end closes, by a stop or because the node died in whatever way, the process commits what
is pending and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import socket
from pathlib import Path

from streams.broker.auth import load_credentials
from streams.broker.broker import Broker
from streams.broker.failures import BrokerFailure, failure_of
from streams.broker.journal import Journal
from streams.broker.limits import ORPHAN_INTERVAL_S, STOP_TIMEOUT_S


def main(arguments: list[str]) -> int:
    """Serve until the life pipe closes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="streams.broker", description="The embedded log of a GoVault node.")
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--credentials", type=Path, required=True)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    # Every partition that is written and every connection is a file.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # The node decides when its log ends, not a Ctrl-C that reached the terminal's processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(_serve(options))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(options))


async def _serve(options: argparse.Namespace) -> int:
    journal = Journal(info=False)
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_reader(options.life_fd, ending.set)
    loop.add_signal_handler(signal.SIGTERM, ending.set)

    def failed(failure: BrokerFailure) -> None:
        # Nothing may be flushed or answered after a failed fsync: end here and now.
        journal.error("the log failed", error=str(failure), exit_code=failure.exit_code)
        os._exit(failure.exit_code)

    try:
        broker = Broker(
            options.folder,
            load_credentials(options.credentials),
            socket.socket(fileno=options.listen_fd),
            failed=failed,
            journal=journal,
        )
        await broker.start()
    except OSError as error:
        return _refuse(options.ready_fd, journal, failure_of(error, f"opening {options.folder}"))
    except BrokerFailure as failure:
        return _refuse(options.ready_fd, journal, failure)
    identity = broker.store.identity
    _report(
        options.ready_fd,
        {"ready": True, "cluster_id": identity.cluster_id, "generation": identity.generation},
    )
    orphaned = loop.create_task(_wait_orphaned(ending))
    # What a start made lives for ever: keep it out of every later collection.
    gc.freeze()
    await ending.wait()
    orphaned.cancel()
    loop.remove_reader(options.life_fd)
    try:
        await asyncio.wait_for(broker.stop(), STOP_TIMEOUT_S)
    except TimeoutError:
        journal.error("the log did not stop in time; the next start recovers it")
        os._exit(70)
    return 0


async def _wait_orphaned(ending: asyncio.Event) -> None:
    """The life pipe says it first, unless a process forked by the node holds its other end open."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing can be waited on for this
        await asyncio.sleep(ORPHAN_INTERVAL_S)
    ending.set()


def _refuse(ready_fd: int, journal: Journal, failure: BrokerFailure) -> int:
    journal.error("the log cannot start", error=str(failure), exit_code=failure.exit_code)
    _report(ready_fd, {"ready": False, "error": str(failure), "exit_code": failure.exit_code})
    return failure.exit_code


def _report(ready_fd: int, row: dict[str, object]) -> None:
    os.write(ready_fd, json.dumps(row).encode() + b"\n")
    os.close(ready_fd)
