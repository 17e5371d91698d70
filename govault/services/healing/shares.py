"""What of the vault's chunks is this node's to have, and what of it nobody has: for checks."""

from collections.abc import Sequence
from dataclasses import dataclass

from govault.ports import ClusterMap, RepairQueue
from govault.services.healing.duties import Duties


@dataclass(frozen=True, slots=True)
class Shares:
    """``SharesOfNodes`` by the layouts and the repair queue."""

    cluster: ClusterMap
    duties: Duties
    queue: RepairQueue

    def expected(self, chunks: Sequence[bytes]) -> list[bytes]:
        """See the protocol."""
        return [chunk_id for chunk_id in chunks if self.duties.wants_chunk(chunk_id)]

    def lost(self, chunks: Sequence[bytes]) -> list[bytes]:
        """See the protocol. Without a layout there is nobody who could be asked."""
        return list(chunks) if self.cluster.placement.newest is None else self.queue.lost(chunks)
