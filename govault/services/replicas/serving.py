"""What this node does for peers that ask about chunks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from govault.errors import Cluster, InvalidRequest
from govault.limits import (
    CHUNK_BYTES_MAX,
    EPOCHS_AHEAD_MAX,
    PEER_BATCH_BYTES_MAX,
    PEER_BATCH_CHUNKS_MAX,
    SLOTS,
)
from govault.ports import ClusterMap, NodeStore, SealedChunk
from schemas.ids import ChunkId

_CHUNK_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class ReplicaService:
    """``ReplicaRequests`` on this node's store. A peer is admitted, not trusted: everything has a bound.

    Attributes:
        epoch: The highest epoch that this node has seen.
    """

    local: NodeStore
    cluster: ClusterMap
    epoch: Callable[[], int]

    async def confirm(self, caller: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        self._check_ids(chunks)
        self._check_promise(epoch)
        return await self.local.confirm(chunks, epoch)

    async def missing(self, caller: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        self._check_ids(chunks)
        return [ChunkId(chunk_id) for chunk_id in self.local.missing(chunks)]

    async def store(self, caller: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        self._check_ids([chunk.chunk_id for chunk in chunks])
        self._check_promise(epoch)
        if len(chunks) > 1 and sum(len(chunk.sealed) for chunk in chunks) > PEER_BATCH_BYTES_MAX:
            raise InvalidRequest(f"chunks of more than {PEER_BATCH_BYTES_MAX} bytes in one call; send fewer")
        if any(not 0 <= chunk.size_bytes <= CHUNK_BYTES_MAX for chunk in chunks):
            raise InvalidRequest(f"a chunk has at most {CHUNK_BYTES_MAX} bytes")
        await self.local.store_sealed(chunks, epoch)

    async def fetch(self, caller: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        self._check_ids(chunks)
        return await self.local.sealed(chunks)

    async def slot_digests(self, caller: str, slots: Sequence[int]) -> list[bytes]:
        if len(slots) > SLOTS:
            raise InvalidRequest(f"there are {SLOTS} slots, not {len(slots)}")
        for slot in slots:
            _check_slot(slot)
        return await self.local.slot_digests(slots)

    async def slot_chunks(self, caller: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        _check_slot(slot)
        if not 0 < limit <= PEER_BATCH_CHUNKS_MAX or len(after) > _CHUNK_ID_BYTES:
            raise InvalidRequest(f"ask for 1 to {PEER_BATCH_CHUNKS_MAX} chunks behind a chunk's id")
        return self.local.slot_chunks(slot, after, limit)

    def _check_promise(self, epoch: int) -> None:
        """Refuse what this node cannot stand by.

        Raises:
            Cluster: It is fenced: what it says now, nobody could hold it to.
            InvalidRequest: No vault is so far ahead of its own node: such a stamp would keep chunks for ever.
        """
        if self.cluster.fenced:
            raise Cluster("this node is cut off and promises nothing; ask another", code="cluster.fenced")
        if not 0 <= epoch <= self.epoch() + EPOCHS_AHEAD_MAX:
            raise InvalidRequest(f"epoch {epoch} is beyond any that can be open; this node knows {self.epoch()}")

    @staticmethod
    def _check_ids(chunks: Sequence[bytes]) -> None:
        if len(chunks) > PEER_BATCH_CHUNKS_MAX:
            raise InvalidRequest(f"at most {PEER_BATCH_CHUNKS_MAX} chunks in one call, not {len(chunks)}")
        if any(len(chunk_id) != _CHUNK_ID_BYTES for chunk_id in chunks):
            raise InvalidRequest(f"a chunk's id has {_CHUNK_ID_BYTES} bytes")


def _check_slot(slot: int) -> None:
    if not 0 <= slot < SLOTS:
        raise InvalidRequest(f"slots are numbered 0 to {SLOTS - 1}; there is no {slot}")
