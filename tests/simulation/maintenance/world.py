"""A vault of one in memory, whose every port takes a random while: the stage of the collection model.

The log is truth. Beside the node's own lagging views stands ``truth``: the fold of the log up to its very end. The
checker compares the store with it at every append and every removal.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Outcome, Position
from govault.domain.replication import AS_LAYOUT, Asked
from govault.domain.rows import ChunkRow, DirectoryRow, FileRow, OutcomeRow, PartitionRow, PartRow, Put
from govault.ports import QuarantinedChunk, StampedChunk, StoreStats
from govault.services.log.submit import outcome_of
from schemas.envelope import Event
from schemas.ids import ChunkId, new_space_id
from schemas.topics import Topic

CHUNK_BYTES = 10


class Crashed(BaseException):
    """The node is dead: nothing that it still awaits may have an effect."""


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass
class Log:
    """The durable log and the truth it says."""

    partitions: int
    records: list[list[Event]] = field(default_factory=list)
    truth: list[MemoryPartition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = [[] for _ in range(self.partitions)]
        self.truth = [MemoryPartition(number) for number in range(self.partitions)]

    def append(self, event: Event, partition: int) -> Position:
        offset = len(self.records[partition])
        self.records[partition].append(event)
        self.truth[partition].apply(event, offset, 1)
        return Position(Topic.FILES, partition, offset)

    def referenced(self) -> set[bytes]:
        return {row.chunk_id for partition in self.truth for row in partition.rows(ChunkRow)}


@dataclass
class Disk:
    """What the chunk store has durably."""

    chunks: set[bytes] = field(default_factory=set)


@dataclass
class Node:
    """One life of the node: its views, its store's memory, and its ports. Ends by a crash."""

    log: Log
    disk: Disk
    rng: random.Random
    folded_to: Sequence[int]
    alive: bool = True
    stamps: dict[bytes, int] = field(default_factory=dict)
    epoch: int = 0
    removed: int = 0
    committed: int = 0

    def __post_init__(self) -> None:
        self.state = [MemoryPartition(number) for number in range(self.log.partitions)]
        self.dereference_hooks: list[Callable[[Sequence[bytes], int], None]] = []
        for number, end in enumerate(self.folded_to):
            for _ in range(end):
                self.fold_next(number)

    async def pause(self, at_most_s: float = 0.5) -> None:
        """A port takes its time; a dead node never comes back from it."""
        await asyncio.sleep(self.rng.random() * at_most_s)
        if not self.alive:
            raise Crashed

    # --- the fold --------------------------------------------------------------------------------------------

    def fold_next(self, number: int) -> bool:
        """Fold one record, if there is one, as the views do: state, callbacks, and only then anybody else."""
        partition = self.state[number]
        offset = partition.applied + 1
        if offset >= len(self.log.records[number]):
            return False
        epoch = partition.partition().epoch
        applied = partition.apply(self.log.records[number][offset], offset, 1)
        assert applied is not None
        gone = [c.row.chunk_id for c in applied.changes if isinstance(c.row, ChunkRow) and type(c) is not Put]
        if gone:
            for hook in self.dereference_hooks:
                hook(gone, partition.partition().epoch)
        if partition.partition().epoch != epoch:
            self.note_epoch(partition.partition().epoch)
        return True

    async def fold_for_ever(self, number: int) -> None:
        while True:
            await self.pause(0.5)
            self.fold_next(number)

    # --- EventLog --------------------------------------------------------------------------------------------

    async def append(self, event: Event, partition: int) -> Position:
        await self.pause()
        position = self.log.append(event, partition)
        lost = self.log.referenced() - self.disk.chunks
        if lost:
            raise Broken(f"after {event.data.TYPE} the log references {len(lost)} chunks that are not in the store")
        await self.pause()
        return position

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        await self.pause()
        return {number: len(records) for number, records in enumerate(self.log.records)}

    # --- Views -----------------------------------------------------------------------------------------------

    def files(self, partition: int) -> MemoryPartition:
        return self.state[partition]

    def partitions(self) -> Sequence[int]:
        return range(len(self.state))

    def space_replicas(self, space_id: str) -> None:
        """No space asks anything."""

    def space_quota(self, space_id: str) -> None:
        """Nothing bounds a space."""

    def replication_asked(self) -> bool:
        return False

    def partition_row(self, partition: int) -> PartitionRow:
        return self.state[partition].partition()

    def applied(self) -> dict[tuple[Topic, int], int]:
        return {(Topic.FILES, number): partition.applied for number, partition in enumerate(self.state)}

    async def wait_outcome(self, position: Position, event_id: str, timeout_s: float) -> Outcome:
        while self.state[position.partition].applied < position.offset:
            await self.pause(0.1)
        row = self.state[position.partition].outcome(event_id)
        assert row is not None
        return outcome_of(row, Topic.FILES, position.partition)

    def find_outcome(self, event_id: str) -> OutcomeRow | None:
        return next((row for partition in self.state if (row := partition.outcome(event_id))), None)

    def spaces(self) -> list[DirectoryRow]:
        return [DirectoryRow(new_space_id(n, b"0123456789"), f"space{n}", n, 0) for n in range(len(self.state))]

    def space(self, space_id: str) -> DirectoryRow | None:
        return next((row for row in self.spaces() if row.space_id == space_id), None)

    def chunk_referenced(self, chunk_id: bytes) -> bool:
        return any(partition.chunk(chunk_id) is not None for partition in self.state)

    def referenced_chunks(self, after: bytes, limit: int) -> list[bytes]:
        ids = {row.chunk_id for partition in self.state for row in partition.rows(ChunkRow)}
        return sorted(chunk_id for chunk_id in ids if chunk_id > after)[:limit]

    def idle_parts(self, partition: int, epoch_max: int, limit: int) -> list[tuple[str, str]]:
        rows = self.state[partition].rows(PartRow)
        return [
            (row.space_id, row.part_id) for row in rows if not row.references and row.idle_since_epoch <= epoch_max
        ][:limit]

    def file_rows(self) -> list[tuple[int, FileRow]]:
        return [(number, row) for number, partition in enumerate(self.state) for row in partition.rows(FileRow)]

    # --- ChunkStore and StoreMaintenance ---------------------------------------------------------------------

    def note_epoch(self, epoch: int) -> None:
        self.epoch = max(self.epoch, epoch)

    def stamp(self, chunk_id: bytes, epoch: int) -> None:
        self.stamps[chunk_id] = max(self.stamps.get(chunk_id, 0), epoch, self.epoch)

    async def store(self, chunk_id: bytes) -> None:
        """One chunk of an upload: known already, or written durably."""
        await self.pause()
        self.disk.chunks.add(chunk_id)
        self.stamp(chunk_id, 0)
        await self.pause()

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        await self.pause()
        missing = [chunk_id for chunk_id in chunks if chunk_id not in self.disk.chunks]
        for chunk_id in chunks:
            if chunk_id in self.disk.chunks:
                self.stamp(chunk_id, epoch)
        await self.pause()
        return missing

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        await self.confirm(chunks, epoch)

    def stamped(self, after: bytes, limit: int) -> list[StampedChunk]:
        ids = sorted(chunk_id for chunk_id in self.disk.chunks if chunk_id > after)[:limit]
        return [StampedChunk(c, self.stamps.get(c, 0), CHUNK_BYTES, CHUNK_BYTES) for c in ids]

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        return []

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        await self.pause()
        removed: list[StampedChunk] = []
        for chunk_id in chunks:
            stamp = self.stamps.get(chunk_id, 0)
            if stamp > epoch_max or chunk_id not in self.disk.chunks:
                continue
            self.disk.chunks.discard(chunk_id)
            if chunk_id in self.log.referenced() and not self.is_enough_without(chunk_id):
                raise Broken(f"a chunk that the log references was removed (stamp {stamp}, bound {epoch_max})")
            removed.append(StampedChunk(chunk_id, stamp, CHUNK_BYTES, CHUNK_BYTES))
        self.removed += len(removed)
        await self.pause()
        return removed

    def is_enough_without(self, chunk_id: bytes) -> bool:
        """Whether enough others have a chunk that this node has just removed."""
        return False

    async def compact(self, dead_share_min: float) -> int:
        await self.pause()
        return 0

    async def stats(self) -> StoreStats:
        await self.pause()
        chunks = len(self.disk.chunks)
        return StoreStats(chunks, chunks * CHUNK_BYTES, chunks * CHUNK_BYTES, 0, 1, 0, 0, 1 << 40)

    # --- Clock and Randomness --------------------------------------------------------------------------------

    def time_ms(self) -> int:
        return 1

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def token(self, size_bytes: int) -> bytes:
        return self.rng.randbytes(size_bytes)
