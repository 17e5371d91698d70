"""Compares this node's slots with those of their other holders, by digests first and by ids where those differ."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby

from govault.domain.healing import Urgency
from govault.domain.layout import slot_of
from govault.errors import Cluster
from govault.limits import COLLECTION_PAGE, PEER_BATCH_CHUNKS_MAX
from govault.ports import PeerStores, RepairQueue, ReplicaStore, Views
from govault.services.healing.duties import Duties
from schemas.ids import ChunkId

_OFFER_DELAY_S = 30.0
"""The holder that lacks a chunk finds it out by itself, and has the first try."""
_OFFER_TURN_S = 60.0
"""Then the others have theirs, one after the other, so that they do not all send the same."""
_PEERS_AT_ONCE = 8
_SLOTS_AT_ONCE = 8
_EMPTY = bytes(16)
"""The digest of a slot without chunks."""


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
        """Referenced chunks that an answering holder lacks, by slot; what it lacks is offered to it after a while.

        So do those that spaces ask beyond the holders count, there also where somebody does not answer. What this node
        lacks is not found here: its own index and the views tell that.
        """
        slots = [slot for slot in slots if self._duties.wants(slot)]
        lacking: dict[int, set[bytes]] = {}
        shared = self._shared(slots)
        common = sorted({slot for some in shared.values() for slot in some})
        ours = dict(zip(common, await self._replicas.slot_digests(common), strict=True))
        peers = list(shared)
        for start in range(0, len(peers), _PEERS_AT_ONCE):
            some = peers[start : start + _PEERS_AT_ONCE]
            for answer in await asyncio.gather(*(self._lacked(peer, shared[peer], ours) for peer in some)):
                for slot, lacked in answer:
                    lacking.setdefault(slot, set()).update(lacked)
        if self._duties.asked_beyond:
            for chunk_id in await self._lacked_beyond(slots):
                lacking.setdefault(slot_of(chunk_id), set()).add(chunk_id)
        return lacking

    async def _lacked_beyond(self, slots: Sequence[int]) -> set[ChunkId]:
        """Chunks here that keepers beyond the holders lack, or may: asked by id, as digests of slots cannot agree."""
        wished: dict[str, list[ChunkId]] = {}
        for slot, digest in zip(slots, await self._replicas.slot_digests(slots), strict=True):
            if digest == _EMPTY:
                continue
            holders = self._duties.other_holders(slot)
            for chunk_id in self._chunks_here(slot):
                for peer in self._duties.other_keepers(chunk_id):
                    if peer not in holders:
                        wished.setdefault(peer, []).append(ChunkId(chunk_id))
            await asyncio.sleep(0)
        short: set[ChunkId] = set()
        for peer, chunks in wished.items():
            for start in range(0, len(chunks), PEER_BATCH_CHUNKS_MAX):
                some = chunks[start : start + PEER_BATCH_CHUNKS_MAX]
                lacked, answered = await self._missing(peer, some)
                short.update(lacked)
                if answered:
                    for slot, ids in groupby(sorted(lacked), slot_of):
                        self._offer(peer, slot, list(ids))
        return short

    async def _missing(self, peer: str, chunks: Sequence[ChunkId]) -> tuple[Sequence[ChunkId], bool]:
        """What a peer lacks, all of it where it does not answer; and whether it does."""
        if peer not in self._duties.answering():
            return chunks, False
        try:
            return await self._peers.missing(peer, chunks), True
        except Cluster:
            return chunks, False

    def _shared(self, slots: Sequence[int]) -> dict[str, list[int]]:
        answering = self._duties.answering()
        shared: dict[str, list[int]] = {}
        for slot in slots:
            for peer in self._duties.other_holders(slot):
                if peer in answering:
                    shared.setdefault(peer, []).append(slot)
        return shared

    async def _lacked(self, peer: str, slots: Sequence[int], ours: dict[int, bytes]) -> list[tuple[int, list[bytes]]]:
        """What a peer lacks of the slots whose digests differ; nothing where it does not answer."""
        try:
            digests = await self._peers.slot_digests(peer, slots)
        except Cluster:
            return []
        theirs = zip(slots, digests, strict=False)
        unlike = [(slot, digest) for slot, digest in theirs if digest != ours[slot] and ours[slot] != _EMPTY]
        found: list[tuple[int, list[bytes]]] = []
        for start in range(0, len(unlike), _SLOTS_AT_ONCE):
            some = unlike[start : start + _SLOTS_AT_ONCE]
            calls = (self._lacked_in(peer, slot, is_empty=digest == _EMPTY) for slot, digest in some)
            found.extend(zip([slot for slot, _ in some], await asyncio.gather(*calls), strict=True))
        return found

    async def _lacked_in(self, peer: str, slot: int, *, is_empty: bool) -> list[bytes]:
        try:
            theirs = set() if is_empty else await self._their_chunks(peer, slot)
        except Cluster:
            return []
        ours = set(self._chunks_here(slot))
        lacking = [chunk_id for chunk_id in ours - theirs if self._referenced(chunk_id)]
        self._offer(peer, slot, lacking)
        return lacking

    def _chunks_here(self, slot: int) -> Iterator[bytes]:
        after = b""
        while page := self._replicas.slot_chunks(slot, after, COLLECTION_PAGE):
            yield from page
            after = page[-1]

    def _offer(self, peer: str, slot: int, lacking: Sequence[bytes]) -> None:
        if peer in self._reached():
            # One that is still on its way to its layout lacks a lot and fetches it by itself.
            delay_s = _OFFER_DELAY_S + _OFFER_TURN_S * self._duties.turn(slot, peer)
            self._queue.add(lacking, Urgency.FEW, delay_s)

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
        return self._views.chunk_referenced(chunk_id)

    def _reached(self) -> Sequence[str]:
        layouts = self._views.peers().layouts()
        return layouts[-1].reached if layouts else ()
