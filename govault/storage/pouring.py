"""Pours chunks into an outlet from the threads that read and verify them.

A batch is read, verified and handed over by one thread, so that its bytes never leave that processor's cache and cost
the event loop one hop. Two batches are under way: one is verified while the one before leaves.

Order: a batch waits for its turn, which comes when the one before has left or was given back. Where the outlet is
full, that batch and those after it come back as copies, and the event loop passes them on as the outlet takes them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from enum import Enum
from threading import Event
from typing import NamedTuple

from govault.domain.manifest import ChunkRef
from govault.errors import GoVaultError
from govault.limits import MIB
from govault.ports.outlet import Outlet, behind
from govault.storage.disk import Buffer
from govault.storage.rooms import Rooms
from schemas.ids import ChunkId

ReadInto = Callable[[ChunkId, memoryview | None], Buffer]

_BATCH_BYTES = 2 * MIB
_BATCH_CHUNKS_MAX = 256
_BATCHES_AT_ONCE = 2
_TURN_S_MAX = 30.0
_PATIENCE_S = 0.01
_rooms = Rooms()


class _Flow(Enum):
    OPEN = "open"
    FULL = "full"
    """The outlet takes no more now: batches come back as copies."""
    ENDED = "ended"
    """A chunk cannot be served, or nobody waits any more: nothing leaves."""


class _Wanted(NamedTuple):
    """A part of a chunk."""

    chunk: ChunkRef
    start: int
    stop: int


class _Left(NamedTuple):
    """What became of a batch: bytes that the outlet took, and copies of those that it did not."""

    taken_bytes: int
    rest: list[bytes]


class _UnderWay(NamedTuple):
    """A batch in the hands of a thread; ``gone`` is set when the next may leave."""

    done: "asyncio.Future[_Left]"
    gone: Event


class Pour:
    """One run of chunks on its way out; see ``StraightReads.pour``."""

    def __init__(self, read: ReadInto, threads: Executor, outlet: Outlet) -> None:
        self._read = read
        self._threads = threads
        self._outlet = outlet
        self._flow = _Flow.OPEN
        self._is_quick = True
        """Whether the last batch left whole: only for such a client a thread waits a moment until it has read on."""

    async def run(self, chunks: Iterator[ChunkRef], skip_bytes: int, length_bytes: int) -> int:
        """Pour until all is handed over or a chunk cannot be served; how many bytes the outlet took."""
        wanted = _parts(chunks, skip_bytes, length_bytes)
        under_way: deque[_UnderWay] = deque()
        poured_bytes = 0
        try:
            while True:
                while self._flow is _Flow.OPEN and len(under_way) < _BATCHES_AT_ONCE and (batch := _batch(wanted)):
                    under_way.append(self._begin(batch, under_way[-1].gone if under_way else None))
                if not under_way:
                    return poured_bytes
                taken_bytes, rest = await under_way[0].done
                under_way.popleft()
                poured_bytes += taken_bytes
                for piece in rest:
                    await self._pass_on(piece)
                    poured_bytes += len(piece)
                if self._flow is _Flow.FULL and not under_way:
                    self._flow = _Flow.OPEN
        finally:
            self._flow = _Flow.ENDED
            for batch_under_way in under_way:
                batch_under_way.done.cancel()
                batch_under_way.gone.set()

    def _begin(self, batch: Sequence[_Wanted], before: Event | None) -> _UnderWay:
        gone = Event()
        done = asyncio.get_running_loop().run_in_executor(self._threads, self._work, batch, before, gone)
        return _UnderWay(done, gone)

    async def _pass_on(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            await self._outlet.ready()
            view = view[self._outlet.offer([view]) :]

    # --- on threads ------------------------------------------------------------------------------------------

    def _work(self, batch: Sequence[_Wanted], before: Event | None, gone: Event) -> _Left:
        left: _Left | None = None
        try:
            pieces, whole = self._verified(batch)
            if before is None or before.wait(_TURN_S_MAX):
                left = self._hand_over(pieces, whole)
            return left or _Left(0, [])
        finally:
            if left is None:
                # Nothing may leave behind a batch that did not.
                self._flow = _Flow.ENDED
            gone.set()

    def _verified(self, batch: Sequence[_Wanted]) -> tuple[list[Buffer], bool]:
        """The wanted bytes of the chunks up to one that cannot be served; whether there was none."""
        room = _rooms.room(_BATCH_BYTES)
        pieces: list[Buffer] = []
        for chunk, start, stop in batch:
            try:
                plain = self._read(chunk.chunk_id, room)
            except GoVaultError:
                return pieces, False
            if len(plain) != chunk.size_bytes:
                return pieces, False
            if isinstance(plain, memoryview):
                room = room[len(plain) :]
            pieces.append(plain if stop - start == len(plain) else memoryview(plain)[start:stop])
        return pieces, True

    def _hand_over(self, pieces: list[Buffer], whole: bool) -> _Left:
        """It is this batch's turn."""
        if self._flow is _Flow.ENDED:
            return _Left(0, [])
        taken_bytes = 0
        if self._flow is _Flow.OPEN and pieces:
            taken_bytes = self._outlet.offer(pieces, _PATIENCE_S if self._is_quick else 0.0)
        rest = [bytes(piece) for piece in behind(pieces, taken_bytes)]
        self._is_quick = not rest
        if not whole:
            self._flow = _Flow.ENDED
        elif rest:
            self._flow = _Flow.FULL
        return _Left(taken_bytes, rest)


def _parts(chunks: Iterator[ChunkRef], skip_bytes: int, length_bytes: int) -> Iterator[_Wanted]:
    """Of each chunk what lies in the wanted span."""
    for chunk in chunks:
        if length_bytes <= 0:
            return
        stop = min(chunk.size_bytes, skip_bytes + length_bytes)
        yield _Wanted(chunk, skip_bytes, stop)
        length_bytes -= stop - skip_bytes
        skip_bytes = 0


def _batch(wanted: Iterator[_Wanted]) -> list[_Wanted]:
    batch: list[_Wanted] = []
    size_bytes = 0
    while size_bytes < _BATCH_BYTES and len(batch) < _BATCH_CHUNKS_MAX and (part := next(wanted, None)) is not None:
        batch.append(part)
        size_bytes += part.chunk.size_bytes
    return batch
