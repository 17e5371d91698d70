"""Replicas on this node that are not wanted here any more: offered to holders that lack them, let go when none does."""

from collections.abc import Sequence

from govault.domain.healing import Drop, Urgency, decide
from govault.domain.layout import slot_of
from govault.ports import RepairQueue, StampedChunk
from govault.services.healing.counts import RepairTally
from govault.services.healing.duties import Duties
from govault.services.healing.knowing import Knowing


class Surplus:
    """Judges replicas for collection (``Collector``), which removes them, and counts what a draining node still has."""

    def __init__(self, duties: Duties, knowing: Knowing, queue: RepairQueue, tally: RepairTally) -> None:
        self._duties = duties
        self._knowing = knowing
        self._queue = queue
        self._tally = tally

    def unwanted(self, chunks: Sequence[StampedChunk]) -> list[StampedChunk]:
        """Those that nobody gives to this node any more."""
        return [chunk for chunk in chunks if self._unwanted(chunk.chunk_id)]

    async def droppable(self, chunks: Sequence[StampedChunk], epoch_max: int) -> list[bytes]:
        """Those of the candidates that every holder has, durably and stamped with this node's epoch.

        Those that a holder lacks are offered to it.
        """
        known = self._knowing.of([chunk.chunk_id for chunk in chunks])
        await self._knowing.have_confirmed(known)
        for chunk in chunks:
            facts = known[chunk.chunk_id]
            known[chunk.chunk_id] = facts._replace(stamp=chunk.epoch, epoch_max=epoch_max)
        self._offer([chunk_id for chunk_id, facts in known.items() if facts.lacking & facts.up])
        # Duties may have changed while the holders were asked.
        return [
            chunk_id
            for chunk_id, facts in known.items()
            if isinstance(decide(facts), Drop) and self._unwanted(chunk_id)
        ]

    def note_removed(self, chunks: int) -> None:
        """They are gone."""
        self._tally.removed(chunks)

    async def unsafe(self, chunks: Sequence[bytes]) -> int:
        """How many referenced ones of the chunks, unwanted here, a holder lacks or may lack; those are offered.

        While a layout still gives the slot to this node, its new holders fetch by themselves: nothing is offered.
        """
        known = self._knowing.of([chunk_id for chunk_id in chunks if not self._duties.wants_chunk(chunk_id)])
        await self._knowing.ask_holders(known)
        unsafe = 0
        offered: list[bytes] = []
        for chunk_id, facts in known.items():
            if facts.referenced and facts.held and not facts.having.issuperset(facts.holders):
                unsafe += 1
                if not facts.serving and facts.lacking & facts.up:
                    offered.append(chunk_id)
        self._offer(offered)
        return unsafe

    def _unwanted(self, chunk_id: bytes) -> bool:
        return not self._duties.wants_chunk(chunk_id) and not self._duties.serves(slot_of(chunk_id))

    def _offer(self, chunks: Sequence[bytes]) -> None:
        if chunks:
            self._queue.add(chunks, Urgency.FEW)
