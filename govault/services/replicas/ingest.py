"""One content on its way into the local store and from there to other nodes."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from govault.domain.manifest import PACKED_CHUNK_BYTES, ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from govault.errors import GoVaultError
from govault.limits import UPLOAD_UNSAFE_BYTES_MAX
from govault.ports import Ingest, Ingested, TellDurable
from govault.services.replicas.placing import Placing, refuse_while_fenced
from schemas.ids import ChunkId


@dataclass(slots=True, eq=False)
class _Batch:
    """Consecutive chunks of the content that are durable here."""

    chunks: Sequence[ChunkRef]
    is_safe: bool = False


class ReplicatedIngest:
    """``Ingest`` that counts a chunk as durable when W replicas are.

    Chunks are placed while bytes still flow: as the local store makes a segment durable, its chunks go out, and
    ``write`` waits only when too many bytes are not safe.
    """

    def __init__(
        self,
        inner: Ingest,
        placing: Placing,
        is_known: Callable[[ChunkId], bool],
        epoch: Callable[[], int],
        asked: Asked = AS_LAYOUT,
        *,
        confirm_known: bool = False,
    ) -> None:
        """A content.

        Args:
            is_known: Whether an applied version references a chunk: then its replicas are durable already.
            epoch: The highest epoch that this node has seen.
            asked: What the content's space asks.
            confirm_known: Whether known chunks may have fewer replicas than that.
        """
        self._inner = inner
        self._placing = placing
        self._is_known = is_known
        self._epoch = epoch
        self._asked = asked
        self._confirm_known = confirm_known
        self._gathered: list[ChunkRef] = []
        self._batches: deque[_Batch] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsafe_bytes = 0
        self._safe_chunks = 0
        self._parts: deque[tuple[int, bytes]] = deque()
        """With how many of the content's chunks each ends."""
        self._part_chunks = 0
        self._tell_durable: TellDurable | None = None
        self._failure: GoVaultError | None = None
        self._ended = False
        inner.on_durable(self._durable_here)

    def on_durable(self, tell: TellDurable) -> None:
        self._tell_durable = tell

    async def write(self, data: bytes | memoryview) -> None:
        self._check()
        await self._inner.write(data)
        self._reap(task for task in list(self._tasks) if task.done())
        while self._unsafe_bytes > UPLOAD_UNSAFE_BYTES_MAX:
            await self._next_done()

    def take_parts(self) -> list[bytes]:
        for part in self._inner.take_parts():
            self._part_chunks += len(part) // PACKED_CHUNK_BYTES
            self._parts.append((self._part_chunks, part))
        taken: list[bytes] = []
        while self._parts and self._parts[0][0] <= self._safe_chunks:
            taken.append(self._parts.popleft()[1])
        return taken

    async def finish(self) -> Ingested:
        self._check()
        ingested = await self._inner.finish()
        self._place_gathered()
        while self._tasks:
            await self._next_done()
        refuse_while_fenced(self._placing.candidates)
        self._ended = True
        return ingested

    async def abort(self) -> None:
        self._ended = True
        await self._inner.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _durable_here(self, chunks: Sequence[ChunkRef]) -> None:
        if not self._gathered and not self._ended:
            # Segments that became durable together go out together.
            asyncio.get_running_loop().call_soon(self._place_gathered)
        self._gathered += chunks

    def _place_gathered(self) -> None:
        chunks, self._gathered = self._gathered, []
        if not chunks or self._ended:
            return
        batch = _Batch(chunks)
        self._batches.append(batch)
        distinct = [] if self._placing.is_alone else list(dict.fromkeys(chunks))
        unknown = [chunk for chunk in distinct if not self._is_known(chunk.chunk_id)]
        known = [chunk.chunk_id for chunk in distinct if self._is_known(chunk.chunk_id)] if self._confirm_known else []
        if not unknown and not known:
            self._settle(batch)
            return
        self._unsafe_bytes += sum(chunk.size_bytes for chunk in unknown)
        self._tasks.add(asyncio.create_task(self._place(batch, unknown, known)))

    async def _place(self, batch: _Batch, chunks: list[ChunkRef], known: list[ChunkId]) -> None:
        await self._placing.make_safe(chunks, self._epoch(), self._asked)
        await self._placing.confirm(known, self._epoch(), self._asked)
        self._unsafe_bytes -= sum(chunk.size_bytes for chunk in chunks)
        self._settle(batch)

    def _settle(self, batch: _Batch) -> None:
        batch.is_safe = True
        while self._batches and self._batches[0].is_safe:
            chunks = self._batches.popleft().chunks
            self._safe_chunks += len(chunks)
            if self._tell_durable is not None:
                self._tell_durable(chunks)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _next_done(self) -> None:
        """Wait until a batch is safe; every one is, or fails, within PLACING_S_MAX of its turn."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self._reap(done)

    def _reap(self, done: Iterable[asyncio.Task[None]]) -> None:
        for task in done:
            self._tasks.discard(task)
            try:
                task.result()
            except GoVaultError as error:
                self._failure = error
                raise
