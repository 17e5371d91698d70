"""A log in memory, on which real views fold: appended at once, folded in the next turn of the loop."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from govault.domain.position import Position
from govault.errors import EventLog, OutcomePending
from govault.ports import Clock
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events import EventData
from schemas.topics import FOLDED_TOPICS, Topic
from streams.records import Record, headers_of
from streams.views.views import RocksViews


@dataclass
class MemoryLog:
    """``EventLog`` without a broker.

    Attributes:
        records: Everything appended, in order.
        held: While true nothing is folded: the outcome of a write stays unknown until ``release``.
        lose_next: The next append is refused as certainly not written.
        forget_next: The next append is written, but its writer is not told so.
    """

    views: RocksViews
    clock: Clock
    mac_key: bytes
    records: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    held: bool = False
    lose_next: bool = False
    forget_next: bool = False
    _ends: dict[tuple[Topic, int], int] = field(default_factory=lambda: defaultdict(int))
    _appended: asyncio.Condition = field(default_factory=asyncio.Condition)
    _waiting: list[Record] = field(default_factory=list)

    async def append(self, event: Event, partition: int) -> Position:
        """See the port."""
        if self.lose_next:
            self.lose_next = False
            raise EventLog("the log cannot be reached")
        topic = event.data.TOPIC
        position = Position(topic, partition, self._ends[topic, partition])
        self._ends[topic, partition] += 1
        key, value = event.subject.encode(), encode(event)
        headers = tuple(headers_of(topic, partition, key, value, self.mac_key))
        record = Record(position, self.clock.time_ms(), key, value, headers)
        self.records.append(record)
        self.events.append(event)
        if topic in FOLDED_TOPICS:
            self._waiting.append(record)
        if not self.held:
            asyncio.get_running_loop().call_soon(self._fold)
        async with self._appended:
            self._appended.notify_all()
        if self.forget_next:
            self.forget_next = False
            raise OutcomePending("the connection was lost")
        return position

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """See the port."""
        return {partition: end for (other, partition), end in self._ends.items() if other is topic}

    async def wait_appended(self, kind: type[EventData], count: int) -> None:
        """Return when so many events of a type have been appended."""
        async with self._appended:
            await self._appended.wait_for(lambda: sum(isinstance(event.data, kind) for event in self.events) >= count)

    async def wait_grown(self) -> None:
        """Return when something more was appended."""
        async with self._appended:
            await self._appended.wait()

    def release(self) -> None:
        """Fold what was held back."""
        self.held = False
        self._fold()

    def _fold(self) -> None:
        while self._waiting and not self.held:
            self.views.fold(self._waiting.pop(0))
