"""Filling a fresh generation with one process a shard: folding is bound by one core, and a node has several.

It leaves the folding node's own loop and memory alone, so that a rebuild hardly shows beside it.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import orjson

import streams
from govault.errors import EventLog
from streams.connection import Connection
from streams.views.bulk import BulkReader, Progress
from streams.views.generation import shard_path
from streams.views.shard import SHARDS, VaultIdentity, shard_of
from streams.views.shard_process import Order

_log = logging.getLogger(__name__)

RECORDS_FOR_PROCESSES_MIN = 20_000
_PACKAGES = str(Path(streams.__file__).resolve().parents[1])


async def fill_generation(path: Path, vault: VaultIdentity, connection: Connection, progress: Progress) -> bool:
    """Fold the whole log, as far as it goes now, into a generation that does not exist yet.

    Returns:
        Whether it was done. Not where the log is short, or TLS settings cannot be handed to another process: then
        whoever asked folds by itself.

    Raises:
        EventLog: The log cannot be read, or lacks records. What was written is of no use.
    """
    if connection.tls is not None:
        return False
    async with BulkReader(connection) as reader:
        ends = {place: end for place, (_, end) in (await reader.bounds(vault.places())).items()}
    total = sum(ends.values())
    if total < RECORDS_FOR_PROCESSES_MIN:
        return False
    folded = [0] * SHARDS
    workers = asyncio.Semaphore(os.cpu_count() or 1)

    def tell(number: int, records: int) -> None:
        folded[number] = records
        progress(sum(folded), total)

    async def fill(number: int) -> None:
        mine = {place: end for place, end in ends.items() if shard_of(place) == number}
        order = Order(shard_path(path, number), number, vault, connection, mine)
        async with workers:
            await _run(order, lambda records: tell(number, records))

    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(SHARDS):
                group.create_task(fill(number))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    took_s = asyncio.get_running_loop().time() - began
    _log.info("folded %d records in %.1f s (%d a second)", total, took_s, total / took_s)
    return True


async def _run(order: Order, tell: Callable[[int], None]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "streams.views.shard_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_PACKAGES, os.environ.get("PYTHONPATH"))))},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    reason = ""
    try:
        process.stdin.write(order.to_json())
        await process.stdin.drain()
        async for line in process.stdout:
            said = orjson.loads(line)
            reason = said.get("error", reason)
            if "folded" in said:
                tell(said["folded"])
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        raise EventLog(reason or f"the process that folds shard {order.number} ended with exit code {code}")
