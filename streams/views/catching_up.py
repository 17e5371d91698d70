"""Folding a backlog in bulk: at start, and into a new generation while the old one serves."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streams.records import Record
from streams.views.bulk import BulkReader, Place, Progress
from streams.views.memory import release_free_memory
from streams.views.search.index import PENDING_BULK_MAX, PENDING_LIVE_MAX

_log = logging.getLogger(__name__)

LAG_FOR_BULK_MIN = 2_000
RECORDS_BETWEEN_YIELDS = 40


class FoldsInBulk(Protocol):
    """Who takes records in bulk."""

    def stage(self, place: Place, records: Iterable[Record]) -> None:
        """Fold records of one partition, in order."""

    def write(self, place: Place, logged: bool) -> None:
        """Write what was staged, in one batch."""

    async def index(self, pending_max: int, logged: bool) -> None:
        """Bring the search index up to date."""


async def fold_to(
    reader: BulkReader,
    into: FoldsInBulk,
    starts: Mapping[Place, int],
    ends: Mapping[Place, int],
    progress: Progress,
    *,
    logged: bool = False,
    pending_max: int = PENDING_BULK_MAX,
) -> int:
    """Fold the records of [start, end) of each partition; how many they were. Yields to the loop often.

    Args:
        pending_max: How many files may wait for a search segment.
        logged: See ``Database.write``. Where others write meanwhile, it must be as they do.

    Raises:
        EventLog: The log cannot be read, or lacks records.
    """
    total = sum(max(0, ends[place] - start) for place, start in starts.items())
    folded = 0
    async for place, records in reader.read(starts, ends):
        for at in range(0, len(records), RECORDS_BETWEEN_YIELDS):
            into.stage(place, records[at : at + RECORDS_BETWEEN_YIELDS])
            await asyncio.sleep(0)
        into.write(place, logged=logged)
        await into.index(pending_max, logged)
        folded += len(records)
        progress(folded, total)
    return folded


async def catch_up(
    reader: BulkReader,
    into: FoldsInBulk,
    applied: Callable[[], Mapping[Place, int]],
    lag_max: int,
    progress: Progress,
    *,
    logged: bool = False,
) -> None:
    """Fold until at most ``lag_max`` records are left; the log may grow meanwhile.

    Partitions that do not move, because they have stopped for good, are left alone.
    """
    stopped: set[Place] = set()
    folded = 0
    while True:
        starts = {place: offset + 1 for place, offset in applied().items() if place not in stopped}
        ends = {place: end for place, (_, end) in (await reader.bounds(list(starts))).items()}
        behind = {place for place, start in starts.items() if start < ends[place]}
        lag = sum(ends[place] - starts[place] for place in behind)
        if lag <= lag_max:
            if folded:
                await into.index(PENDING_LIVE_MAX, logged)
                release_free_memory()
            return
        began = time.monotonic()
        folded = await fold_to(reader, into, starts, ends, progress, logged=logged)
        took_s = max(time.monotonic() - began, 1e-9)
        _log.info("folded %d records in bulk in %.1f s (%d a second)", folded, took_s, folded / took_s)
        now = applied()
        stopped |= {place for place in behind if now[place] + 1 == starts[place]}
