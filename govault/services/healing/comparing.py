"""Compares this node's slots with those of their other holders, by digests first and by ids where those differ."""

from collections.abc import Sequence

from govault.domain.healing import Urgency
from govault.errors import Cluster
from govault.limits import COLLECTION_PAGE
from govault.ports import PeerStores, RepairQueue, ReplicaStore, Views
from govault.services.healing.duties import Duties
from schemas.ids import ChunkId

_OFFER_DELAY_S = 120.0
"""The holder that lacks a chunk finds it out by itself, and has the first try."""


class Comparing:
    """Finds what one of two holders lacks."""

    def __init__(
        self, duties: Duties, views: Views, replicas: ReplicaStore, peers: PeerStores, queue: RepairQueue
    ) -> None:
        self._duties = duties
        self._views = views
        self._replicas = replicas
        self._peers = peers
        self._queue = queue

    async def compare(self, slots: Sequence[int]) -> dict[int, set[bytes]]:
        """Referenced chunks that an answering holder lacks, by slot; differences are queued."""
        lacking: dict[int, set[bytes]] = {}
        ours: dict[int, bytes] = {}
        for peer, shared in self._shared(slots).items():
            unknown = [slot for slot in shared if slot not in ours]
            ours.update(zip(unknown, await self._replicas.slot_digests(unknown), strict=True))
            try:
                theirs = await self._peers.slot_digests(peer, shared)
                for slot, digest in zip(shared, theirs, strict=False):
                    if digest != ours[slot]:
                        lacking.setdefault(slot, set()).update(await self._differences(peer, slot))
            except Cluster:
                continue
        return lacking

    def _shared(self, slots: Sequence[int]) -> dict[str, list[int]]:
        answering = self._duties.answering()
        shared: dict[str, list[int]] = {}
        for slot in slots:
            for peer in self._duties.other_holders(slot):
                if peer in answering:
                    shared.setdefault(peer, []).append(slot)
        return shared

    async def _differences(self, peer: str, slot: int) -> list[bytes]:
        theirs = await self._their_chunks(peer, slot)
        ours: set[bytes] = set()
        after = b""
        while page := self._replicas.slot_chunks(slot, after, COLLECTION_PAGE):
            ours.update(page)
            after = page[-1]
        absent = [chunk_id for chunk_id in theirs - ours if self._referenced(chunk_id)]
        lacking = [chunk_id for chunk_id in ours - theirs if self._referenced(chunk_id)]
        self._queue.add(absent, self._duties.urgency(slot))
        if peer in self._reached():
            # One that is still on its way to its layout lacks a lot and fetches it by itself.
            self._queue.add(lacking, Urgency.FEW, _OFFER_DELAY_S)
        return lacking

    async def _their_chunks(self, peer: str, slot: int) -> set[bytes]:
        theirs: set[bytes] = set()
        after = b""
        while page := await self._peers.slot_chunks(peer, slot, after, COLLECTION_PAGE):
            if page[-1] <= after:
                # Whoever does not go on never comes to an end.
                break
            theirs.update(page)
            after = page[-1]
        return theirs

    def _referenced(self, chunk_id: bytes) -> bool:
        return self._views.chunk_referenced(ChunkId(chunk_id))

    def _reached(self) -> Sequence[str]:
        layouts = self._views.peers().layouts()
        return layouts[-1].reached if layouts else ()
