"""Filling a fresh generation with one process a shard: folding is bound by one core, and a node has several.

It leaves the folding node's own loop and memory alone, so that a rebuild hardly shows beside it.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson

import streams
from govault.errors import EventLog, GoVaultError, Storage, StorageFull
from streams.connection import Connection
from streams.views.bulk import BulkReader, Progress
from streams.views.generation import shard_path
from streams.views.shard import SHARDS, Place, VaultIdentity, shard_of
from streams.views.shard_process import Order

_log = logging.getLogger(__name__)

RECORDS_FOR_PROCESSES_MIN = 20_000
Dereferenced = Callable[[Sequence[bytes], int], None]
_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(64 * 1024 * 1024), "MALLOC_TRIM_THRESHOLD_": str(128 * 1024 * 1024)}
"""For glibc; others do not know these."""
_LINE_BYTES_MAX = 1024 * 1024
_FAILURES: Mapping[str, type[GoVaultError]] = {kind.code: kind for kind in (EventLog, Storage, StorageFull)}
_PACKAGES = str(Path(streams.__file__).resolve().parents[1])


async def ends_far_ahead(connection: Connection, starts: Mapping[Place, int]) -> dict[Place, int] | None:
    """The next offset of each partition, where folding from ``starts`` to there is worth processes of its own.

    None where it is not, or where TLS settings cannot be handed to another process.

    Raises:
        EventLog: The log does not say.
    """
    if connection.tls is not None:
        return None
    async with BulkReader(connection) as reader:
        ends = {place: end for place, (_, end) in (await reader.bounds(list(starts))).items()}
    return ends if _records(starts, ends) >= RECORDS_FOR_PROCESSES_MIN else None


async def fill_generation(path: Path, vault: VaultIdentity, connection: Connection, progress: Progress) -> bool:
    """Fold the whole log, as far as it goes now, into a generation that does not exist yet.

    Returns:
        Whether it was done. Where it was not, whoever asked folds by itself.

    Raises:
        EventLog: The log cannot be read, or lacks records. What was written is of no use.
        Storage: The generation cannot be written.
    """
    starts = dict.fromkeys(vault.places(), 0)
    ends = await ends_far_ahead(connection, starts)
    if ends is not None:
        await fold_in_processes(path, vault, connection, starts, ends, progress, fresh=True)
    return ends is not None


async def fold_in_processes(
    path: Path,
    vault: VaultIdentity,
    connection: Connection,
    starts: Mapping[Place, int],
    ends: Mapping[Place, int],
    progress: Progress,
    dereferenced: Dereferenced = lambda chunk_ids, epoch: None,
    *,
    fresh: bool = False,
) -> None:
    """Fold the records of [start, end) of every partition into a generation that nobody has open.

    Args:
        dereferenced: Told (chunk ids, epoch) as ``ViewsMaintenance.on_dereferenced`` is.
        fresh: Whether the generation does not exist yet, and is removed where this fails. One that is there keeps at
            every batch all that the next start needs, also in a shard that had nothing to fold until now.

    Raises:
        EventLog: The log cannot be read, or lacks records. What was folded until then is good, unless ``fresh``.
        Storage: The generation cannot be written.
    """
    total = _records(starts, ends)
    folded = [0] * SHARDS
    workers = asyncio.Semaphore(os.cpu_count() or 1)

    def tell(number: int, records: int) -> None:
        folded[number] = records
        progress(sum(folded), total)

    async def fill(number: int) -> None:
        mine = {place: end for place, end in ends.items() if shard_of(place) == number}
        order = Order(shard_path(path, number), number, vault, connection, {p: starts[p] for p in mine}, mine, fresh)
        async with workers:
            await _run(order, lambda records: tell(number, records), dereferenced)

    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(SHARDS):
                group.create_task(fill(number))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    took_s = asyncio.get_running_loop().time() - began
    _log.info("folded %d records in %.1f s (%d a second)", total, took_s, total / took_s)


def _records(starts: Mapping[Place, int], ends: Mapping[Place, int]) -> int:
    return sum(max(0, ends[place] - start) for place, start in starts.items())


async def _run(order: Order, tell: Callable[[int], None], dereferenced: Dereferenced) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "streams.views.shard_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
        limit=_LINE_BYTES_MAX,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    failure: GoVaultError | None = None
    try:
        process.stdin.write(order.to_json())
        await process.stdin.drain()
        async for line in process.stdout:
            said = orjson.loads(line)
            if "error" in said:
                failure = _FAILURES.get(said["family"], EventLog)(said["error"], code=said["code"])
            if "folded" in said:
                tell(said["folded"])
            if "dereferenced" in said:
                dereferenced([bytes.fromhex(one) for one in said["dereferenced"]], said["epoch"])
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        raise failure or EventLog(f"the process that folds shard {order.number} ended with exit code {code}")


def _environment() -> dict[str, str]:
    """Ours, with our own packages found first; and numpy, which only sorts here, starts no threads that spin.

    Its arrays stay in the process's memory between two segments: fetched anew they cost more than sorting them.
    """
    path = os.pathsep.join(filter(None, (_PACKAGES, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", **_ALLOCATOR}
