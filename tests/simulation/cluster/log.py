"""The log of a simulated cluster: one truth in memory, which each node reaches or not, and reads after a while."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from govault.domain.position import Position
from govault.errors import EventLog, OutcomePending
from govault.ports import LogRecord
from schemas.codec import encode
from schemas.envelope import Event
from schemas.topics import TOPICS, Topic
from streams.records import Record, headers_of
from tests.fakes.world import START_MS
from tests.simulation.cluster.life import Life

Place = tuple[Topic, int]
APPEND_S_MAX = 20.0


@dataclass
class SimLog:
    """Everything that was ever appended.

    Attributes:
        down: Nobody reaches it.
        unreachable: Nodes that do not reach it.
        lost_acks: Share of appends that are written without their writer being told.
        refused: Share of appends that are certainly not written.
    """

    files_partitions: int
    mac_key: bytes
    rng: random.Random
    down: bool = False
    unreachable: set[str] = field(default_factory=set)
    lost_acks: float = 0.0
    refused: float = 0.0
    on_append: Callable[[Event], None] = lambda _: None
    records: dict[Place, list[Record]] = field(default_factory=lambda: defaultdict(list))
    events: list[tuple[Position, Event]] = field(default_factory=list)
    _waiting: dict[Place, list[asyncio.Future[None]]] = field(default_factory=dict)

    def reaches(self, node_id: str) -> bool:
        """Whether a node reaches the log."""
        return not self.down and node_id not in self.unreachable

    def write(self, event: Event, partition: int) -> Position:
        """Append at once."""
        topic = event.data.TOPIC
        here = self.records[topic, partition]
        key, value = event.subject.encode(), encode(event)
        now_ms = START_MS + int(asyncio.get_running_loop().time() * 1000)
        time_ms = max(now_ms, here[-1].time_ms if here else 0)
        position = Position(topic, partition, len(here))
        headers = tuple(headers_of(topic, partition, key, value, self.mac_key))
        here.append(Record(position, time_ms, key, value, headers))
        if topic is not Topic.HEARTBEATS:
            self.events.append((position, event))
            self.on_append(event)
        for one in self._waiting.pop((topic, partition), ()):
            if not one.done():
                one.set_result(None)
        return position

    async def wait_appended(self, place: Place, timeout_s: float) -> None:
        """Return at the next append there, or after a while."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(place, []).append(turn)
        await asyncio.wait([turn], timeout=timeout_s)


class SimLogClient:
    """``EventLog`` and ``LogReader`` of one node."""

    def __init__(self, node_id: str, life: Life, log: SimLog) -> None:
        self._node_id = node_id
        self._life = life
        self._log = log

    async def append(self, event: Event, partition: int) -> Position:
        await self._life.pause(0.01)
        if not self._log.reaches(self._node_id):
            await self._life.pause(2 * APPEND_S_MAX)
            raise EventLog("the log cannot be reached")
        if self._log.rng.random() < self._log.refused:
            raise EventLog("the log refused it")
        position = self._log.write(event, partition)
        await self._life.pause(0.01)
        if self._log.rng.random() < self._log.lost_acks:
            raise OutcomePending("the connection was lost", event_id=event.id)
        return position

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        await self._check()
        return {number: len(self._log.records[topic, number]) for number in self.partitions(topic)}

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        return {number: (0, end) for number, end in (await self.end_offsets(topic)).items()}

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        await self._check()
        records = self._log.records[topic, partition]
        return next((number for number, record in enumerate(records) if record.time_ms >= time_ms), None)

    async def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        offset = start
        while stop is None or offset < stop:
            await self._check()
            records = self._log.records[topic, partition]
            if offset < len(records):
                yield LogRecord(*records[offset])
                offset += 1
            elif stop is not None:
                return
            else:
                await self._log.wait_appended((topic, partition), 30.0)

    def partitions(self, topic: Topic) -> range:
        """The partitions of a topic."""
        spec = next(spec for spec in TOPICS if spec.topic is topic)
        return range(spec.partitions or self._log.files_partitions)

    async def _check(self) -> None:
        await self._life.pause(0.005)
        if not self._log.reaches(self._node_id):
            await self._life.pause(APPEND_S_MAX)
            raise EventLog("the log cannot be reached")
