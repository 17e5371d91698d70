"""Dereferences on their way from the views to the store's stamps.

The views call back inside the fold of an event, where nothing may wait; stamping is durable and waits. In between they
stand here, and a chunk that stands here is not removed.
"""

from collections.abc import Sequence

from govault.limits import DEREFERENCES_WAITING_MAX
from govault.ports import ChunkStore


class Dereferences:
    """Chunks that lost their last reference in a partition and are not stamped for it yet."""

    def __init__(self, store: ChunkStore, waiting_max: int = DEREFERENCES_WAITING_MAX) -> None:
        self._store = store
        self._waiting_max = waiting_max
        self._waiting: dict[bytes, int] = {}
        self._overflow_epoch: int | None = None

    def note(self, chunks: Sequence[bytes], epoch: int) -> None:
        """Take chunks that an event dereferenced in a partition at this epoch. Never blocks, never raises."""
        for chunk_id in chunks:
            self._waiting[chunk_id] = max(epoch, self._waiting.get(chunk_id, 0))
        if len(self._waiting) > self._waiting_max:
            # Too many to remember one by one: from here on every chunk counts as dereferenced now (a later stamp is
            # always safe, it only delays removal).
            self._overflow_epoch = max(self._overflow_epoch or 0, *self._waiting.values())
            self._waiting.clear()

    def __contains__(self, chunk_id: bytes) -> bool:
        return chunk_id in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def take_overflow(self) -> int | None:
        """The epoch since which all chunks count as dereferenced, where too many came at once; tells it once."""
        epoch, self._overflow_epoch = self._overflow_epoch, None
        return epoch

    async def drain(self) -> None:
        """Stamp all that stand here. One that fails or is cancelled stays here."""
        while self._waiting:
            batch = dict(list(self._waiting.items())[:1000])
            await self._store.dereferenced(list(batch), max(batch.values()))  # type: ignore[arg-type]
            for chunk_id, epoch in batch.items():
                if self._waiting.get(chunk_id) == epoch:
                    del self._waiting[chunk_id]
