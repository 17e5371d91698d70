"""Makes chunks safe: W durable replicas before a write counts, R of them soon after.

Chunks of several uploads that become durable here in the same turn of the event loop go out together: for small
contents a call of their own would cost more than all the rest. Each upload waits for its own chunks alone.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from govault.budget import Budget
from govault.domain.manifest import ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from govault.errors import Cluster, Storage
from govault.limits import (
    PEER_BATCH_BYTES_MAX,
    PEER_BATCH_CHUNKS_MAX,
    PLACING_BYTES_MAX,
    PLACING_LAG_BYTES_MAX,
    PLACING_LAG_S_MAX,
    PLACING_S_MAX,
)
from govault.ports import PeerStores, ReplicaStore, SealedChunk
from govault.services.replicas.candidates import Candidates
from govault.services.replicas.spread import Spread
from schemas.ids import ChunkId

_BATCH_BYTES = PEER_BATCH_BYTES_MAX // 2


@dataclass(slots=True, eq=False)
class _Request:
    """Chunks that somebody waits for.

    Attributes:
        read_first: Whether their peers probably lack them.
        done: Done when they are safe, failed when they cannot be, cancelled when nobody waits any more.
    """

    chunks: list[ChunkRef]
    epoch: int
    read_first: bool
    asked: Asked
    done: asyncio.Future[None]

    @property
    def size_bytes(self) -> int:
        """Bytes to be read and sent."""
        return sum(chunk.size_bytes for chunk in self.chunks) if self.read_first else 0

    def succeed(self) -> None:
        """They are safe."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: BaseException) -> None:
        """They cannot be."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True)
class Placing:
    """What this node's writes have under way to other nodes. Bounded: by bytes, calls and time."""

    candidates: Candidates
    local: ReplicaStore
    peers: PeerStores
    _budget: Budget = field(default_factory=lambda: Budget(PLACING_BYTES_MAX))
    _queue: list[_Request] = field(default_factory=list)
    _placing: set[asyncio.Task[None]] = field(default_factory=set)
    _lagging: dict[asyncio.Task[None], int] = field(default_factory=dict)

    @property
    def is_alone(self) -> bool:
        """Whether there is no layout: this node holds everything."""
        return self.candidates.cluster.placement.newest is None

    async def make_safe(self, chunks: Sequence[ChunkRef], epoch: int, asked: Asked = AS_LAYOUT) -> None:
        """Bring distinct chunks that are durable here to other nodes; returns when W replicas of each are durable.

        All are stamped with at least ``epoch`` there. What is still missing to R goes on behind, for a while.

        Raises:
            Cluster: ``cluster.too-few-replicas``: fewer than W can be made now.
        """
        for batch in _batches(chunks):
            await self._ask(batch, epoch, asked, read_first=True)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> None:
        """As ``make_safe``, for chunks that are probably at their holders: only what they lack is read and sent."""
        for start in range(0, len(chunks), PEER_BATCH_CHUNKS_MAX):
            batch = [ChunkRef(chunk_id, 0) for chunk_id in chunks[start : start + PEER_BATCH_CHUNKS_MAX]]
            await self._ask(batch, epoch, asked, read_first=False)

    async def close(self) -> None:
        """Give up what is under way: who misses a chunk completes itself."""
        while tasks := {*self._placing, *self._lagging}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _ask(self, chunks: list[ChunkRef], epoch: int, asked: Asked, *, read_first: bool) -> None:
        loop = asyncio.get_running_loop()
        if not self._queue:
            loop.call_soon(self._flush)
        request = _Request(chunks, epoch, read_first, asked, loop.create_future())
        self._queue.append(request)
        await request.done

    def _flush(self) -> None:
        requests, self._queue = self._queue, []
        for group in _groups(requests):
            self._start(self._place(group))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._placing.add(task)
        task.add_done_callback(self._placing.discard)
        return task

    async def _place(self, requests: list[_Request]) -> None:
        """See to it that every request is done, one way or the other."""
        size_bytes = min(sum(request.size_bytes for request in requests), PLACING_BYTES_MAX)
        try:
            await self._take_turn(size_bytes)
            try:
                await self._place_now([request for request in requests if not request.done.done()], size_bytes)
            finally:
                self._budget.give(size_bytes)
        except Exception as error:  # noqa: BLE001 (the border between a worker and those who wait for it)
            for request in requests:
                request.fail(error)
        finally:
            for request in requests:
                request.done.cancel()

    async def _take_turn(self, size_bytes: int) -> None:
        try:
            async with asyncio.timeout(PLACING_S_MAX):
                await self._budget.take(size_bytes)
        except TimeoutError as error:
            raise Cluster("too much waits for other nodes to take it; repeat it later", code="cluster.busy") from error

    async def _place_now(self, requests: list[_Request], size_bytes: int) -> None:
        sealed = await self._read(requests)
        requests = [request for request in requests if not request.done.done()]
        if not requests:
            return
        ids = list(dict.fromkeys(chunk.chunk_id for request in requests for chunk in request.chunks))
        spread = Spread(
            self.local,
            self.peers,
            ids,
            partial(self.candidates.takers, requests[0].asked),
            quorum=self.candidates.cluster.placement.quorum(requests[0].asked),
            epoch=max(request.epoch for request in requests),
            sealed=sealed,
        )
        for request in requests:
            spread.watch([chunk.chunk_id for chunk in request.chunks], request.succeed)
        await self._run(spread, requests, size_bytes)

    async def _run(self, spread: Spread, requests: list[_Request], size_bytes: int) -> None:
        """Let it run as long as somebody waits, and behind when all is safe."""
        task = self._start(spread.run())
        answers = asyncio.gather(*(request.done for request in requests), return_exceptions=True)
        ends: list[asyncio.Future[Any]] = [task, answers]
        try:
            await asyncio.wait(ends, timeout=PLACING_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if spread.safe:
                self._let_lag(task, size_bytes)
            else:
                task.cancel()
                await asyncio.wait([task])
        if not task.cancelled() and task.done() and (bug := task.exception()) is not None:
            raise bug
        for request in requests:
            request.fail(spread.shortage([chunk.chunk_id for chunk in request.chunks]))

    async def _read(self, requests: Iterable[_Request]) -> list[SealedChunk]:
        """The records of what is probably to be sent; a request that lacks one fails."""
        found: dict[ChunkId, SealedChunk] = {}
        wanted = [chunk.chunk_id for request in requests if request.read_first for chunk in request.chunks]
        left = list(dict.fromkeys(wanted))
        while left and (batch := await self.local.sealed(left)):
            found.update((chunk.chunk_id, chunk) for chunk in batch)
            left = left[left.index(batch[-1].chunk_id) + 1 :]
        for request in requests:
            for chunk in request.chunks:
                if request.read_first and chunk.chunk_id not in found:
                    name = chunk.chunk_id.hex()
                    request.fail(Storage(f"chunk {name} was damaged or removed while it was stored; repeat the upload"))
        return list(found.values())

    def _let_lag(self, task: asyncio.Task[None], size_bytes: int) -> None:
        """What goes on after a write is safe; where it becomes too much, the oldest is given up."""
        if task.done():
            return
        self._placing.discard(task)
        self._lagging[task] = size_bytes
        timer = asyncio.get_running_loop().call_later(PLACING_LAG_S_MAX, task.cancel)
        task.add_done_callback(partial(self._lag_ended, timer))
        behind_bytes = sum(self._lagging.values())
        for older, older_bytes in list(self._lagging.items()):
            if behind_bytes <= PLACING_LAG_BYTES_MAX:
                break
            older.cancel()
            behind_bytes -= older_bytes

    def _lag_ended(self, timer: asyncio.TimerHandle, task: asyncio.Task[None]) -> None:
        timer.cancel()
        del self._lagging[task]
        if not task.cancelled():
            task.exception()


def refuse_while_fenced(candidates: Candidates) -> None:
    """Nothing is acknowledged while this node reaches neither log nor peers.

    Raises:
        Cluster: It does not.
    """
    if candidates.cluster.fenced:
        raise Cluster(
            "this node reaches neither the log nor another node, so it takes no writes; repeat it later, or elsewhere",
            code="cluster.fenced",
        )


def _batches(chunks: Sequence[ChunkRef]) -> Iterator[list[ChunkRef]]:
    batch: list[ChunkRef] = []
    size_bytes = 0
    for chunk in chunks:
        size_bytes += chunk.size_bytes
        if batch and (size_bytes > _BATCH_BYTES or len(batch) == PEER_BATCH_CHUNKS_MAX):
            yield batch
            batch, size_bytes = [], chunk.size_bytes
        batch.append(chunk)
    if batch:
        yield batch


def _groups(requests: Iterable[_Request]) -> Iterator[list[_Request]]:
    """Requests that go out together: of one kind, and not more than one call takes."""
    kinds: dict[tuple[bool, Asked], list[_Request]] = {}
    for request in requests:
        kinds.setdefault((request.read_first, request.asked), []).append(request)
    for kind in kinds.values():
        group: list[_Request] = []
        size_bytes = chunks = 0
        for request in kind:
            size_bytes, chunks = size_bytes + request.size_bytes, chunks + len(request.chunks)
            if group and (size_bytes > _BATCH_BYTES or chunks > PEER_BATCH_CHUNKS_MAX):
                yield group
                group, size_bytes, chunks = [], request.size_bytes, len(request.chunks)
            group.append(request)
        if group:
            yield group
