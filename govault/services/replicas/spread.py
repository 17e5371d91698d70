"""One batch of chunks on its way to other nodes."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from govault.errors import Cluster, GoVaultError
from govault.limits import KIB, PEER_BATCH_BYTES_MAX, PLACING_PATIENCE_S
from govault.ports import PeerStores, ReplicaStore, SealedChunk
from govault.services.replicas.candidates import Takers
from schemas.ids import ChunkId

UNASKED_BYTES_MAX = 256 * KIB
"""So much is sent without asking first whether it is there: a round trip costs more."""


@dataclass(slots=True)
class _Copying:
    """One chunk's way.

    Attributes:
        wanted: Replicas to make beside this node's own.
        untried: Who may still be asked, the best first.
        asked: Calls under way.
        at: Where it is durable, this node left out.
    """

    wanted: int
    untried: Iterator[str]
    asked: int = 0
    at: list[str] = field(default_factory=list)


class Spread:
    """Copies chunks that are durable here until each is at as many nodes as are wanted, or nobody is left to ask.

    Attributes:
        safe: Whether each is at enough nodes to count.
    """

    def __init__(
        self,
        local: ReplicaStore,
        peers: PeerStores,
        chunks: Sequence[ChunkId],
        takers: Callable[[bytes], Takers],
        *,
        quorum: int,
        epoch: int,
        sealed: Iterable[SealedChunk] = (),
    ) -> None:
        """A batch.

        Args:
            chunks: Distinct, durable on this node.
            quorum: Durable replicas that make a chunk safe, this node's own included.
            sealed: The chunks' records where they are at hand; the others are read when a peer lacks them.
        """
        self._local = local
        self._peers = peers
        self._epoch = epoch
        self._quorum = quorum
        self._sealed = {chunk.chunk_id: chunk for chunk in sealed}
        self._copies = {chunk_id: _Copying(*takers(chunk_id)) for chunk_id in chunks}
        self._calls: dict[asyncio.Task[list[ChunkId]], tuple[str, list[ChunkId]]] = {}
        self._errors: dict[str, str] = {}
        self._unsafe = {chunk_id for chunk_id in chunks if quorum > 1}
        self._watches: list[tuple[frozenset[ChunkId], Callable[[], None]]] = []

    @property
    def safe(self) -> bool:
        return not self._unsafe

    def watch(self, chunks: Iterable[ChunkId], tell: Callable[[], None]) -> None:
        """Have a function called as soon as these chunks are safe. It must neither block nor raise."""
        watch = frozenset(chunks), tell
        if not self._told(watch):
            self._watches.append(watch)

    async def run(self) -> None:
        """Do it. Ends when every replica that is wanted is durable or cannot be made."""
        loop = asyncio.get_running_loop()
        impatient_s = loop.time() + PLACING_PATIENCE_S
        try:
            while True:
                self._ask_due()
                if not self._calls:
                    return
                timeout_s = None if self.safe else max(0.0, impatient_s - loop.time())
                done, _ = await asyncio.wait(self._calls, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
                for call in done:
                    self._settle(call)
                if not self.safe and loop.time() >= impatient_s:
                    self._lose_patience()
                    impatient_s = loop.time() + PLACING_PATIENCE_S
        finally:
            for call in self._calls:
                call.cancel()
            if self._calls:
                await asyncio.wait(self._calls)

    def shortage(self, chunks: Collection[ChunkId]) -> Cluster:
        """What these chunks lack, as an error."""
        short = [self._copies[chunk_id] for chunk_id in chunks if chunk_id in self._unsafe]
        have = 1 + min((len(copying.at) for copying in short), default=0)
        why = (
            "; ".join(f"{peer[:12]}: {error}" for peer, error in sorted(self._errors.items())) or "no other node is up"
        )
        return Cluster(
            f"{len(short)} of {len(chunks)} chunks have {have} of the {self._quorum} durable replicas that a "
            f"write needs ({why}). Nothing was committed; repeat it when more nodes can be reached",
            code="cluster.too-few-replicas",
            replicas_needed=self._quorum,
            replicas_durable=have,
            peers=dict(self._errors),
        )

    def _ask_due(self) -> None:
        """Ask the next in rank for every replica that nobody makes."""
        due: dict[str, list[ChunkId]] = defaultdict(list)
        for chunk_id, copying in self._copies.items():
            while len(copying.at) + copying.asked < copying.wanted:
                peer = next(copying.untried, None)
                if peer is None:
                    break
                due[peer].append(chunk_id)
                copying.asked += 1
        for peer, chunks in due.items():
            self._calls[asyncio.create_task(self._give(peer, chunks))] = (peer, chunks)

    def _told(self, watch: tuple[frozenset[ChunkId], Callable[[], None]]) -> bool:
        chunks, tell = watch
        if self._unsafe.isdisjoint(chunks):
            tell()
            return True
        return False

    def _settle(self, call: asyncio.Task[list[ChunkId]]) -> None:
        peer, chunks = self._calls.pop(call)
        for chunk_id in chunks:
            self._copies[chunk_id].asked -= 1
        try:
            durable = call.result()
        except GoVaultError as error:
            self._errors[peer] = str(error)
            return
        for chunk_id in durable:
            copying = self._copies[chunk_id]
            copying.at.append(peer)
            if len(copying.at) + 1 >= self._quorum:
                self._unsafe.discard(chunk_id)
        self._watches = [watch for watch in self._watches if not self._told(watch)]

    def _lose_patience(self) -> None:
        """Ask one more node for each chunk that is not safe yet, whatever the slow ones may still do."""
        for chunk_id in self._unsafe:
            self._copies[chunk_id].wanted += 1

    async def _give(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        """Make chunks durable at a peer; those that are."""
        lacking = list(chunks)
        if sum(len(chunk.sealed) for chunk in self._at_hand(chunks)) > UNASKED_BYTES_MAX or not self._sealed:
            reply = set(await self._peers.confirm(peer, chunks, self._epoch))
            lacking = [chunk_id for chunk_id in chunks if chunk_id in reply]
        unsent = set(lacking)
        while lacking:
            batch = self._at_hand(lacking) or await self._local.sealed(lacking)
            if not batch:
                break
            await self._peers.store(peer, batch, self._epoch)
            unsent.difference_update(chunk.chunk_id for chunk in batch)
            last = lacking.index(batch[-1].chunk_id)
            lacking = lacking[last + 1 :]
        return [chunk_id for chunk_id in chunks if chunk_id not in unsent]

    def _at_hand(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """The first of the chunks, as many as one call takes, where their records are at hand."""
        found: list[SealedChunk] = []
        size_bytes = 0
        for chunk_id in chunks:
            chunk = self._sealed.get(chunk_id)
            if chunk is None:
                break
            size_bytes += len(chunk.sealed)
            if found and size_bytes > PEER_BATCH_BYTES_MAX:
                break
            found.append(chunk)
        return found
