"""Idempotent producers: sequences of one partition, and producer ids that are never reused."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from streams.broker.batches import BatchHeader, is_before, next_sequence
from streams.broker.disk import Disk, read_file, replace_file
from streams.broker.limits import (
    PRODUCER_BATCHES_REMEMBERED,
    PRODUCER_BATCHES_STORED,
    PRODUCER_EXPIRY_MS,
    PRODUCER_ID_BLOCK,
    PRODUCERS_PER_PARTITION_MAX,
)


class SequenceRefused(Exception):
    """The batch does not continue what its producer wrote."""


class OutOfOrder(SequenceRefused):
    """A batch before this one is missing."""


class DuplicateForgotten(SequenceRefused):
    """Already in the log, but so long ago that its offset is no longer remembered."""


class ProducerFenced(SequenceRefused):
    """A newer instance of the same producer has written."""


@dataclass(slots=True, frozen=True)
class Written:
    """A batch that a producer has in the log."""

    first_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    time_ms: int


@dataclass(slots=True)
class Producer:
    """What the log remembers of one producer in one partition."""

    epoch: int
    begun: int
    """The first sequence of it that the log knows to have taken."""
    batches: deque[Written] = field(default_factory=lambda: deque(maxlen=PRODUCER_BATCHES_REMEMBERED))


class ProducerStates:
    """The producers of one partition, least recently active first."""

    __slots__ = ("_producers",)

    def __init__(self) -> None:
        self._producers: dict[int, Producer] = {}

    def __len__(self) -> int:
        return len(self._producers)

    def check(self, header: BatchHeader) -> Written | None:
        """Decide whether a batch continues its producer's sequence.

        Returns:
            None when it is to be appended; the earlier copy when it is a duplicate.

        Raises:
            SequenceRefused: and it must not be appended.
        """
        producer = self._producers.get(header.producer_id)
        # A producer that is not known may start anywhere: its state may have expired.
        if producer is None or not producer.batches:
            return None
        if header.producer_epoch < producer.epoch:
            raise ProducerFenced(f"epoch {header.producer_epoch} is older than {producer.epoch}")
        if header.producer_epoch > producer.epoch:
            if header.base_sequence != 0:
                raise OutOfOrder(f"a new epoch starts at sequence 0, not {header.base_sequence}")
            return None
        last = producer.batches[-1].last_sequence
        if header.base_sequence == next_sequence(last):
            return None
        for batch in producer.batches:
            if (batch.first_sequence, batch.last_sequence) == (header.base_sequence, header.last_sequence):
                return batch
        # Of a sequence before those that it knows the log cannot say that it was written: told so, its sender would
        # count it as safe. (The first batch to a topic that is just being made may be refused and the second taken.)
        is_known = not is_before(header.base_sequence, producer.begun)
        if is_known and is_before(header.base_sequence, producer.batches[0].first_sequence):
            raise DuplicateForgotten(f"sequence {header.base_sequence} was written long ago")
        raise OutOfOrder(f"sequence {header.base_sequence} after {last}")

    def note(self, header: BatchHeader, base_offset: int, time_ms: int) -> None:
        """Remember a batch that was appended (or found in the log by recovery)."""
        if header.producer_id < 0:
            return
        producer = self._producers.pop(header.producer_id, None)
        if producer is None or producer.epoch != header.producer_epoch:
            producer = Producer(header.producer_epoch, header.base_sequence)
        # Inserted again at the end: the dict stays ordered by activity.
        self._producers[header.producer_id] = producer
        producer.batches.append(
            Written(
                header.base_sequence,
                header.last_sequence,
                base_offset,
                base_offset + header.last_offset_delta,
                time_ms,
            )
        )
        if len(self._producers) > PRODUCERS_PER_PARTITION_MAX:
            del self._producers[next(iter(self._producers))]

    def expire(self, now_ms: int) -> None:
        """Forget who has not written for long."""
        for producer_id, producer in list(self._producers.items()):
            if producer.batches and producer.batches[-1].time_ms > now_ms - PRODUCER_EXPIRY_MS:
                break
            del self._producers[producer_id]

    def snapshot(self, durable_offset: int) -> list[Any]:
        """JSON-able state of what lies below `durable_offset` only.

        A batch that is not synced yet may be lost in a crash, and its retry must then be
        appended, not answered as a duplicate.
        """
        out: list[Any] = []
        for producer_id, producer in self._producers.items():
            batches = [
                [b.first_sequence, b.last_sequence, b.base_offset, b.last_offset, b.time_ms]
                for b in producer.batches
                if b.last_offset < durable_offset
            ]
            if batches:
                # As many as a client may have in flight: older ones cannot be repeated any more.
                out.append([producer_id, producer.epoch, batches[-PRODUCER_BATCHES_STORED:]])
        return out

    def restore(self, snapshot: list[Any]) -> None:
        """Take over a `snapshot`."""
        for producer_id, epoch, batches in snapshot:
            producer = Producer(epoch, batches[0][0])
            producer.batches.extend(Written(*batch) for batch in batches)
            self._producers[producer_id] = producer


class ProducerIds:
    """Hands out producer ids; blocks are reserved durably before the first of them is used."""

    PATH = "producer-ids"

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        stored = read_file(disk, self.PATH)
        self._next = int(stored) if stored else 0
        self._reserved = self._next

    def take(self) -> int:
        """A producer id that no producer ever had."""
        if self._next >= self._reserved:
            replace_file(self._disk, self.PATH, b"%d" % (self._next + PRODUCER_ID_BLOCK))
            self._reserved = self._next + PRODUCER_ID_BLOCK
        self._next += 1
        return self._next - 1
