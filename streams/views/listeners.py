"""Who is told what folding changed: collection, replication, the cluster's map. Nobody told may block or raise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from schemas.topics import Topic
from streams.views.fold import PartitionFold

ChunksTold = Callable[[Sequence[bytes], int], None]


@dataclass(slots=True)
class Listeners:
    """The callbacks of ``ViewsMaintenance``, and what each partition's epoch was when last told."""

    epochs: dict[int, int]
    dereferenced: list[ChunksTold] = field(default_factory=list)
    referenced: list[ChunksTold] = field(default_factory=list)
    epoch: list[Callable[[int], None]] = field(default_factory=list)
    peers: list[Callable[[], None]] = field(default_factory=list)

    def tell(self, topic: Topic, partition: int, fold: PartitionFold) -> None:
        """Pass on what a written batch changed."""
        dereferenced = fold.rows.take_dereferenced()
        if topic is Topic.PEERS:
            self.tell_peers()
        if topic is not Topic.FILES:
            return
        epoch = fold.epoch
        if fold.referenced:
            for tell in self.referenced:
                tell(fold.referenced, epoch)
        if dereferenced:
            self.tell_dereferenced(dereferenced, epoch)
        self.note_epoch(partition, epoch)

    def tell_dereferenced(self, chunk_ids: Sequence[bytes], epoch: int) -> None:
        """Chunks lost their last reference in a partition."""
        for tell in self.dereferenced:
            tell(chunk_ids, epoch)

    def tell_peers(self) -> None:
        """``.peers`` has changed."""
        for tell in self.peers:
            tell()

    def note_epoch(self, partition: int, epoch: int) -> None:
        """Pass on a partition's epoch where it was not told before."""
        if epoch != self.epochs.get(partition):
            self.epochs[partition] = epoch
            for note in self.epoch:
                note(epoch)
