"""Writing a log folder anew, offline: records from elsewhere, each at its offset with its append time.

Batches are cut where the append time changes, because a batch has one; everything is synced and checkpointed once, in
``finish``: a folder whose restoration was interrupted is thrown away, not mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.broker.batches import parse_header, stamped
from streams.broker.checkpoint import run_checkpoint
from streams.broker.commit import SegmentSyncer
from streams.broker.cycle import write_appends
from streams.broker.disk import RealDisk
from streams.broker.lock import FolderLock
from streams.broker.partition import Append, Partition
from streams.broker.recovery import open_store
from streams.broker.store import new_topic_id
from streams.broker.topics import Topic, TopicConfig, store_topics

_BATCH_BYTES = 256 * 1024
_BATCH_RECORDS = 1_000
_NO_SEQUENCE = -1


@dataclass(frozen=True, slots=True)
class RestoredRecord:
    """One record as it was."""

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class LogFolderWriter:
    """An empty log folder, being filled. Blocks; one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the folder.

        Raises:
            BrokerFailure: It is in use, or holds a log that cannot be opened.
        """
        self._lock = FolderLock(folder)
        self._disk = RealDisk(folder)
        self._lock.acquire()
        self._syncer = SegmentSyncer(self._disk)
        self._store, _ = open_store(self._disk, self._syncer)

    def add_topic(self, name: str, partitions: int, settings: dict[str, str]) -> None:
        """Make a topic."""
        topic = Topic(name, new_topic_id(), partitions, TopicConfig.of(settings))
        store_topics(self._disk, self._store.topics | {name: topic})
        self._store.add_topic(topic)

    def write(self, topic: str, index: int, records: Iterable[RestoredRecord]) -> int:
        """Write records of an empty partition, ascending by offset; how many. Gaps stay gaps."""
        partition = self._store.partition(topic, index)
        assert partition is not None, f"{topic}/{index} was not added"
        count = 0
        for run in _runs(records):
            self._append(partition, run)
            count += len(run)
        return count

    def finish(self) -> None:
        """Sync everything, write the checkpoint, close."""
        plan = self._store.plan_checkpoint()
        run_checkpoint(self._disk, plan, self._syncer)
        self._store.finish_checkpoint()
        self.close()

    def close(self) -> None:
        """Close without finishing."""
        self._store.close()
        self._syncer.close()
        self._lock.release()

    def _append(self, partition: Partition, run: list[RestoredRecord]) -> None:
        first = run[0]
        if not partition.segments:
            partition.log_start = first.offset
        partition.next_offset = first.offset
        batch = stamped(_batch(run), first.offset, first.time_ms)
        append: Append = partition.place(parse_header(batch), batch, first.time_ms)
        write_appends(self._disk, [append])
        partition.made_durable(append)
        for segment in partition.segments[:-1]:
            segment.close_writer()


def _runs(records: Iterable[RestoredRecord]) -> Iterator[list[RestoredRecord]]:
    """Records that can share a batch: one append time, offsets without gaps, bounded."""
    run: list[RestoredRecord] = []
    size = 0
    for record in records:
        fits = run and (
            record.time_ms == run[0].time_ms
            and record.offset == run[-1].offset + 1
            and size < _BATCH_BYTES
            and len(run) < _BATCH_RECORDS
        )
        if run and not fits:
            yield run
            run, size = [], 0
        run.append(record)
        size += len(record.value or b"") + len(record.key or b"")
    if run:
        yield run


def _batch(run: list[RestoredRecord]) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=_NO_SEQUENCE,
        batch_size=1 << 30,
    )
    for index, record in enumerate(run):
        added = builder.append(index, record.time_ms, record.key, record.value, headers=list(record.headers))
        assert added is not None, "the batch size has no bound here"
    return bytes(builder.build())
