"""What upkeep asks of the chunk store, beside using it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol


class StampedChunk(NamedTuple):
    """A chunk in the store, as collection sees it.

    Attributes:
        epoch: Its stamp, as it counts (after an unclean start at least the epoch the store knew then).
        size_bytes: Of the plaintext.
        stored_bytes: Its record in the pack; its share of one that it has in common with others.
    """

    chunk_id: bytes
    epoch: int
    size_bytes: int
    stored_bytes: int


class PackFile(NamedTuple):
    """A pack on disk. Its durable bytes, before ``size_bytes``, never change while packs are frozen.

    Attributes:
        growing: More may be appended: copy it, do not link it.
    """

    path: Path
    size_bytes: int
    growing: bool


class QuarantinedChunk(NamedTuple):
    """A chunk that failed its check, kept aside."""

    chunk_id: bytes
    found_ms: int
    reason: str


class StoreMaintenance(Protocol):
    """What upkeep asks of the chunk store, beside ``ChunkStore``."""

    def stamped(self, after: bytes, limit: int) -> list[StampedChunk]:
        """Chunks in the index behind ``after``, ascending by id."""

    def missing(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those of the chunks that the index does not hold. Stamps nothing."""

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        """Forget those whose stamp is still at most ``epoch_max`` and that no open session has in flight.

        Judged one by one against stamping: a chunk is either stamped higher and stays, or is gone and the next
        session stores it anew. The index forgets durably before this returns; the bytes stay until ``compact``. Of a
        quarantined one, which has no stamp, it forgets that it is.

        Returns:
            Those that were removed.
        """

    async def compact(self, dead_share_min: float) -> int:
        """One bounded step: rewrite or unlink the pack with the most dead bytes; the file bytes it freed.

        0 where no pack has at least that share (0…1) of dead bytes. Bytes and folder fsynced → index synced → old
        pack unlinked.
        """

    async def verify(self, chunk_id: bytes) -> bool:
        """Read and check one chunk from its pack; False where it fails (it is quarantined then) or is missing."""

    def frozen(self) -> AbstractAsyncContextManager[None]:
        """While held: no pack is rewritten or unlinked and no chunk removed; packs only grow."""

    async def pack_files(self) -> list[PackFile]:
        """The packs, with what is durable of each. Steady only while ``frozen`` is held."""

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        """Chunks that failed their check and have no good copy here."""

    async def rebuild_index(self, progress: Callable[[int, int], None]) -> int:
        """Read all packs and write the index anew; the chunks found. For an offline store."""
