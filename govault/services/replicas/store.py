"""The chunk store of a node in a cluster."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from govault.domain.manifest import ChunkRef
from govault.domain.replication import AS_LAYOUT, Asked
from govault.limits import REMOTE_CACHE_BYTES_MAX
from govault.ports import ClusterMap, LinkQualities, NodeStore, PeerStores, StoreStats
from govault.services.replicas.cache import RemoteCache
from govault.services.replicas.candidates import Candidates
from govault.services.replicas.fetching import Fetching
from govault.services.replicas.ingest import ReplicatedIngest
from govault.services.replicas.placing import Placing, refuse_while_fenced
from govault.services.replicas.reading import Reading
from govault.services.replicas.shared_fetches import SharedFetches
from schemas.ids import ChunkId


class ReplicatedStore:
    """``ChunkStore`` over this node's store and those of its peers.

    A write is durable when W replicas are; a read finds a chunk wherever it is. Beside the errors of the port it
    raises ``Cluster``: ``cluster.too-few-replicas``, ``cluster.chunk-unreachable``, ``cluster.fenced``.
    """

    def __init__(
        self,
        local: NodeStore,
        peers: PeerStores,
        cluster: ClusterMap,
        links: LinkQualities,
        is_referenced: Callable[[ChunkId], bool],
        *,
        any_asks: Callable[[], bool] = lambda: False,
        cache_bytes_max: int = REMOTE_CACHE_BYTES_MAX,
    ) -> None:
        """A store.

        Args:
            is_referenced: ``Views.chunk_referenced``: what an applied version references has its replicas.
            any_asks: ``Views.replication_asked``: then what is referenced has the replicas that its spaces ask for,
                which may be fewer than the next one does.
        """
        candidates = Candidates(cluster, links)
        self._local = local
        self._is_referenced = is_referenced
        self._any_asks = any_asks
        self._placing = Placing(candidates, local, peers)
        self._reading = Reading(local, SharedFetches(Fetching(candidates, local, peers)), RemoteCache(cache_bytes_max))

    def begin(self, asked: Asked = AS_LAYOUT) -> ReplicatedIngest:
        refuse_while_fenced(self._placing.candidates)
        return ReplicatedIngest(
            self._local.begin(),
            self._placing,
            self._is_referenced,
            lambda: self._local.epoch,
            asked,
            confirm_known=self._any_asks(),
        )

    async def read(self, chunk: ChunkRef) -> bytes:
        return await self._reading.read(chunk)

    def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        return self._reading.read_run(chunks)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        distinct = list(dict.fromkeys(chunks))
        missing = await self._local.confirm(distinct, epoch)
        if self._placing.is_alone:
            return missing
        refuse_while_fenced(self._placing.candidates)
        if missing:
            missing = await self._reading.bring_home(missing, epoch)
        lacking = set(missing)
        await self._placing.confirm([chunk_id for chunk_id in distinct if chunk_id not in lacking], epoch, asked)
        return missing

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        await self._local.dereferenced(chunks, epoch)

    def note_epoch(self, epoch: int) -> None:
        self._local.note_epoch(epoch)

    async def stats(self) -> StoreStats:
        return await self._local.stats()

    async def close(self) -> None:
        """Give up what goes on behind writes and reads. The local store stays open."""
        await self._placing.close()
        await self._reading.close()
