"""Peers of a node that has none."""

from collections.abc import Sequence
from typing import NoReturn

from govault.errors import Cluster
from govault.ports import SealedChunk
from schemas.ids import ChunkId


class NoPeers:
    """``PeerStores`` and ``PeerProbes`` where there is nobody to ask."""

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        self._nobody(peer)

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        self._nobody(peer)

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        self._nobody(peer)

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        self._nobody(peer)

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        self._nobody(peer)

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        self._nobody(peer)

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        self._nobody(peer)

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        self._nobody(peer)

    def _nobody(self, peer: str) -> NoReturn:
        raise Cluster(f"this node reaches no peers, so not {peer}", code="cluster.unreachable")
