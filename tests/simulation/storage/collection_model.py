"""A model of collection by epochs around the store's real ledger: partitions, doors, a folding view, a collector.

Actors are generators; a seeded scheduler lets one of them take a step at a time, so that every interleaving of their
steps can happen. The rules are DESIGN's, with the grace as a parameter:

- epoch e+1 opens only when e is in all partitions; a commit carries the epoch its door's view had at upload start;
- a commit is refused when that is less than its partition's epoch - 1; the door then confirms its chunks and repeats;
- a chunk is stamped when it is stored, found known, confirmed, or loses its last reference;
- it is removed when it is unreferenced and every folded partition is ``grace`` epochs past its stamp.
"""

import random
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from govault.storage.index import Entry, Index, IndexBatch
from govault.storage.ledger import Ledger
from govault.storage.pack import Appended
from govault.storage.segment import Cut, Segment
from schemas.ids import ChunkId
from tests.simulation.storage.recording import RecordingDatabase

PARTITIONS = 2
CHUNKS = [ChunkId(bytes([number]) * 32) for number in range(5)]
_MARGIN = 1
"""``apply`` accepts commits of the epoch before its own."""

Actor = Generator[None, None, None]


class ChunkLost(AssertionError):
    """A referenced chunk is not in the store."""


@dataclass(frozen=True)
class Barrier:
    epoch: int


@dataclass(frozen=True)
class Commit:
    number: int
    epoch: int
    chunks: tuple[ChunkId, ...]


@dataclass(frozen=True)
class Delete:
    number: int


@dataclass
class Partition:
    """A log and what the view has folded of it."""

    log: list[Barrier | Commit | Delete] = field(default_factory=list)
    folded: int = 0
    epoch: int = 0
    files: dict[int, tuple[ChunkId, ...]] = field(default_factory=dict)
    outcomes: dict[int, bool] = field(default_factory=dict)

    def epoch_at_end(self) -> int:
        return max((event.epoch for event in self.log if isinstance(event, Barrier)), default=0)


class World:
    """The vault. ``run`` takes steps until the budget is used up, then lets everything settle and checks."""

    def __init__(self, seed: int, grace: int, *, stamps_lost: bool) -> None:
        self.rng = random.Random(seed)
        self.grace = grace
        self.stamps_lost = stamps_lost
        self.partitions = [Partition() for _ in range(PARTITIONS)]
        self.database = RecordingDatabase()
        self.ledger = Ledger(Index(self.database))
        self.offset = 0
        self.numbers = 0
        self.removed = 0
        self.happened: Counter[str] = Counter()
        self.doors: list[Actor] = []

    def run(self, steps: int) -> None:
        workers = [self._fold(partition) for partition in self.partitions]
        workers += [self._open_epochs(), self._collect(), self._delete()]
        for _ in range(steps):
            if len(self.doors) < 4 and self.rng.random() < 0.1:
                self.doors.append(self._upload(self.rng.choice(self.partitions)))
            if self.stamps_lost and self.rng.random() < 0.002:
                self._crash()
            actor = self.rng.choice(workers + self.doors)
            try:
                next(actor)
            except StopIteration:
                self.doors.remove(actor)
        self.check()

    def check(self) -> None:
        """Every chunk that the folded state references is in the store."""
        for chunk_id in self._referenced():
            if self.ledger.index.get(chunk_id) is None:
                raise ChunkLost(chunk_id.hex()[:2])

    # --- the view ------------------------------------------------------------------------------------------------

    def _fold(self, partition: Partition) -> Actor:
        while True:
            yield
            if partition.folded == len(partition.log) or self.rng.random() < 0.3:
                continue
            event = partition.log[partition.folded]
            partition.folded += 1
            match event:
                case Barrier(epoch):
                    partition.epoch = max(partition.epoch, epoch)
                    self.ledger.note_epoch(partition.epoch)
                case Commit(number, epoch, chunks):
                    accepted = epoch >= partition.epoch - _MARGIN
                    partition.outcomes[number] = accepted
                    if accepted:
                        partition.files[number] = chunks
                        self.happened["accepted"] += 1
                        self.check()
                    else:
                        self.happened["stale"] += 1
                case Delete(number):
                    chunks = partition.files.pop(number, ())
                    free = set(chunks) - self._referenced()
                    self.ledger.stamp(free, partition.epoch)

    def _referenced(self) -> set[ChunkId]:
        return {chunk for partition in self.partitions for chunks in partition.files.values() for chunk in chunks}

    def _open_epochs(self) -> Actor:
        while True:
            ends = [partition.epoch_at_end() for partition in self.partitions]
            for partition in self.partitions:
                if partition.epoch_at_end() == min(ends):
                    partition.log.append(Barrier(min(ends) + 1))
                yield
            for _ in range(self.rng.randint(0, 10)):
                yield

    # --- the doors -----------------------------------------------------------------------------------------------

    def _upload(self, partition: Partition) -> Actor:
        epoch = partition.epoch
        chunks = tuple(self.rng.sample(CHUNKS, self.rng.randint(1, 3)))
        yield
        for chunk_id in chunks:
            yield from self._store(chunk_id)
        yield from self._pause()
        if self.rng.random() < 0.15:
            self.happened["door died"] += 1
            return
        while True:
            self.numbers += 1
            number = self.numbers
            partition.log.append(Commit(number, epoch, chunks))
            while number not in partition.outcomes:
                yield
            if partition.outcomes[number]:
                return
            epoch = partition.epoch
            yield from self._pause()
            for chunk_id in self.ledger.stamp(chunks, epoch):
                self.happened["stored again"] += 1
                yield from self._store(chunk_id)

    def _store(self, chunk_id: ChunkId) -> Actor:
        """As the pipeline does it: claim, append, commit; or wait for the one who does."""
        segment = Segment([], 0, lambda segment: None, last=True)
        mine = self.ledger.claim(segment, [Cut(chunk_id, memoryview(b""))])
        yield
        if mine:
            self.offset += 100
            entry = Entry(1, self.offset, 100, 50, self.ledger.epoch)
            yield
            self.ledger.commit([Appended(chunk_id, entry, None)], {1: self.offset + 100}, {})
            self.happened["stored"] += 1
        elif segment.unresolved:
            self.happened["awaited"] += 1
            while segment.unresolved:
                yield
        else:
            self.happened["known"] += 1
        yield

    def _delete(self) -> Actor:
        while True:
            yield
            partition = self.rng.choice(self.partitions)
            if partition.files and self.rng.random() < 0.3:
                partition.log.append(Delete(self.rng.choice(sorted(partition.files))))

    def _pause(self) -> Iterator[None]:
        """A slow client, now and then a very slow one."""
        for _ in range(self.rng.choice((0, 3, 20, 120))):
            yield

    # --- collection ----------------------------------------------------------------------------------------------

    def _collect(self) -> Actor:
        while True:
            yield
            referenced = self._referenced()
            unreferenced = [chunk_id for chunk_id, _ in self.ledger.index.entries() if chunk_id not in referenced]
            epoch_max = min(partition.epoch for partition in self.partitions) - self.grace
            # Much may happen between the look and the removal: only stamps protect from that.
            for _ in range(self.rng.randint(0, 12)):
                yield
            self.removed += len(self.ledger.remove(unreferenced, epoch_max))

    def _crash(self) -> None:
        """The process ends; the index comes back without the stamps, which then count as the log end's epoch."""
        self.happened["crashed"] += 1
        batch = IndexBatch()
        for chunk_id, entry in self.ledger.index.entries():
            batch.put_entry(chunk_id, entry._replace(stamp=0))
        self.ledger.index.write(batch)
        self.doors.clear()
        epoch = max(partition.epoch_at_end() for partition in self.partitions)
        self.ledger = Ledger(Index(self.database))
        self.ledger.floor = epoch
        self.ledger.note_epoch(max(partition.epoch for partition in self.partitions))


def seeds_that_lose(
    seeds: range, grace: int, *, stamps_lost: bool, spoil: Callable[[World], None] | None = None
) -> list[int]:
    """The seeds whose run loses a chunk."""
    losers = []
    for seed in seeds:
        world = World(seed, grace, stamps_lost=stamps_lost)
        if spoil is not None:
            spoil(world)
        try:
            world.run(1500)
        except ChunkLost:
            losers.append(seed)
    return losers
