"""Notices on their way into the repair queue: noted where nothing may wait, queued at the node's own pace."""

import asyncio
from collections import deque
from collections.abc import Sequence

from govault.domain.layout import slot_of
from govault.limits import COLLECTION_PAGE, REPAIR_NOTICES_MAX
from govault.ports import RepairQueue, StoreMaintenance
from govault.services.healing.counts import RepairTally
from govault.services.healing.duties import Duties

_REFERENCED_DELAY_S = 10.0
"""The uploader still sends to slow holders when its commit is applied: let it."""


class Notices:
    """Takes notices at once and queues them as a worker (``maintenance.workers.Worker``)."""

    name = "repair-notices"

    def __init__(self, duties: Duties, packs: StoreMaintenance, queue: RepairQueue, tally: RepairTally) -> None:
        self._duties = duties
        self._packs = packs
        self._queue = queue
        self._tally = tally
        self._referenced: deque[bytes] = deque()
        self._damaged: deque[bytes] = deque()
        self._missed: deque[bytes] = deque()
        self._some = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.overflowed = False
        """More came than are kept: a walk over the slots has to find them."""

    def referenced(self, chunks: Sequence[bytes], epoch: int) -> None:
        """Chunks got their first reference in a partition (``ViewsMaintenance.on_referenced``)."""
        beyond = self._duties.asked_beyond
        for chunk_id in chunks:
            if beyond or self._duties.wants(slot_of(chunk_id)):
                self._note(self._referenced, chunk_id)

    def damaged(self, chunk_id: bytes, reason: str) -> None:
        """A chunk was quarantined (``PackChunkStore.on_damage``); on any thread."""
        if len(self._damaged) >= REPAIR_NOTICES_MAX:
            self.overflowed = True
            return
        self._damaged.append(chunk_id)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._some.set)

    def missed(self, chunks: Sequence[bytes]) -> None:
        """Chunks were asked for here and could not be read."""
        for chunk_id in chunks:
            self._note(self._missed, chunk_id)

    def take_overflow(self) -> bool:
        """Whether notices were lost since the last call."""
        overflowed, self.overflowed = self.overflowed, False
        return overflowed

    def _note(self, notices: deque[bytes], chunk_id: bytes) -> None:
        if len(notices) >= REPAIR_NOTICES_MAX:
            self.overflowed = True
            return
        notices.append(chunk_id)
        self._some.set()

    async def work(self) -> bool:
        """Queue what was noted, a page at a time. Where the queue takes it not, a walk has to find it."""
        self._loop = asyncio.get_running_loop()
        self._some.clear()
        try:
            self._queue_pages()
        except BaseException:
            self.overflowed = True
            raise
        return self._waiting

    def _queue_pages(self) -> None:
        damaged = _page(self._damaged)
        self._tally.damaged(damaged)
        for chunk_id in (*damaged, *_page(self._missed)):
            self._queue.add([chunk_id], self._duties.urgency(slot_of(chunk_id)), again=True)
        # Mostly the uploader has sent them already: a look at the index is cheap.
        for chunk_id in self._packs.missing(_page(self._referenced)):
            if self._duties.wants_chunk(chunk_id):
                self._queue.add([chunk_id], self._duties.urgency(slot_of(chunk_id)), _REFERENCED_DELAY_S)

    async def wait_for_work(self) -> None:
        """Return when something was noted."""
        if not self._waiting:
            await self._some.wait()

    @property
    def _waiting(self) -> bool:
        return bool(self._damaged or self._missed or self._referenced)


def _page(notices: deque[bytes]) -> list[bytes]:
    return list(dict.fromkeys(notices.popleft() for _ in range(min(len(notices), COLLECTION_PAGE))))
