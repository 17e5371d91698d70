"""Drives a log store step by step, as the committer does with threads, and knows what was acknowledged."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from streams.broker.batches import parse_header
from streams.broker.checkpoint import run_checkpoint
from streams.broker.cycle import run_cycle
from streams.broker.disk import Disk
from streams.broker.offsets import Committed, commit_change
from streams.broker.partition import Append
from streams.broker.recovery import open_store, remove_folder
from streams.broker.retention import _drop_below, _unlink
from streams.broker.segment import Segment
from streams.broker.store import LogStore, new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics
from tests.unit.broker.made import batch

WAL_FILE_BYTES = 4096
SEGMENT_BYTES = 1024
READ_TOPIC = "o"
"""Where the driver commits offsets; it holds no records."""


def syncer(disk: Disk):
    def sync_all(segments: list[Segment]) -> None:
        for segment in segments:
            segment.writer(disk).sync()

    return sync_all


@dataclass
class Acknowledged:
    """What clients were told is durable, and what was sent and not answered yet."""

    records: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    """Stamped batches in order, from offset 0 on."""
    pending: dict[tuple[str, int], list[bytes]] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)
    offsets_pending: dict[int, list[int]] = field(default_factory=dict)
    starts: dict[tuple[str, int], int] = field(default_factory=dict)
    """The lowest log start that may be seen: what retention was asked to reach."""
    topics: set[str] = field(default_factory=set)
    topics_unsure: set[str] = field(default_factory=set)
    """Being made or removed right now."""


class LogDriver:
    """One log on one disk."""

    def __init__(self, disk: Disk, rng: random.Random) -> None:
        self.disk = disk
        self.rng = rng
        self.told = Acknowledged()
        self.now = 1000
        self.sequences: dict[tuple[str, int], int] = {}
        self.store: LogStore
        self.checkpointing = False
        self.in_cycle = False

    def open(self) -> None:
        self.store, _ = open_store(self.disk, syncer(self.disk), wal_file_bytes=WAL_FILE_BYTES)
        if READ_TOPIC not in self.store.topics:
            topic = Topic(READ_TOPIC, new_topic_id(), 3, TopicConfig.of({}))
            store_topics(self.disk, self.store.topics | {READ_TOPIC: topic})
            self.store.add_topic(topic)

    def restart(self, disk: Disk) -> None:
        """Go on with what a crash left; clients send again what they were not told is durable."""
        self.disk = disk
        self.open()
        told = self.told
        for place in list(told.records):
            partition = self.store.partition(*place)
            if partition is None:
                del told.records[place], told.pending[place], told.starts[place]
                continue
            expected = told.records[place] + told.pending[place]
            present = [b for b in expected if parse_header(b).next_offset <= partition.durable_offset]
            told.records[place], told.pending[place] = present, []
            self.sequences[place] = sum(parse_header(b).record_count for b in present)
        told.topics = set(self.store.topics) - {READ_TOPIC}
        group = self.store.offsets.get("group")
        told.offsets = {key: c.offset for (_, key), c in group.offsets.items()} if group else {}
        told.offsets_pending = {}

    # Steps -----------------------------------------------------------------------------------

    def create_topic(self, name: str, partitions: int) -> None:
        config = TopicConfig.of({"segment.bytes": str(SEGMENT_BYTES)})
        topic = Topic(name, new_topic_id(), partitions, config)
        self.told.topics_unsure.add(name)
        store_topics(self.disk, self.store.topics | {name: topic})
        self.store.add_topic(topic)
        self.told.topics_unsure.discard(name)
        self.told.topics.add(name)
        for index in range(partitions):
            self.told.records[name, index] = []
            self.told.pending[name, index] = []
            self.told.starts[name, index] = 0
            self.sequences[name, index] = 0

    def delete_topic(self, name: str) -> None:
        self.told.topics_unsure.add(name)
        self.told.topics.discard(name)
        store_topics(self.disk, {n: t for n, t in self.store.topics.items() if n != name})
        gone = self.store.remove_topic(name)
        self.commit()
        for partition in gone:
            if self.disk.exists(partition.folder):
                remove_folder(self.disk, partition.folder)
        self.told.topics_unsure.discard(name)
        for place in [place for place in self.told.records if place[0] == name]:
            del self.told.records[place], self.told.pending[place], self.told.starts[place]

    def append(self) -> None:
        places = [p for p in self.told.records if p[0] in self.told.topics]
        if not places:
            return
        place = self.rng.choice(places)
        partition = self.store.partition(*place)
        assert partition is not None
        sequence = self.sequences[place]
        values = [self.rng.randbytes(self.rng.choice((3, 40, 200))) for _ in range(self.rng.choice((1, 1, 2, 5)))]
        self.now += self.rng.choice((0, 1, 10))
        made = self.store.append(partition, batch(*values, producer=7, epoch=0, sequence=sequence), self.now)
        assert isinstance(made, Append)
        self.sequences[place] = sequence + len(values)
        self.told.pending[place].append(bytes(made.data))

    def commit_offset(self) -> None:
        key, value = self.rng.randrange(3), self.rng.randrange(1000)
        change = commit_change("group", owned=True, offsets={(READ_TOPIC, key): Committed(value, -1, "", 0)})
        self.store.change_offsets(change)
        self.told.offsets_pending.setdefault(key, []).append(value)

    def commit(self) -> None:
        """One commit cycle, with a checkpoint before it when the committer would begin one."""
        if self.in_cycle:
            return
        if self.store.checkpoint_is_due and not self.checkpointing:
            self.checkpoint()
        taken = self.store.take_cycle()
        if taken is None:
            return
        cycle, frames = taken
        if self.checkpointing and not self.store.wal.has_room(frames):
            # The committer would hold this cycle back until the checkpoint has run; put it back.
            self.store._pending = cycle
            return
        counts = {place: len(rows) for place, rows in self.told.pending.items()}
        offset_counts = {key: len(rows) for key, rows in self.told.offsets_pending.items()}
        self.in_cycle = True
        try:
            run_cycle(self.disk, self.store.wal, cycle, frames, syncer(self.disk))
        finally:
            self.in_cycle = False
        self.store.finish_cycle(cycle)
        for place, count in counts.items():
            if place in self.told.records:
                self.told.records[place] += self.told.pending[place][:count]
                del self.told.pending[place][:count]
        for key, count in offset_counts.items():
            self.told.offsets[key] = self.told.offsets_pending[key][count - 1]
            del self.told.offsets_pending[key][:count]
            if not self.told.offsets_pending[key]:
                del self.told.offsets_pending[key]

    def checkpoint(self) -> None:
        if self.checkpointing or self.in_cycle:
            return
        self.checkpointing = True
        run_checkpoint(self.disk, self.store.plan_checkpoint(), syncer(self.disk))
        self.checkpointing = False
        self.store.finish_checkpoint()

    def retain(self) -> None:
        """Drop a prefix of some partition, in the order of writes that retention keeps."""
        places = [p for p in self.told.records if p[0] in self.told.topics and self.told.records[p]]
        if not places or self.checkpointing:
            return
        place = self.rng.choice(places)
        partition = self.store.partition(*place)
        assert partition is not None
        start = self.rng.randint(partition.log_start, partition.durable_offset)
        self.told.starts[place] = start
        partition.log_start = max(partition.log_start, start)
        dropped = [(partition, segment) for segment in _drop_below(partition)]
        self.checkpoint()
        _unlink(self.disk, dropped)
        for _, segment in dropped:
            self.store.files.forget(segment.path)
