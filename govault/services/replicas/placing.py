"""Makes chunks safe: W durable replicas before a write counts, R of them soon after."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from govault.budget import Budget
from govault.domain.manifest import ChunkRef
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


@dataclass(slots=True)
class Placing:
    """What this node's writes have under way to other nodes. Bounded: by bytes, calls and time."""

    candidates: Candidates
    local: ReplicaStore
    peers: PeerStores
    _budget: Budget = field(default_factory=lambda: Budget(PLACING_BYTES_MAX))
    _lagging: dict[asyncio.Task[None], int] = field(default_factory=dict)

    @property
    def is_alone(self) -> bool:
        """Whether there is no layout: this node holds everything."""
        return self.candidates.cluster.placement.newest is None

    async def make_safe(self, chunks: Sequence[ChunkRef], epoch: int) -> None:
        """Bring distinct chunks that are durable here to other nodes; returns when W replicas of each are durable.

        All are stamped with at least ``epoch`` there. What is still missing to R goes on behind, for a while.

        Raises:
            Cluster: ``cluster.too-few-replicas``: fewer than W can be made now.
        """
        for batch in _batches(chunks):
            size_bytes = sum(chunk.size_bytes for chunk in batch)
            held_bytes = min(size_bytes, PLACING_BYTES_MAX)
            await self._budget.take(held_bytes)
            try:
                ids = [chunk.chunk_id for chunk in batch]
                await self._place(ids, epoch, await self._read(ids), size_bytes)
            finally:
                self._budget.give(held_bytes)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        """As ``make_safe``, for chunks that are probably at their holders: only what they lack is read and sent."""
        for start in range(0, len(chunks), PEER_BATCH_CHUNKS_MAX):
            await self._place(chunks[start : start + PEER_BATCH_CHUNKS_MAX], epoch, [], 0)

    async def close(self) -> None:
        """Give up what lags behind: who misses a chunk completes itself."""
        tasks = list(self._lagging)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _read(self, chunks: list[ChunkId]) -> list[SealedChunk]:
        found: list[SealedChunk] = []
        while len(found) < len(chunks):
            batch = await self.local.sealed(chunks[len(found) :])
            if not batch or batch[0].chunk_id != chunks[len(found)]:
                name = chunks[len(found)].hex()
                raise Storage(f"chunk {name} was damaged or removed while it was stored; repeat the upload")
            found += batch
        return found

    async def _place(self, chunks: Sequence[ChunkId], epoch: int, sealed: list[SealedChunk], size_bytes: int) -> None:
        quorum = self.candidates.cluster.placement.write_quorum
        takers = self.candidates.takers
        spread = Spread(self.local, self.peers, chunks, takers, quorum=quorum, epoch=epoch, sealed=sealed)
        task = asyncio.create_task(spread.run())
        try:
            async with asyncio.timeout(PLACING_S_MAX):
                await spread.decided.wait()
        except TimeoutError:
            raise spread.shortage() from None
        finally:
            if spread.safe:
                self._let_lag(task, size_bytes)
            else:
                task.cancel()
                await asyncio.wait([task])
        if not spread.safe:
            if not task.cancelled() and (bug := task.exception()) is not None:
                raise bug
            raise spread.shortage()

    def _let_lag(self, task: asyncio.Task[None], size_bytes: int) -> None:
        """What goes on after a write is safe; where it becomes too much, the oldest is given up."""
        if task.done():
            return
        self._lagging[task] = size_bytes
        timer = asyncio.get_running_loop().call_later(PLACING_LAG_S_MAX, task.cancel)

        def ended(task: asyncio.Task[None]) -> None:
            timer.cancel()
            del self._lagging[task]
            if not task.cancelled():
                task.exception()

        task.add_done_callback(ended)
        behind_bytes = sum(self._lagging.values())
        for older, older_bytes in list(self._lagging.items()):
            if behind_bytes <= PLACING_LAG_BYTES_MAX:
                break
            older.cancel()
            behind_bytes -= older_bytes


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
