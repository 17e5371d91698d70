"""The log: its write side, its read side for people, and its restoration."""

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from govault.domain.position import Position
from schemas.topics import Topic

if TYPE_CHECKING:
    # Every event's schema hangs on it: a twentieth of a second that the chunk store alone need not spend.
    from schemas.envelope import Event


class EventLog(Protocol):
    """The write side of the log."""

    async def append(self, event: "Event", partition: int) -> Position:
        """Write an event; durable (acks=all) when this returns.

        Raises:
            OutcomePending: It may or may not have been written (time-out, connection lost).
            EventLog: It was not written.
        """

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """The next offset of each partition."""


class KeyedLog(Protocol):
    """The write side of a compacted topic."""

    async def put(self, topic: Topic, key: bytes, value: bytes | None) -> Position:
        """Set what is kept of a key; None ends it. Durable when this returns.

        Raises:
            OutcomePending: It may or may not have been written (time-out, connection lost).
            EventLog: It was not written.
        """

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """The next offset of each partition."""


class LogRecord(NamedTuple):
    """One record as it stands in the log, decoded or not."""

    position: Position
    time_ms: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class LogReader(Protocol):
    """The read side of the log, for people, checks and backups; views fold by a way of their own."""

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """(first kept offset, next offset) of each partition; the next offset counts durable records only."""

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        """The first offset appended at that time or later; None where there is none yet."""

    def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        """Records of [start, stop) in order; ``stop`` None follows for ever. Ends its connection when closed.

        Offsets that compaction or expiry took are left out; it ends also where they are the last before ``stop``.
        """


class LogRestorer(Protocol):
    """Writes a log anew, offline, record by record as it was: offsets, times, keys, headers and values."""

    def add_topic(self, topic: Topic, partitions: int) -> None:
        """Make a topic with the settings it always has. Blocks."""

    def restore(self, topic: Topic, partition: int, records: Iterator[LogRecord]) -> int:
        """Write a partition's records, ascending by offset; how many. Blocks: call it off the loop."""

    def finish(self) -> None:
        """Make everything durable and close the log. Blocks."""
