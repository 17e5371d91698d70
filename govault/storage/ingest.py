"""Takes contents in: the event loop's side. Bytes are gathered into segments; threads do the rest."""

import asyncio
from collections import deque
from concurrent.futures import Executor
from functools import partial

from govault.errors import GoVaultError, Storage
from govault.limits import KIB, MIB
from govault.ports import Ingested, TellDurable
from govault.storage.committer import Committer
from govault.storage.disk import Buffer
from govault.storage.mailbox import Mailbox
from govault.storage.pipeline import Pipeline
from govault.storage.segment import Content, Segment, SmallContent

SEGMENT_BYTES = 2 * MIB
SEGMENTS_PER_CONTENT_MAX = 4
SEGMENT_BYTES_IN_WORK_MAX = 48 * MIB
SMALL_BYTES_MAX = 64 * KIB
"""Contents up to this size are stored by the committer itself."""


class Budget:
    """Bounds the bytes that all uploads together have in work. Used on the loop only; first come, first served."""

    def __init__(self, bytes_max: int) -> None:
        self._free = bytes_max
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Wait until that many bytes may be in work."""
        if not self._waiting and self._free >= size_bytes:
            self._free -= size_bytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (size_bytes, turn)
        self._waiting.append(waiting)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size_bytes)
            else:
                self._waiting.remove(waiting)
                self._admit()
            raise

    def give(self, size_bytes: int) -> None:
        """Those bytes are done."""
        self._free += size_bytes
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._free >= self._waiting[0][0]:
            size, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= size
                turn.set_result(None)


class IngestContext:
    """What all uploads of a store share."""

    def __init__(self, pipeline: Pipeline, committer: Committer, threads: Executor, mailbox: Mailbox) -> None:
        self.pipeline = pipeline
        self.committer = committer
        self.threads = threads
        self.mailbox = mailbox
        self.budget = Budget(SEGMENT_BYTES_IN_WORK_MAX)
        self.closed = False
        """Set when the store closes: the threads take no more work."""
        self._small: list[SmallContent] = []

    def store_small(self, small: SmallContent) -> None:
        """Give the committer a small content, together with the others of this turn of the loop.

        Each hand-over wakes the committer's thread, and that costs more than the rest of the way there.
        """
        if not self._small:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._small.append(small)

    def _hand_over(self) -> None:
        small, self._small = self._small, []
        self.committer.submit(small)


class PackIngest:
    """One content on its way into packs."""

    def __init__(self, context: IngestContext) -> None:
        self._context = context
        self._content = Content()
        self._pieces: list[Buffer] = []
        self._gathered_bytes = 0
        self._cutting: asyncio.Future[None] | None = None
        self._segments: deque[Segment] = deque()
        """In content order; those in front that are done are taken off."""
        self._unfinished: set[Segment] = set()
        self._parts: list[bytes] = []
        self._new_bytes = 0
        self._stored_bytes = 0
        self._failure: GoVaultError | None = None
        self._ended = False
        self._wake: asyncio.Future[None] | None = None
        self._tell_durable: TellDurable | None = None

    def on_durable(self, tell: TellDurable) -> None:
        self._content.watched = True
        self._tell_durable = tell

    async def write(self, data: bytes | memoryview) -> None:
        self._check()
        view = memoryview(data if isinstance(data, bytes) else bytes(data))
        while len(view) >= SEGMENT_BYTES - self._gathered_bytes:
            room = SEGMENT_BYTES - self._gathered_bytes
            self._gather(view[:room])
            view = view[room:]
            await self._ship()
        if view:
            self._gather(view)

    def take_parts(self) -> list[bytes]:
        parts, self._parts = self._parts, []
        return parts

    async def finish(self) -> Ingested:
        self._check()
        self._ended = True
        if self._cutting is None and self._gathered_bytes <= SMALL_BYTES_MAX:
            self._context.store_small(SmallContent(self._content, self._make_segment(last=True, charged=False)))
        else:
            await self._ship(last=True)
        while self._unfinished and self._failure is None:
            await self._changed()
        if self._failure is not None:
            raise self._failure
        content = self._content
        return Ingested(
            sha256=content.sha256.hexdigest(),
            size_bytes=content.size_bytes,
            chunks=content.chunks,
            packed=content.cutter.finish(),
            new_bytes=self._new_bytes,
            stored_bytes=self._stored_bytes,
            head=content.head,
        )

    async def abort(self) -> None:
        self._ended = True
        self._pieces.clear()
        self._failure = self._failure or Storage("the upload was given up", code="storage.aborted")

    def _check(self) -> None:
        self._check_alive()
        if self._ended:
            raise Storage("this upload has ended", code="storage.ended")

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._context.closed:
            raise Storage("the chunk store is closed", code="storage.closed")

    def _gather(self, piece: memoryview) -> None:
        self._pieces.append(piece)
        self._gathered_bytes += len(piece)

    def _make_segment(self, *, last: bool, charged: bool) -> Segment:
        segment = Segment(self._pieces, self._gathered_bytes, self._done_elsewhere, last=last, charged=charged)
        self._pieces, self._gathered_bytes = [], 0
        self._segments.append(segment)
        self._unfinished.add(segment)
        return segment

    async def _ship(self, *, last: bool = False) -> None:
        """Hand the gathered bytes to the threads, once the segment before was cut and there is room."""
        while len(self._unfinished) >= SEGMENTS_PER_CONTENT_MAX and self._failure is None:
            await self._changed()
        if self._cutting is not None:
            await asyncio.shield(self._cutting)
        await self._context.budget.take(self._gathered_bytes)
        try:
            self._check_alive()
        except GoVaultError:
            self._context.budget.give(self._gathered_bytes)
            raise
        segment = self._make_segment(last=last, charged=True)
        work = partial(self._context.pipeline.cut_then_store, self._content, segment)
        self._cutting = asyncio.get_running_loop().run_in_executor(self._context.threads, work)

    def _done_elsewhere(self, segment: Segment) -> None:
        """A segment is durable or failed; called by worker threads."""
        self._context.mailbox.post(partial(self._done, segment))

    def _done(self, segment: Segment) -> None:
        if segment not in self._unfinished:
            return
        self._unfinished.discard(segment)
        if segment.charged:
            self._context.budget.give(segment.size_bytes)
        if segment.failure is not None and self._failure is None:
            self._failure = segment.failure
        while self._failure is None and self._segments and self._segments[0] not in self._unfinished:
            first = self._segments.popleft()
            if self._tell_durable is not None and first.chunks:
                self._tell_durable(first.chunks)
            self._parts += first.parts
            self._new_bytes += first.new_bytes
            self._stored_bytes += first.stored_bytes
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _changed(self) -> None:
        """Wait until a segment ends. Every segment does: its workers finish or fail it."""
        self._wake = asyncio.get_running_loop().create_future()
        await self._wake
