"""Moves sealed chunks between this node and a peer, within a budget of bytes a second."""

from collections.abc import Sequence

from govault.errors import ChunkDamaged, Cluster
from govault.limits import CHUNK_MEAN_BYTES, PEER_BATCH_BYTES_MAX
from govault.ports import LinkQualities, PeerStores, ReplicaStore, SealedChunk
from govault.services.healing.budget import ByteBudget
from govault.services.healing.counts import RepairTally
from govault.services.healing.knowing import Knowing, Known, note_answers
from schemas.ids import ChunkId


class Transfers:
    """Every method writes into ``known`` what came of it."""

    def __init__(
        self,
        replicas: ReplicaStore,
        peers: PeerStores,
        links: LinkQualities,
        knowing: Knowing,
        budget: ByteBudget,
        tally: RepairTally,
    ) -> None:
        self._replicas = replicas
        self._peers = peers
        self._links = links
        self._knowing = knowing
        self._budget = budget
        self._tally = tally
        self._mean_bytes: float = CHUNK_MEAN_BYTES

    async def fetch(self, known: Known, peer: str, chunks: Sequence[bytes]) -> None:
        """Get chunks from a peer and keep them. What it lacks, or gives wrong, it counts as lacking.

        Raises:
            StorageFull: There is no room here.
            Storage: This node's store fails.
        """
        left = [ChunkId(chunk_id) for chunk_id in chunks]
        while left:
            some = left[: self._at_once()]
            guess_bytes = int(len(some) * self._mean_bytes)
            await self._budget.take(guess_bytes)
            given: list[SealedChunk] = []
            try:
                given = await self._peers.fetch(peer, some)
            except Cluster as error:
                self._knowing.note_failed(known, left, peer, error)
                return
            finally:
                self._budget.correct(_size_bytes(given) - guess_bytes)
            asked = set(some)
            given = [chunk for chunk in given if chunk.chunk_id in asked]
            if not given:
                note_answers(known, some, peer, asked)
                left = left[len(some) :]
                continue
            await self._keep(known, peer, given)
            got = {chunk.chunk_id for chunk in given}
            left = [chunk_id for chunk_id in left if chunk_id not in got]

    async def _keep(self, known: Known, peer: str, given: Sequence[SealedChunk]) -> None:
        """Store what is sound; what is not is the peer's fault."""
        left = list(given)
        while left:
            try:
                await self._replicas.store_sealed(left, self._knowing.epoch)
            except ChunkDamaged as error:
                self._links.corrupted(peer)
                bad = [chunk for chunk in left if chunk.chunk_id.hex() == error.details.get("chunk_id")] or left
                ids = [chunk.chunk_id for chunk in bad]
                note_answers(known, ids, peer, set(ids))
                left = [chunk for chunk in left if chunk not in bad]
                continue
            for chunk in left:
                facts = known[chunk.chunk_id]
                known[chunk.chunk_id] = facts._replace(held=True, having=facts.having | {peer})
            self._tally.repaired(len(left), _size_bytes(left))
            self._mean_bytes += (_size_bytes(left) / len(left) - self._mean_bytes) / 2
            return

    def _at_once(self) -> int:
        """Chunks a call: about a second of the budget, so that it is kept to without long rests."""
        return max(1, int(min(self._budget.bytes_per_s, PEER_BATCH_BYTES_MAX) / self._mean_bytes))

    async def push(self, known: Known, peer: str, chunks: Sequence[bytes]) -> None:
        """Give chunks to a peer. What turns out not to be sound here counts as not held.

        Raises:
            Storage: This node's store fails.
        """
        left = [ChunkId(chunk_id) for chunk_id in chunks]
        while left:
            some = left[: self._at_once()]
            sealed = await self._replicas.sealed(some)
            if not sealed:
                for chunk_id in some:
                    known[chunk_id] = known[chunk_id]._replace(held=False)
                left = left[len(some) :]
                continue
            size_bytes = _size_bytes(sealed)
            await self._budget.take(size_bytes)
            try:
                await self._peers.store(peer, sealed, self._knowing.epoch)
            except Cluster as error:
                self._knowing.note_failed(known, left, peer, error)
                return
            self._tally.pushed(len(sealed), size_bytes)
            given = [chunk.chunk_id for chunk in sealed]
            note_answers(known, given, peer, set())
            done = set(given)
            left = [chunk_id for chunk_id in left if chunk_id not in done]


def _size_bytes(chunks: Sequence[SealedChunk]) -> int:
    return sum(len(chunk.sealed) for chunk in chunks)
