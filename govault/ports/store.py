"""The chunk store: contents in, chunks out, stamps."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from govault.domain.manifest import ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from schemas.ids import ChunkId


class Ingested(NamedTuple):
    """What an ingest session took in.

    Attributes:
        packed: The manifest's chunks that no part was cut for yet, packed.
        new_bytes: Plain bytes of chunks that were not known before.
        stored_bytes: What those take in packs.
    """

    sha256: str
    size_bytes: int
    chunks: int
    packed: bytes
    new_bytes: int
    stored_bytes: int
    head: bytes
    """The first bytes (at most 4 KiB), for sniffing the media type."""


TellDurable = Callable[[Sequence[ChunkRef]], None]
"""Told chunks of a content that are durable now. Must neither block nor raise."""


class Ingest(Protocol):
    """One content on its way into the store. Not shared between tasks; ends with ``finish`` or ``abort``."""

    def on_durable(self, tell: TellDurable) -> None:
        """Have a function called, on the event loop, with the content's chunks as they become durable here.

        All of them, in content order, each as often as the content has it; before ``finish`` returns, and before
        ``take_parts`` gives a part of theirs. To be set before the first ``write``.
        """

    async def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Returns once there is room (backpressure); errors of earlier bytes surface here.

        Raises:
            StorageFull: No space; the session is dead.
        """

    def take_parts(self) -> list[bytes]:
        """Packed manifest parts completed since the last call. Their chunks are durable: a part may be logged."""

    async def finish(self) -> Ingested:
        """End of content: every chunk is durable when this returns, and stamped with at least the store's epoch."""

    async def abort(self) -> None:
        """Give up. What was stored stays unreferenced and is collected."""


class ChunkStore(Protocol):
    """Sealed chunks in packs on this node. Every read verifies."""

    def begin(self, asked: Asked = AS_LAYOUT) -> Ingest:
        """Start taking in a content, of whose replication so much is asked; a store of one node makes one replica."""

    async def read(self, chunk: ChunkRef) -> bytes:
        """The plaintext, verified against its id.

        Raises:
            ChunkMissing: Not in the store.
            ChunkDamaged: It fails its check; it is quarantined before this raises.
        """

    def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        """The plaintexts in order, read ahead by a bounded number of chunks."""

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        """Stamp known chunks with at least ``epoch``, durably; those that the store lacks are returned.

        As many replicas of the others are durable then as a write needs of which so much is asked.
        """

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        """Chunks lost their last reference in a partition at this epoch: stamp them."""

    def note_epoch(self, epoch: int) -> None:
        """The highest epoch this node has seen: later stamps are at least it."""

    async def stats(self) -> "StoreStats":
        """Figures of the store."""


class StoreStats(NamedTuple):
    """Sizes in bytes; counts of things."""

    chunks: int
    plain_bytes: int
    stored_bytes: int
    dead_bytes: int
    packs: int
    pack_file_bytes: int
    quarantined: int
    free_disk_bytes: int
    stopped: str = ""
    """Why the store takes no more writes until a restart (a disk that failed); empty while it does."""
