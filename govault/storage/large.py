"""A content of many segments on its way into packs: the event loop's side. Threads cut and store."""

import asyncio
from collections import deque
from functools import partial

from govault.errors import GoVaultError, Storage
from govault.limits import MIB
from govault.ports import Ingested, TellDurable
from govault.storage.disk import Buffer
from govault.storage.ingest_context import IngestContext
from govault.storage.segment import Content, Segment

SEGMENT_BYTES = 2 * MIB
SEGMENTS_PER_CONTENT_MAX = 4


class LargeIngest:
    """Gathers bytes into segments, a bounded number in work at once."""

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

    def _make_segment(self, *, last: bool) -> Segment:
        segment = Segment(self._pieces, self._gathered_bytes, self._done_elsewhere, last=last)
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
        segment = self._make_segment(last=last)
        work = partial(self._context.pipeline.cut_then_store, self._content, segment)
        self._cutting = asyncio.get_running_loop().run_in_executor(self._context.threads, work)

    def _done_elsewhere(self, segment: Segment) -> None:
        """A segment is durable or failed; called by worker threads."""
        self._context.mailbox.post(partial(self._done, segment))

    def _done(self, segment: Segment) -> None:
        if segment not in self._unfinished:
            return
        self._unfinished.discard(segment)
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
