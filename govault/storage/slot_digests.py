"""Digests of what each slot holds, remembered until the slot changes."""

from collections.abc import Callable, Iterable
from threading import Lock

from govault.domain.slot_digest import set_digest
from govault.domain.slots import slot_of
from govault.limits import SLOTS
from schemas.ids import ChunkId


class SlotDigests:
    """Threads share it. Most slots of most stores rest, so that comparing them all costs a look-up each."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[int, bytes] = {}
        self._changes = [0] * SLOTS
        """How often each slot has changed: a digest of a state that is past is not remembered."""

    def changed(self, chunks: Iterable[ChunkId]) -> None:
        """These chunks came into the index, or left it. Called after that is visible, before the next such change."""
        with self._lock:
            for chunk_id in chunks:
                slot = slot_of(chunk_id)
                self._changes[slot] += 1
                self._known.pop(slot, None)

    def changed_all(self) -> None:
        """It is another index."""
        with self._lock:
            self._known.clear()
            self._changes = [changes + 1 for changes in self._changes]

    def of(self, slot: int, chunks: Callable[[], Iterable[ChunkId]]) -> bytes:
        """A slot's digest.

        Args:
            chunks: Lists the slot as the index has it now. While it does, another change may come: then what it gives
                may be told once, but the next caller has it listed again.
        """
        with self._lock:
            known, changes = self._known.get(slot), self._changes[slot]
        if known is not None:
            return known
        digest = set_digest(chunks())
        with self._lock:
            if self._changes[slot] == changes:
                self._known[slot] = digest
        return digest
