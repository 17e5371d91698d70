"""Takes contents in: small ones whole, to be stored together with others; larger ones as segments."""

import asyncio

from govault.domain.manifest import unpack
from govault.errors import Storage
from govault.limits import KIB
from govault.ports import Ingested, TellDurable
from govault.storage.ingest_context import IngestContext
from govault.storage.large import LargeIngest
from govault.storage.pipeline import HEAD_BYTES
from govault.storage.segment import SmallContent

SMALL_BYTES_MAX = 192 * KIB
"""Contents up to this size are stored by the committer itself."""
_AT_ONCE_BYTES_MAX = 64 * KIB
"""Up to this size a content is hashed on the event loop: a thread would be woken for longer than that takes."""


class PackIngest:
    """One content on its way into packs."""

    __slots__ = ("_context", "_ended", "_large", "_parts", "_pieces", "_size_bytes", "_tell_durable")

    def __init__(self, context: IngestContext) -> None:
        self._context = context
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._large: LargeIngest | None = None
        self._parts: list[bytes] = []
        self._tell_durable: TellDurable | None = None
        self._ended = False

    def on_durable(self, tell: TellDurable) -> None:
        self._tell_durable = tell

    async def write(self, data: bytes | memoryview) -> None:
        self._check()
        piece = data if isinstance(data, bytes) else bytes(data)
        if self._large is None:
            self._size_bytes += len(piece)
            if self._size_bytes <= SMALL_BYTES_MAX:
                self._pieces.append(piece)
                return
            self._large = LargeIngest(self._context)
            if self._tell_durable is not None:
                self._large.on_durable(self._tell_durable)
            pieces, self._pieces = self._pieces, []
            for earlier in pieces:
                await self._large.write(earlier)
        await self._large.write(piece)

    def take_parts(self) -> list[bytes]:
        if self._large is not None:
            return self._large.take_parts()
        parts, self._parts = self._parts, []
        return parts

    async def finish(self) -> Ingested:
        self._check()
        self._ended = True
        if self._large is not None:
            return await self._large.finish()
        pieces, self._pieces = self._pieces, []
        small = SmallContent(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        await self._store(small)
        self._parts = small.parts
        if self._tell_durable is not None and small.chunks:
            self._tell_durable(list(unpack(b"".join([*small.parts, small.packed]))))
        plain = small.plain
        return Ingested(
            small.sha256,
            len(plain),
            small.chunks,
            small.packed,
            small.new_bytes,
            small.stored_bytes,
            plain[:HEAD_BYTES],
        )

    async def abort(self) -> None:
        self._ended = True
        self._pieces.clear()
        if self._large is not None:
            await self._large.abort()

    async def _store(self, small: SmallContent) -> None:
        context = self._context
        if len(small.plain) > _AT_ONCE_BYTES_MAX:
            # Before anything is claimed: whoever waits for room may not be waited for.
            await context.budget.take(len(small.plain))
            try:
                self._check_open()
                await self._stored(small)
            finally:
                context.budget.give(len(small.plain))
        elif not context.pipeline.claim_at_once(small) or small.unresolved:
            await self._stored(small)

    async def _stored(self, small: SmallContent) -> None:
        """Hand it to the committer where it has anything to store, and wait until all its chunks are durable."""
        context = self._context
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        small.tell(context.mailbox, ended)
        if small.claimed is None or small.claimed:
            context.store_small(small)
        elif not small.unresolved or small.failure is not None:
            # Those that it waited for ended before ``tell``.
            ended.set_result(None)
        await ended
        if small.failure is not None:
            raise small.failure

    def _check(self) -> None:
        self._check_open()
        if self._ended:
            raise Storage("this upload has ended", code="storage.ended")

    def _check_open(self) -> None:
        if self._context.closed:
            raise Storage("the chunk store is closed", code="storage.closed")
