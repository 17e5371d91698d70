"""The broker: a log store, its committer, its groups, and the port. Runs in any asyncio loop."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from streams.broker.auth import Credentials
from streams.broker.batches import BatchInvalid
from streams.broker.codes import Code
from streams.broker.commit import Committer, SegmentSyncer
from streams.broker.compaction import bytes_wanted, compact, is_due, roll_if_lagging
from streams.broker.disk import Disk, RealDisk
from streams.broker.failures import BrokerFailure
from streams.broker.groups import Group
from streams.broker.journal import Journal
from streams.broker.limits import RETENTION_INTERVAL_S, STOP_TIMEOUT_S
from streams.broker.lock import FolderLock
from streams.broker.offsets import taken_over_change
from streams.broker.partition import Partition
from streams.broker.protocol import Request
from streams.broker.recovery import open_store
from streams.broker.retention import retain
from streams.broker.space import FreeSpace
from streams.broker.store import LogStore

T = TypeVar("T")


class Broker:
    """A log folder served on a listening socket.

    `start` may be called once. After `failed` was called nothing is answered any more and the
    process (or the test) is expected to end the broker.
    """

    def __init__(
        self,
        folder: Path,
        credentials: Credentials,
        listener: socket.socket,
        *,
        failed: Callable[[BrokerFailure], None],
        journal: Journal,
        disk: Disk | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.credentials = credentials
        self.journal = journal
        self.now_ms = now_ms
        self.node_id = 1
        self.host, self.port = listener.getsockname()[:2]
        self.groups: dict[str, Group] = {}
        self.store: LogStore
        self.committer: Committer
        self.space: FreeSpace
        self.catalogue = asyncio.Lock()
        """Held while topics are made, changed or removed."""
        self._listener = listener
        self._disk = disk if disk is not None else RealDisk(folder)
        self._lock = FolderLock(folder)
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []
        self._lasting: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Lock the folder, recover the log, serve.

        Raises:
            BrokerFailure: with why it cannot.
        """
        from streams.broker.server import Server

        self._lock.acquire()
        syncer = SegmentSyncer(self._disk)
        self.store, recovered = open_store(self._disk, syncer)
        self.committer = Committer(self.store, syncer, self._fail)
        self.space = FreeSpace(self._disk)
        self.server = Server(self)
        await self.server.start(self._listener)
        self._tasks.append(asyncio.create_task(self._keep_house_regularly()))
        self.journal.info(
            "log open", cluster_id=self.store.identity.cluster_id, topics=len(self.store.topics), **vars_of(recovered)
        )

    async def stop(self) -> None:
        """Stop serving, commit what is pending, write a checkpoint, unlock."""
        for task in self._tasks:
            task.cancel()
        await self.server.stop()
        if self._lasting:
            await asyncio.wait(self._lasting, timeout=STOP_TIMEOUT_S / 2)
        for group in self.groups.values():
            group.close()
        try:
            await self.committer.close()
        except BrokerFailure:
            pass  # It was reported; the next start recovers.
        self.store.close()
        self._lock.release()

    def run_to_the_end(self, work: Awaitable[T]) -> asyncio.Future[T]:
        """Work that who waits for it may leave, and that goes on nevertheless."""
        task = asyncio.ensure_future(work)
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)
        return asyncio.shield(task)

    def _fail(self, failure: BrokerFailure) -> None:
        self.server.abort()
        self._failed(failure)

    async def _keep_house_regularly(self) -> None:
        while True:
            await asyncio.sleep(RETENTION_INTERVAL_S)
            try:
                await self.keep_house()
            except BrokerFailure:
                return  # The committer has reported it.

    async def keep_house(self) -> None:
        """Expire and compact what is due."""
        if gone := await retain(self.committer, self.store, self.now_ms()):
            self.journal.info("segments expired", segments=gone)
        for partition in list(self.store.partitions()):
            roll_if_lagging(partition, self.now_ms())
            if is_due(partition, self.now_ms()):
                await self._compact(partition)

    async def _compact(self, partition: Partition) -> None:
        async with self.catalogue:
            if partition.deleted:
                return
            wanted = bytes_wanted(partition)
            if not self.space.leaves_room(wanted):
                self.journal.warning("no room to compact: free some space", topic=partition.topic, bytes=wanted)
                return
            try:
                won = await compact(self.committer, self.store, partition, self.now_ms())
            except (BatchInvalid, OSError) as problem:
                # Nothing that is served was touched. A damaged segment stays readable up to the damage.
                self.journal.error("compaction failed", topic=partition.topic, error=str(problem))
                return
        self.journal.info("compacted", topic=partition.topic, partition=partition.index, bytes_won=won)

    # Groups ----------------------------------------------------------------------------------

    def may_use_group(self, request: Request, group_id: str) -> Code | None:
        """Read-only principals keep to groups that no full principal has used."""
        if not group_id:
            return Code.INVALID_GROUP_ID
        if request.may_write:
            return None
        group = self.groups.get(group_id)
        stored = self.store.offsets.get(group_id)
        if (group is not None and group.owned) or (stored is not None and stored.owned):
            return Code.GROUP_AUTHORIZATION_FAILED
        return None

    def make_group(self, group_id: str) -> Group:
        """A group without members."""
        stored = self.store.offsets.get(group_id)
        group = Group(group_id, on_empty=lambda g: self.forget_group(g.id))
        group.owned = stored is not None and stored.owned
        self.groups[group_id] = group
        return group

    async def take_over(self, group: Group) -> None:
        """A full principal uses a group: whatever read-only ones did under its name is undone."""
        if group.owned:
            return
        group.evict_all()
        group.owned = True
        stored = self.store.offsets.get(group.id)
        # What they committed may still be under way: that is told where the changes are in their order.
        if self.committer.settled() is not None or (stored is not None and not stored.owned):
            self.store.change_offsets(taken_over_change(group.id))
            await asyncio.shield(self.committer.committed())

    def forget_group(self, group_id: str) -> None:
        """Drop a group without members; its offsets stay where they are."""
        if (group := self.groups.pop(group_id, None)) is not None:
            group.close()


def vars_of(recovered: object) -> dict[str, int]:
    """The fields of a slotted dataclass."""
    return {name: getattr(recovered, name) for name in type(recovered).__slots__}  # type: ignore[attr-defined]
