"""Fakes of the ports that upkeep asks, each as small as its tests need."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from govault.domain.position import Position
from govault.errors import EventLog
from govault.ports import LogRecord, PartitionStatus
from schemas.envelope import Event
from schemas.topics import Topic


@dataclass
class FakeClock:
    """Time stands still until a test moves it."""

    now_s: float = 1000.0

    def time_ms(self) -> int:
        return int(self.now_s * 1000)

    def monotonic_s(self) -> float:
        return self.now_s


class FakeRandomness:
    """Tokens that differ."""

    def __init__(self) -> None:
        self._number = 0

    def token(self, size_bytes: int) -> bytes:
        self._number += 1
        return self._number.to_bytes(size_bytes, "big")


@dataclass
class FakeLog:
    """Takes events; ``failing`` makes it unreachable."""

    appended: list[tuple[Event, int]] = field(default_factory=list)
    failing: bool = False
    ends: dict[Topic, dict[int, int]] = field(default_factory=dict)

    async def append(self, event: Event, partition: int) -> Position:
        await asyncio.sleep(0)
        if self.failing:
            raise EventLog("the fake log is away")
        self.appended.append((event, partition))
        return Position(event.data.TOPIC, partition, len(self.appended) - 1)

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        if self.failing:
            raise EventLog("the fake log is away")
        return self.ends.get(topic, {})


@dataclass
class FakeViewUpkeep:
    """Status rows as a test sets them."""

    rows: list[PartitionStatus] = field(default_factory=list)

    def status(self) -> list[PartitionStatus]:
        return list(self.rows)


def status_row(
    partition: int = 0,
    applied: int = 9,
    *,
    history: str = "aa",
    view: str = "bb",
    malformed: int = 0,
    stopped: str = "",
) -> PartitionStatus:
    return PartitionStatus(Topic.FILES, partition, applied, 5000, history, view, malformed, stopped)


class FakeReader:
    """A log of records in memory."""

    def __init__(self, records: dict[tuple[Topic, int], list[LogRecord]]) -> None:
        self.records = records
        self.more = asyncio.Event()

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for (of, partition), records in self.records.items():
            if of is topic:
                begin = records[0].position.offset if records else 0
                found[partition] = (begin, records[-1].position.offset + 1 if records else 0)
        return found

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        rows: Sequence[LogRecord] = self.records[topic, partition]
        return next((row.position.offset for row in rows if row.time_ms >= time_ms), None)

    async def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        given = 0
        while True:
            rows = [row for row in self.records[topic, partition] if row.position.offset >= start]
            for row in rows[given:]:
                if stop is not None and row.position.offset >= stop:
                    return
                given += 1
                yield row
            if stop is not None:
                return
            self.more.clear()
            await self.more.wait()
