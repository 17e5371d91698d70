"""Packs of several stores of one vault, brought into one store, offline."""

from pathlib import Path
from typing import NamedTuple, Protocol


class TakenPack(NamedTuple):
    """What became of a pack.

    Attributes:
        chunks: How many of its chunks the store did not have yet, and has now.
        damaged: Records that would have brought more, and are not what was sealed.
    """

    chunks: int
    damaged: int


class GatheredStore(NamedTuple):
    """What a store holds when all packs are taken."""

    packs: int
    chunks: int


class PackGatherer(Protocol):
    """Fills a store that no node has used yet. Blocks; one thread at a time. Packs are only read."""

    def learn(self, pack: Path) -> None:
        """Hold a pack's keys against the vault's, and learn the sealing roots that it carries. Before any ``take``.

        Raises:
            Config: It was sealed with other keys.
        """

    def take(self, pack: Path, size_bytes: int) -> TakenPack:
        """Store what the first bytes of a pack hold and the store lacks; each chunk is opened and held against its id.

        A damaged record is left out: another pack may have its chunks. A pack that is cut short gives what is there.
        What is taken is durable when ``finish`` returns.

        Raises:
            StorageFull: The disk is full.
            Storage: The disk failed.
        """

    def finish(self) -> GatheredStore:
        """Make everything durable and close the store."""

    def close(self) -> None:
        """Close the store as it is; after ``finish`` this does nothing."""
