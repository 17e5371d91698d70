"""Follows ``.heartbeats``: when each node was last heard on the log, and what it said of itself."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from govault.domain.silence import Silences
from govault.errors import EventLog as EventLogError
from govault.limits import (
    HEARTBEAT_NODES_MAX,
    HEARTBEAT_SILENCE_MS_MIN,
    HEARTBEATS_READ_BACK,
    LOG_REACH_S,
    WORKER_BACKOFF_S_MIN,
)
from govault.ports import Clock, LogReader, LogRecord
from schemas.codec import MalformedEvent, UnknownEventType, decode, verify_mac
from schemas.envelope import MAC_HEADER
from schemas.events.records import HeartbeatSent, LinkMeasured
from schemas.topics import Topic

_log = logging.getLogger(__name__)
_PARTITION = 0
_RETRY_S = 2 * WORKER_BACKOFF_S_MIN


@dataclass(slots=True)
class NodeReport:
    """The last word of a node on itself.

    Attributes:
        append_ms: When the log took it.
        links: How it sees its links, by peer: gathered from its last heartbeats, for each tells a few.
    """

    heartbeat: HeartbeatSent
    append_ms: int
    links: dict[str, LinkMeasured] = field(default_factory=dict)


class HeartbeatReader:
    """Reads from about a minute before the end on, for as long as it runs; an outage of the log only delays it."""

    def __init__(self, reader: LogReader, clock: Clock, mac_key: bytes, members: Callable[[], int]) -> None:
        """Args:
        mac_key: The vault's event key.
        members: How many nodes the vault has: so many send heartbeats.
        """
        self._reader = reader
        self._clock = clock
        self._mac_key = mac_key
        self._members = members
        self._silences = Silences()
        self._reports: dict[str, NodeReport] = {}
        self._next: int | None = None
        self._read_s: float | None = None

    def has_read(self, offset: int) -> bool:
        """Whether the record there was read, and some record lately: then what is said about silence is of now."""
        if self._next is None or self._read_s is None or self._next <= offset:
            return False
        return self._clock.monotonic_s() - self._read_s <= HEARTBEAT_SILENCE_MS_MIN / 1000

    @property
    def newest_ms(self) -> int:
        """Append time of the newest heartbeat of anybody: about the log's time of now. 0 before the first."""
        return self._silences.newest_ms

    def silence_ms(self, node_id: str) -> int:
        """How long a node has said nothing, by the log's times (see ``govault.domain.silence``)."""
        return self._silences.of(node_id)

    def report(self, node_id: str) -> NodeReport | None:
        """What a node last said; None before its first heartbeat was read. For reading only."""
        return self._reports.get(node_id)

    async def run(self) -> None:
        """Follow; returns only by cancellation. Belongs into a TaskGroup of the node."""
        while True:
            try:
                await self._follow()
            except (EventLogError, TimeoutError) as error:
                _log.info("heartbeats cannot be read now: %s", error or "none came in time")
            await asyncio.sleep(_RETRY_S)

    async def _follow(self) -> None:
        begin, end = (await self._reader.bounds(Topic.HEARTBEATS))[_PARTITION]
        if self._next is None or not begin <= self._next <= end:
            self._next = max(begin, end - HEARTBEATS_READ_BACK * max(1, self._members()))
        async with aclosing(self._reader.read(Topic.HEARTBEATS, _PARTITION, self._next, None)) as records:
            while True:
                # Where none comes for so long, the connection may be the reason: it is made anew.
                async with asyncio.timeout(2 * LOG_REACH_S):
                    record = await anext(records, None)
                if record is None:
                    return
                self._next = record.position.offset + 1
                self._read_s = self._clock.monotonic_s()
                self._take(record)

    def _decoded(self, record: LogRecord) -> HeartbeatSent | None:
        place = (record.position.topic, record.position.partition)
        try:
            verify_mac(self._mac_key, *place, record.key, record.value, dict(record.headers).get(MAC_HEADER))
            data = decode(record.value).data
        except (MalformedEvent, UnknownEventType):
            return None
        return data if isinstance(data, HeartbeatSent) else None

    def _take(self, record: LogRecord) -> None:
        data = self._decoded(record)
        if data is None:
            return
        self._silences.heard(data.node_id, record.time_ms)
        known = self._reports.pop(data.node_id, None)
        if len(self._reports) >= HEARTBEAT_NODES_MAX:
            del self._reports[next(iter(self._reports))]
        links = known.links if known else {}
        for link in data.links:
            links[link.peer] = link
        while len(links) > HEARTBEAT_NODES_MAX:
            del links[next(iter(links))]
        self._reports[data.node_id] = NodeReport(data, record.time_ms, links)
