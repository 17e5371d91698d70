"""Peers' stores with a watch: every call says how the link to the peer did."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from govault.errors import GoVaultError
from govault.ports import Clock, LinkQualities, PeerStores, SealedChunk
from schemas.ids import ChunkId

T = TypeVar("T")


def _nothing(answer: object) -> int:
    return 0


def _bytes_of(chunks: Sequence[SealedChunk]) -> int:
    return sum(len(chunk.sealed) for chunk in chunks)


@dataclass(frozen=True, slots=True)
class MeasuredPeers:
    """``PeerStores`` that tells ``LinkQualities`` of each call."""

    peers: PeerStores
    links: LinkQualities
    clock: Clock

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        return await self._watched(peer, self.peers.confirm(peer, chunks, epoch))

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        return await self._watched(peer, self.peers.missing(peer, chunks))

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        await self._watched(peer, self.peers.store(peer, chunks, epoch), lambda _: _bytes_of(chunks))

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        return await self._watched(peer, self.peers.fetch(peer, chunks), _bytes_of)

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        return await self._watched(peer, self.peers.slot_digests(peer, slots))

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        return await self._watched(peer, self.peers.slot_chunks(peer, slot, after, limit))

    async def _watched(self, peer: str, call: Awaitable[T], size_bytes: Callable[[T], int] = _nothing) -> T:
        began_s = self.clock.monotonic_s()
        try:
            answer = await call
        except GoVaultError:
            self.links.failed(peer)
            raise
        self.links.answered(peer, self.clock.monotonic_s() - began_s, size_bytes(answer))
        return answer
