"""Reads chunks from wherever they are: here first, else from other nodes, ahead of whoever consumes them."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from itertools import chain
from typing import NamedTuple, cast

from govault.domain.manifest import ChunkRef
from govault.errors import ChunkDamaged, ChunkMissing, Cluster, GoVaultError
from govault.limits import MIB, READ_AHEAD_BYTES, READ_REPAIR_BYTES_MAX
from govault.ports import NodeStore
from govault.services.replicas.cache import RemoteCache
from govault.services.replicas.fetching import SIZE_UNKNOWN, Fetch, Fetched
from govault.services.replicas.shared_fetches import SharedFetches
from schemas.ids import ChunkId

_BATCH_BYTES = 1 * MIB
_BATCH_CHUNKS_MAX = 64
_BROUGHT_AT_ONCE = 16
_BATCHES_AHEAD = READ_AHEAD_BYTES // _BATCH_BYTES


class _Read(NamedTuple):
    """The chunks of a batch from its first on, and what came instead of the next."""

    plains: list[bytes]
    failure: GoVaultError | None


class _Repair(NamedTuple):
    """A chunk on its way into the store here."""

    task: asyncio.Task[None]
    size_bytes: int


class Reading:
    """Every byte that it gives was held against its chunk's id."""

    def __init__(self, local: NodeStore, fetching: SharedFetches, cache: RemoteCache) -> None:
        self._local = local
        self._fetching = fetching
        self._cache = cache
        self._repairs: dict[ChunkId, _Repair] = {}

    async def read(self, chunk: ChunkRef) -> bytes:
        """See ``ChunkStore.read``.

        Raises:
            Cluster: ``cluster.chunk-unreachable``: no node that answers has it, and some do not answer.
        """
        read = await self._read([chunk])
        if read.failure is not None:
            raise read.failure
        return read.plains[0]

    async def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        """See ``ChunkStore.read_run``. From the first chunk on that is not here, some megabytes ahead."""
        taken: deque[ChunkRef] = deque()

        def taking() -> Iterator[ChunkRef]:
            for chunk in chunks:
                taken.append(chunk)
                yield chunk

        try:
            async with aclosing(self._run_here(taking())) as run:
                async for plain in run:
                    taken.popleft()
                    yield plain
            return
        except (ChunkMissing, ChunkDamaged):
            # What the local store had taken beyond it comes first.
            rest = chain(list(taken), chunks)
        async with aclosing(self._read_ahead(rest)) as run:
            async for plain in run:
                yield plain

    async def bring_home(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """Fetch chunks and keep them here, durably; those that nobody has.

        Raises:
            Cluster: ``cluster.chunk-unreachable``: some of them may be at nodes that do not answer.
        """
        lacking: list[ChunkId] = []
        for start in range(0, len(chunks), _BROUGHT_AT_ONCE):
            batch = [ChunkRef(chunk_id, SIZE_UNKNOWN) for chunk_id in chunks[start : start + _BROUGHT_AT_ONCE]]
            fetch = await self._fetching.fetch(batch)
            await self._local.store_sealed([fetched.sealed for fetched in fetch.found.values()], epoch)
            absent = [chunk.chunk_id for chunk in batch if chunk.chunk_id not in fetch.found]
            if absent and fetch.silent:
                raise _unreachable(absent[0], fetch)
            lacking += absent
        return lacking

    async def close(self) -> None:
        """Give up repairs under way."""
        tasks = [repair.task for repair in self._repairs.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _run_here(self, chunks: Iterator[ChunkRef]) -> AsyncGenerator[bytes, None]:
        return cast("AsyncGenerator[bytes, None]", self._local.read_run(chunks))

    async def _read_ahead(self, chunks: Iterator[ChunkRef]) -> AsyncGenerator[bytes, None]:
        ahead: deque[asyncio.Task[_Read]] = deque()
        # The first call has one chunk, so that the first byte leaves at once.
        budget_bytes = 1
        try:
            while True:
                while len(ahead) < _BATCHES_AHEAD and (batch := _next_batch(chunks, budget_bytes)):
                    ahead.append(asyncio.create_task(self._read(batch)))
                    budget_bytes = _BATCH_BYTES
                if not ahead:
                    return
                read = await ahead[0]
                ahead.popleft()
                for plain in read.plains:
                    yield plain
                if read.failure is not None:
                    raise read.failure
        finally:
            for task in ahead:
                task.cancel()
            if ahead:
                await asyncio.wait(ahead)

    async def _read(self, batch: Sequence[ChunkRef]) -> _Read:
        """A few chunks; what is not here is fetched together."""
        plains: dict[ChunkId, bytes] = {}
        failures: dict[ChunkId, GoVaultError] = {}
        for chunk in dict.fromkeys(batch):
            cached = self._cache.get(chunk.chunk_id)
            if cached is not None:
                plains[chunk.chunk_id] = cached
        await self._read_here(
            [chunk for chunk in dict.fromkeys(batch) if chunk.chunk_id not in plains], plains, failures
        )
        absent = [chunk for chunk in dict.fromkeys(batch) if chunk.chunk_id in failures]
        if absent:
            fetch = await self._fetching.fetch(absent)
            for chunk_id, fetched in fetch.found.items():
                plains[chunk_id] = fetched.plain
                self._keep(fetched, failures[chunk_id])
            failures = {
                chunk.chunk_id: _unreachable(chunk.chunk_id, fetch) if fetch.silent else failures[chunk.chunk_id]
                for chunk in absent
                if chunk.chunk_id not in plains
            }
        found: list[bytes] = []
        for chunk in batch:
            if chunk.chunk_id not in plains:
                return _Read(found, failures[chunk.chunk_id])
            found.append(plains[chunk.chunk_id])
        return _Read(found, None)

    async def _read_here(
        self, chunks: list[ChunkRef], plains: dict[ChunkId, bytes], failures: dict[ChunkId, GoVaultError]
    ) -> None:
        left = deque(chunks)
        while left:
            try:
                async with aclosing(self._run_here(iter(list(left)))) as run:
                    async for plain in run:
                        plains[left.popleft().chunk_id] = plain
            except (ChunkMissing, ChunkDamaged) as error:
                failures[left.popleft().chunk_id] = error

    def _keep(self, fetched: Fetched, why: GoVaultError) -> None:
        """Repair what should be here; what is another's is remembered if it is asked for again."""
        sealed = fetched.sealed
        if not isinstance(why, ChunkDamaged) and not self._fetching.candidates.holds(sealed.chunk_id):
            self._cache.offer(sealed.chunk_id, fetched.plain)
            return
        under_way_bytes = sum(repair.size_bytes for repair in self._repairs.values())
        if sealed.chunk_id in self._repairs or under_way_bytes + len(sealed.sealed) > READ_REPAIR_BYTES_MAX:
            # Another reader of the same transfer was first; or repair comes by on its own for what is left out here.
            return
        task = asyncio.create_task(self._repair(fetched))
        self._repairs[sealed.chunk_id] = _Repair(task, len(sealed.sealed))
        task.add_done_callback(lambda task: self._repairs.pop(sealed.chunk_id))

    async def _repair(self, fetched: Fetched) -> None:
        try:
            await self._local.store_sealed([fetched.sealed], 0)
        except GoVaultError:
            # A full disk, say: the reader has its bytes, and repair reports what it cannot do.
            pass


def _unreachable(chunk_id: ChunkId, fetch: Fetch) -> Cluster:
    silent = ", ".join(sorted(peer[:12] for peer in fetch.silent))
    return Cluster(
        f"chunk {chunk_id.hex()} is at no node that answers; these do not: {silent}. Repeat it when they are back",
        code="cluster.chunk-unreachable",
        chunk_id=chunk_id.hex(),
        peers=dict(fetch.silent),
    )


def _next_batch(chunks: Iterator[ChunkRef], budget_bytes: int) -> list[ChunkRef]:
    batch: list[ChunkRef] = []
    size_bytes = 0
    while size_bytes < budget_bytes and len(batch) < _BATCH_CHUNKS_MAX:
        chunk = next(chunks, None)
        if chunk is None:
            break
        batch.append(chunk)
        size_bytes += chunk.size_bytes
    return batch
