"""A log in memory that many nodes share, each by a way of its own that a test can cut; for the virtual clock."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from govault.domain.position import Position
from govault.errors import EventLog
from govault.ports import LogRecord
from schemas.codec import encode, mac
from schemas.envelope import MAC_HEADER, Event
from schemas.topics import Topic

MAC_KEY = b"m" * 32


class LoopClock:
    """``Clock`` of the running loop, so that it follows virtual time; ``off_ms`` makes its wall clock wrong."""

    def __init__(self, off_ms: int = 0) -> None:
        self.off_ms = off_ms

    def time_ms(self) -> int:
        return 1_790_000_000_000 + self.off_ms + int(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class SharedLog:
    """Append times are the loop's, moved on by ``skew_ms``."""

    skew_ms: int = 0
    records: dict[Topic, list[LogRecord]] = field(default_factory=dict)
    events: list[tuple[int, Event]] = field(default_factory=list)
    on_append: list[Callable[[Event, Position, int], None]] = field(default_factory=list)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, event: Event, partition: int) -> Position:
        """Append now."""
        topic = event.data.TOPIC
        rows = self.records.setdefault(topic, [])
        position = Position(topic, partition, len(rows))
        key, value = event.subject.encode(), encode(event)
        time_ms = LoopClock(self.skew_ms).time_ms()
        headers = ((MAC_HEADER, mac(MAC_KEY, topic, partition, key, value)),)
        rows.append(LogRecord(position, time_ms, key, value, headers))
        self.events.append((time_ms, event))
        for tell in self.on_append:
            tell(event, position, time_ms)
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        return position

    async def wait_grown(self) -> None:
        """Return when something was appended."""
        await self._grown.wait()


@dataclass
class LogWay:
    """One node's ``EventLog`` and ``LogReader``."""

    log: SharedLog
    up: bool = True
    latency_s: float = 0.005

    async def append(self, event: Event, partition: int) -> Position:
        await asyncio.sleep(self.latency_s)
        self._check()
        return self.log.write(event, partition)

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        self._check()
        return {0: len(self.log.records.get(topic, []))}

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        self._check()
        return {0: (0, len(self.log.records.get(topic, [])))}

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        self._check()
        found = (row.position.offset for row in self.log.records.get(topic, []) if row.time_ms >= time_ms)
        return next(found, None)

    async def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        while stop is None or start < stop:
            rows = self.log.records.get(topic, [])
            if start >= len(rows):
                if stop is not None:
                    return
                await self.log.wait_grown()
                await asyncio.sleep(self.latency_s)
                continue
            self._check()
            yield rows[start]
            start += 1

    def _check(self) -> None:
        if not self.up:
            raise EventLog("the log cannot be reached")
