"""Gathers the facts that ``govault.domain.healing.decide`` judges."""

import asyncio
from collections.abc import Sequence

from govault.domain.healing import ChunkFacts
from govault.domain.layout import slot_of
from govault.errors import Cluster
from govault.ports import ClusterMap, LinkQualities, PeerStores, StoreMaintenance, Views
from govault.services.healing.duties import Duties
from schemas.ids import ChunkId

Known = dict[bytes, ChunkFacts]

_ANSWER_S_MAX = 2.0


class Knowing:
    """What this node knows, and what it learns by asking."""

    def __init__(
        self,
        *,
        cluster: ClusterMap,
        duties: Duties,
        views: Views,
        packs: StoreMaintenance,
        peers: PeerStores,
        links: LinkQualities,
    ) -> None:
        self._cluster = cluster
        self._duties = duties
        self._views = views
        self._packs = packs
        self._peers = peers
        self._links = links
        self.silent: set[str] = set()
        """Peers that gave no answer when they were last asked: what was given up for it is tried when they do."""

    @property
    def epoch(self) -> int:
        """The highest epoch that this node has folded."""
        return max((self._views.partition_row(p).epoch for p in self._views.partitions()), default=0)

    def of(self, chunks: Sequence[bytes]) -> Known:
        """What is known without asking anybody."""
        missing = set(self._packs.missing(chunks))
        up = self._duties.answering()
        sources: dict[int, tuple[str, ...]] = {}
        known: Known = {}
        for chunk_id in chunks:
            slot = slot_of(chunk_id)
            if slot not in sources:
                sources[slot] = self._sources(slot)
            known[chunk_id] = ChunkFacts(
                referenced=self._views.chunk_referenced(chunk_id),
                wanted=self._duties.wants_chunk(chunk_id),
                held=chunk_id not in missing,
                serving=self._duties.serves(slot),
                fenced=self._cluster.fenced,
                holders=self._duties.other_keepers(chunk_id),
                sources=sources[slot],
                up=up,
            )
        return known

    def _sources(self, slot: int) -> tuple[str, ...]:
        likely = self._duties.likely_sources(slot)
        rest = (node for node in self._duties.members() if node != self._cluster.node_id and node not in likely)
        return (*self._links.best_first(likely), *rest)

    async def ask_holders(self, known: Known) -> None:
        """Ask the other holders of what is here whether they have it too. Stamps nothing."""
        for peer, chunks in _by_holder(known).items():
            try:
                lacking = set(await self._peers.missing(peer, chunks))
            except Cluster as error:
                self.note_failed(known, chunks, peer, error)
            else:
                note_answers(known, chunks, peer, lacking)

    async def have_confirmed(self, known: Known) -> None:
        """Have the other holders of what is here stamp it with this node's epoch."""
        epoch = self.epoch
        for peer, chunks in _by_holder(known).items():
            try:
                lacking = set(await self._peers.confirm(peer, chunks, epoch))
            except Cluster as error:
                self.note_failed(known, chunks, peer, error)
                continue
            note_answers(known, chunks, peer, lacking)
            for chunk_id in chunks:
                if chunk_id not in lacking:
                    facts = known[chunk_id]
                    known[chunk_id] = facts._replace(confirmed=facts.confirmed | {peer})

    def note_failed(self, known: Known, chunks: Sequence[bytes], peer: str, error: Cluster) -> None:
        """The peer does not answer, or refuses: it is not asked again about these chunks."""
        if error.specific_code == "cluster.unreachable":
            self.silent.add(peer)
        for chunk_id in chunks:
            known[chunk_id] = known[chunk_id]._replace(up=known[chunk_id].up - {peer})

    async def who_answer_again(self) -> set[str]:
        """Those of the silent peers that answer now; they are silent no more, nor are those that left."""
        answering = self.answering()
        self.silent.intersection_update(self._duties.members())
        asked = sorted(self.silent & answering)
        answers = await asyncio.gather(*(self._answers(peer) for peer in asked))
        heard = {peer for peer, answer in zip(asked, answers, strict=True) if answer}
        self.silent -= heard
        return heard

    async def _answers(self, peer: str) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_S_MAX):
                await self._peers.missing(peer, [])
        except TimeoutError:
            return False
        except Cluster as error:
            return error.specific_code != "cluster.unreachable"
        return True

    def answering(self) -> frozenset[str]:
        """The other members that are worth calling, as far as is known without asking."""
        return self._duties.answering()


def note_answers(known: Known, chunks: Sequence[bytes], peer: str, lacking: set[ChunkId]) -> None:
    """The peer said what it has and what it lacks."""
    for chunk_id in chunks:
        facts = known[chunk_id]
        if chunk_id in lacking:
            known[chunk_id] = facts._replace(lacking=facts.lacking | {peer}, having=facts.having - {peer})
        else:
            known[chunk_id] = facts._replace(having=facts.having | {peer}, lacking=facts.lacking - {peer})


def _by_holder(known: Known) -> dict[str, list[ChunkId]]:
    asked: dict[str, list[ChunkId]] = {}
    for chunk_id, facts in known.items():
        if facts.held and facts.referenced:
            for peer in facts.holders:
                if peer in facts.up:
                    asked.setdefault(peer, []).append(ChunkId(chunk_id))
    return asked
