"""Folding everything again into a new generation while the old one serves, then swapping them."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from govault.errors import Conflict
from streams.connection import Connection
from streams.records import Record
from streams.views.bulk import BulkReader, Place, Progress
from streams.views.catching_up import FoldsInBulk, catch_up, fold_to
from streams.views.filling import fill_generation
from streams.views.generation import Generation
from streams.views.generations import GenerationsFolder
from streams.views.views import RocksViews

_log = logging.getLogger(__name__)

_LAG_AT_SWAP_MAX = 200


class TellsHowFar(FoldsInBulk, Protocol):
    """Who takes records in bulk, and says how far it is."""

    def applied(self) -> Mapping[Place, int]:
        """The last applied offset of every partition."""


class Unserved:
    """A generation that nobody reads yet."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    def stage(self, place: Place, records: Iterable[Record]) -> None:
        fold = self.generation.folds[place].fold
        for record in records:
            fold(record)

    def write(self, place: Place, logged: bool) -> None:
        fold = self.generation.folds[place]
        self.generation.shard(place).written(place, fold.write(logged))
        fold.rows.take_dereferenced()

    async def index(self, pending_max: int, logged: bool) -> None:
        for shard in self.generation.shards:
            await shard.search.maintain(pending_max, logged)

    def applied(self) -> Mapping[Place, int]:
        return {place: fold.written for place, fold in self.generation.folds.items()}


class Rebuilder:
    """Rebuilds the views of one node, one at a time."""

    def __init__(self, connection: Connection, folder: GenerationsFolder, views: RocksViews) -> None:
        self._connection = connection
        self._folder = folder
        self._views = views
        self._running = False

    async def rebuild(self, progress: Progress) -> None:
        """Fold everything again, then swap. Cancelled, it leaves the serving generation as it was.

        Raises:
            Conflict: A rebuild runs already.
            EventLog: The log cannot be read; the old generation serves on.
            Storage: The new one cannot be written; likewise.
        """
        if self._running:
            raise Conflict("the views are being rebuilt already; wait for that to finish", code="conflict.rebuilding")
        self._running = True
        path, vault = self._folder.fresh(), self._views.serving.vault
        try:
            await fill_generation(path, vault, self._connection, progress)
            fresh = Unserved(Generation(path, vault))
            try:
                before = await self._fold_and_swap(fresh, progress)
            except BaseException:
                fresh.generation.close()
                raise
        except BaseException:
            self._folder.remove(path)
            raise
        finally:
            self._running = False
        await before.wait_unused()
        before.close()
        await asyncio.to_thread(self._folder.remove, before.path)

    async def _fold_and_swap(self, fresh: Unserved, progress: Progress) -> Generation:
        async with BulkReader(self._connection) as reader:
            await catch_up(reader, fresh, fresh.applied, _LAG_AT_SWAP_MAX, progress)
            async with self._views.folding_paused():
                # What the fresh one folded first goes through the serving one too: that alone tells those who listen
                # and wait, and after the swap nothing folds it any more.
                await _level(reader, self._views, fresh, logged=True)
                await _level(reader, fresh, self._views, logged=False)
                fresh.generation.flush()
                self._folder.choose(fresh.generation.path)
                before = self._views.swap(fresh.generation)
        _log.info("the views were rebuilt into %s", fresh.generation.path.name)
        return before


async def _level(reader: BulkReader, into: TellsHowFar, other: TellsHowFar, *, logged: bool) -> None:
    """Fold as far as the other one is."""
    starts = {place: offset + 1 for place, offset in into.applied().items()}
    ends = {place: max(starts[place], at + 1) for place, at in other.applied().items()}
    await fold_to(reader, into, starts, ends, lambda *_: None, logged=logged)
