"""The log's state on the event loop: topics, partitions, offsets, and what waits to be committed.

No method blocks except those that say so; the committer (`commit.py`) moves cycles and
checkpoints through worker threads. Tests drive the same methods one after the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from streams.broker.checkpoint import PARTITIONS_FOLDER, CheckpointPlan, plan_checkpoint
from streams.broker.cycle import Cycle
from streams.broker.disk import Disk
from streams.broker.identity import Identity
from streams.broker.limits import DIRECT_BYTES_BETWEEN_CHECKPOINTS
from streams.broker.offsets import Offsets, topic_gone_change
from streams.broker.partition import Append, Duplicate, Partition
from streams.broker.producers import ProducerIds
from streams.broker.segment import OpenFiles
from streams.broker.topics import Topic
from streams.broker.wal import Frame, WriteAheadLog


@dataclass(slots=True)
class Counters:
    """What the log did since its start, for its log lines."""

    batches: int = 0
    bytes: int = 0
    cycles: int = 0
    large_cycles: int = 0
    checkpoints: int = 0


class LogStore:
    """All partitions of one log folder."""

    def __init__(self, disk: Disk, identity: Identity, wal: WriteAheadLog) -> None:
        self.disk = disk
        self.identity = identity
        self.wal = wal
        self.files = OpenFiles(disk)
        self.topics: dict[str, Topic] = {}
        self.offsets = Offsets()
        self.producer_ids = ProducerIds(disk)
        self.counters = Counters()
        self._partitions: dict[tuple[bytes, int], Partition] = {}
        self._pending = Cycle()
        self._direct_bytes = 0

    # Looking up ------------------------------------------------------------------------------

    def partition(self, topic: str, index: int) -> Partition | None:
        """A partition by name, or None."""
        found = self.topics.get(topic)
        return self._partitions.get((found.id, index)) if found is not None else None

    def partition_of_id(self, topic_id: bytes, index: int) -> Partition | None:
        return self._partitions.get((topic_id, index))

    def partitions(self) -> Iterator[Partition]:
        return iter(self._partitions.values())

    def topic_of_id(self, topic_id: bytes) -> Topic | None:
        return next((topic for topic in self.topics.values() if topic.id == topic_id), None)

    # Changing the catalogue (the file is written by the caller) ------------------------------

    def add_topic(self, topic: Topic) -> None:
        """Take a topic, or more partitions of it, into use; its files come with its first batches."""
        self.topics[topic.name] = topic
        for index in range(topic.partitions):
            if (topic.id, index) not in self._partitions:
                folder = f"{PARTITIONS_FOLDER}/{topic.id.hex()}-{index}"
                self._partitions[topic.id, index] = Partition(
                    topic.id, topic.name, index, topic.config, self.files, folder
                )

    def change_config(self, topic: Topic) -> None:
        """Put a topic's new settings into force."""
        self.topics[topic.name] = topic
        for index in range(topic.partitions):
            self._partitions[topic.id, index].config = topic.config

    def remove_topic(self, name: str) -> list[Partition]:
        """Take a topic out of use, with the groups' offsets in it.

        The caller removes the files of the partitions after what is pending was committed.
        """
        topic = self.topics.pop(name)
        gone = [self._partitions.pop((topic.id, index)) for index in range(topic.partitions)]
        for partition in gone:
            partition.deleted = True
            partition.wake_all()
        # Decided at its place in the order of changes: some may be committing right now.
        self.change_offsets(topic_gone_change(name))
        return gone

    # Committing ------------------------------------------------------------------------------

    @property
    def has_pending(self) -> bool:
        """Whether anything waits for the next cycle."""
        return bool(self._pending)

    @property
    def pending_bytes(self) -> int:
        return self._pending.size

    def append(self, partition: Partition, batch: bytes, now_ms: int) -> Append | Duplicate:
        """Give a batch its place and queue it for the next cycle.

        Raises:
            BatchInvalid, BatchTooLarge, SequenceRefused: nothing was changed.
        """
        appended = partition.append(batch, now_ms)
        if isinstance(appended, Append):
            self._pending.appends.append(appended)
            self._pending.size += len(appended.data)
        return appended

    def change_offsets(self, change: bytes) -> None:
        """Queue a change of committed offsets; it is in force when its cycle is finished."""
        self._pending.changes.append(change)

    def take_cycle(self) -> tuple[Cycle, list[Frame]] | None:
        """What the next cycle has to commit; None when there is nothing."""
        if not self._pending:
            return None
        cycle, self._pending = self._pending, Cycle()
        cycle.seal()
        return cycle, cycle.frames()

    def finish_cycle(self, cycle: Cycle) -> None:
        """A cycle is durable: let readers see its batches, put its offsets into force."""
        for append in cycle.appends:
            append.partition.made_durable(append)
        for change in cycle.changes:
            self.offsets.apply(change)
        self.counters.cycles += 1
        self.counters.batches += len(cycle.appends)
        self.counters.bytes += cycle.size
        if cycle.is_large:
            self.counters.large_cycles += 1
            self._direct_bytes += cycle.size

    # Checkpoints -----------------------------------------------------------------------------

    @property
    def checkpoint_is_due(self) -> bool:
        return self.wal.half_full or self._direct_bytes > DIRECT_BYTES_BETWEEN_CHECKPOINTS

    def plan_checkpoint(self) -> CheckpointPlan:
        """Fix what is durable and begin a new turn of the write-ahead log.

        Call between cycles, and only after the last checkpoint was finished.
        """
        plan = plan_checkpoint(self.wal.epoch, self._partitions.values(), self.offsets)
        self.wal.begin_turn()
        self._direct_bytes = 0
        return plan

    def finish_checkpoint(self) -> None:
        """A checkpoint is durable: close what nothing waits to be written to. Call between cycles.

        So idle partitions hold no file open; the next batch opens it again.
        """
        self.counters.checkpoints += 1
        for partition in self._partitions.values():
            for segment in partition.segments:
                if segment.synced_size >= segment.size:
                    segment.close_writer()

    def close(self) -> None:
        """Close all files; writes nothing."""
        for partition in self._partitions.values():
            for segment in partition.segments:
                segment.close_writer()
        self.files.close()
        self.wal.close()


def new_topic_id() -> bytes:
    """16 random bytes."""
    return uuid.uuid4().bytes
