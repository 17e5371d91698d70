"""The streams layer of one node, as its composition root sees it: the log, the views, and whether both are well."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from govault.errors import EventLog
from streams.app import STOP_TIMEOUT_S, FoldingApp
from streams.connection import Connection
from streams.log import KafkaEventLog
from streams.stall import StallWatch
from streams.topics import ensure_topics
from streams.views.bulk import BulkReader, Place, Progress
from streams.views.catching_up import LAG_FOR_BULK_MIN, catch_up
from streams.views.filling import ends_far_ahead, fill_generation, fold_in_processes
from streams.views.generation import Generation, VaultIdentity
from streams.views.generations import GenerationsFolder
from streams.views.opening import check_log, open_serving, refuse_foreign
from streams.views.rebuild import Rebuilder
from streams.views.views import RocksViews

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamsSettings:
    """What the streams layer of a node needs to know.

    Attributes:
        views_root: Folder of the views; disposable.
        node_id: Names the consumer group.
    """

    connection: Connection
    views_root: Path
    node_id: str
    vault: VaultIdentity


class Streams:
    """Everything between the log and the views. Made by ``start``.

    Attributes:
        log: The write side.
        views: The read side.
        crashed: Done with the reason when folding broke down; the node must stop then, with exit code 70.
        watch: Knows how far each partition lags.
    """

    def __init__(
        self, log: KafkaEventLog, views: RocksViews, app: FoldingApp, rebuilder: Rebuilder, settings: StreamsSettings
    ) -> None:
        self.log = log
        self.views = views
        self.crashed = app.crashed
        self.watch = StallWatch(views.applied, views.stopped, log.end_offsets, far_behind=self._catch_up)
        self._watching = asyncio.create_task(self._watch_for_stalls(), name="streams-stall-watch")
        self._watching.add_done_callback(self._watch_ended)
        self._app = app
        self._rebuilder = rebuilder
        self._settings = settings
        self._stopped = False

    @classmethod
    async def start(
        cls,
        settings: StreamsSettings,
        *,
        on_open: Callable[[RocksViews], None] = lambda _: None,
        progress: Progress = lambda *_: None,
    ) -> "Streams":
        """Open the views, check log and topics, catch up in bulk, then follow with Faust.

        Args:
            on_open: Called with the views before any record is folded: the place to register callbacks.
            progress: Told (records folded, records to fold) while it catches up.

        Raises:
            Config: Views or topics stand against the start.
            EventLog: The log cannot be reached, or is not the one that the views were folded from.
        """
        folder = GenerationsFolder(settings.views_root)
        generation = await open_serving(folder, settings.vault, lambda path: _fill(path, settings, progress))
        views = RocksViews(generation, settings.vault)
        log = KafkaEventLog(settings.connection, settings.vault.fold_keys.mac_key, settings.vault.files_partitions)
        try:
            on_open(views)
            await ensure_topics(settings.connection, settings.vault.files_partitions, views.applied())
            async with BulkReader(settings.connection) as reader:
                await check_log(reader, generation)
                await refuse_foreign(reader, settings.vault)
                await _catch_up_far(views, settings, progress)
                await catch_up(reader, views, views.applied, LAG_FOR_BULK_MIN, progress)
            views.flush()
            await log.start()
            app = FoldingApp(settings.connection, settings.node_id, views, views.next_offset)
            await app.start()
        except BaseException:
            await log.stop()
            await views.stop()
            raise
        rebuilder = Rebuilder(settings.connection, folder, views)
        views.rebuild_with(rebuilder.rebuild)
        return cls(log, views, app, rebuilder, settings)

    @property
    def left_behind(self) -> bool:
        """Whether ``stop`` had to give up a client of the log: the loop cannot be unwound any more then."""
        return self._app.left_behind

    async def wait_caught_up(self, timeout_s: float) -> bool:
        """Whether the views reached, in time, where the log ended when this was asked."""
        try:
            async with asyncio.timeout(timeout_s):
                for topic in {topic for topic, _ in self.views.applied()}:
                    for partition, end in (await self.log.end_offsets(topic)).items():
                        await self.views.wait_applied((topic, partition), end - 1, timeout_s)
        except TimeoutError:
            return False
        return True

    async def _watch_for_stalls(self) -> None:
        topic, partition = await self.watch.run()
        reason = EventLog(f"the folding of {topic.value}/{partition} stands still although the log goes on")
        _log.error("%s", reason)
        if not self.crashed.done():
            self.crashed.set_result(reason)

    def _watch_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.crashed.done():
            _log.error("comparing the views with the log crashed: %r", error)
            self.crashed.set_result(error)

    async def _catch_up(self) -> None:
        """Overtake Faust in bulk; it skips what it then brings."""
        stopped = self.views.stopped()

        def to_fold() -> dict[Place, int]:
            return {place: offset for place, offset in self.views.applied().items() if place not in stopped}

        async with BulkReader(self._settings.connection) as reader, self.views.folding_paused():
            await catch_up(reader, self.views, to_fold, LAG_FOR_BULK_MIN, lambda *_: None, logged=True)

    async def stop(self, grace_s: float = STOP_TIMEOUT_S) -> None:
        """Stop folding, send what is buffered, flush and close the views. May be called twice.

        Args:
            grace_s: How long leaving the log may take; short where the log is known to be gone.
        """
        if self._stopped:
            return
        self._stopped = True
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self._app.stop(grace_s)
        await self.log.stop(grace_s)
        await self.views.stop()


async def _fill(path: Path, settings: StreamsSettings, progress: Progress) -> bool:
    """Fill fresh views; the topics may not be there yet."""
    await ensure_topics(settings.connection, settings.vault.files_partitions, {})
    async with BulkReader(settings.connection) as reader:
        await refuse_foreign(reader, settings.vault)
    return await fill_generation(path, settings.vault, settings.connection, progress)


async def _catch_up_far(views: RocksViews, settings: StreamsSettings, progress: Progress) -> None:
    """Fold a very long backlog with processes. Nobody reads yet, so the serving generation may be closed meanwhile."""
    starts = {place: offset + 1 for place, offset in views.applied().items() if place not in views.stopped()}
    ends = await ends_far_ahead(settings.connection, starts)
    if ends is None:
        return
    path = views.serving.path
    views.close()
    await fold_in_processes(path, settings.vault, settings.connection, starts, ends, progress, views.tell_dereferenced)
    views.swap(Generation(path, settings.vault))
    views.tell_epochs()
