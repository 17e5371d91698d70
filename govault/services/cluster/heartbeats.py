"""Heartbeats on the log: this node's word that it lives, every HEARTBEAT_PERIOD_S."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from govault.errors import EventLog as EventLogError
from govault.limits import HEARTBEAT_APPEND_S_MAX, HEARTBEAT_LINKS_MAX, HEARTBEAT_PERIOD_S, LOG_REACH_S
from govault.ports import Clock, EventLog, Randomness
from govault.services.cluster.links import LinkTable
from schemas.envelope import Event
from schemas.events.records import HeartbeatSent, LinkMeasured
from schemas.ids import new_event_id
from schemas.topics import Topic

_log = logging.getLogger(__name__)
_PARTITION = 0


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a node says of itself beside that it lives.

    Attributes:
        capacity_bytes: Of the disk that holds the packs.
        repair_backlog: Chunks in its repair queue.
        applied: As ``Views.applied``.
    """

    incarnation: int
    capacity_bytes: int = 0
    free_bytes: int = 0
    stored_bytes: int = 0
    chunks: int = 0
    repair_backlog: int = 0
    applied: tuple[tuple[Topic, int, int], ...] = ()


class Heartbeats:
    """Sends them. A worker whose step never fails: a backoff that grows would look like death after an outage."""

    name = "heartbeats"

    def __init__(
        self,
        log: EventLog,
        clock: Clock,
        randomness: Randomness,
        source: str,
        node_id: str,
        vitals: Callable[[], Awaitable[Vitals]],
        links: LinkTable | None = None,
        *,
        needed: bool = True,
    ) -> None:
        """Args:
        needed: False in a vault of one, where nobody listens: nothing is ever sent, and the log counts as reached.
        """
        self._log = log
        self._clock = clock
        self._randomness = randomness
        self._source = source
        self._node_id = node_id
        self._vitals = vitals
        self._links = links
        self._needed = needed
        self._written_s = self._due_s = clock.monotonic_s()
        self._told = 0
        self._failing = False
        self.last_offset = -1
        """Where the last one stands in the log; -1 before the first."""

    def reaches_log(self) -> bool:
        """Whether the log took a heartbeat within LOG_REACH_S (a fresh start is given as long)."""
        return not self._needed or self._clock.monotonic_s() - self._written_s <= LOG_REACH_S

    async def work(self) -> bool:
        """Send one, if it is due. A log that does not take it in time is noted, not raised."""
        if not self._needed or self._clock.monotonic_s() < self._due_s:
            return False
        self._due_s = self._clock.monotonic_s() + HEARTBEAT_PERIOD_S
        try:
            async with asyncio.timeout(HEARTBEAT_APPEND_S_MAX):
                self.last_offset = (await self._log.append(await self._event(), _PARTITION)).offset
        except (EventLogError, TimeoutError) as error:
            if not self._failing:
                _log.warning("the log takes no heartbeats: %s", error or "no answer in time")
            self._failing = True
            return False
        self._written_s = self._clock.monotonic_s()
        self._failing = False
        return False

    async def wait_for_work(self) -> None:
        """Return when the next one is due."""
        left_s = self._due_s - self._clock.monotonic_s() if self._needed else HEARTBEAT_PERIOD_S
        await asyncio.sleep(max(left_s, HEARTBEAT_PERIOD_S / 20))

    async def _event(self) -> Event:
        vitals = await self._vitals()
        data = HeartbeatSent(
            node_id=self._node_id,
            incarnation=vitals.incarnation,
            capacity_bytes=vitals.capacity_bytes,
            free_bytes=vitals.free_bytes,
            stored_bytes=vitals.stored_bytes,
            chunks=vitals.chunks,
            repair_backlog=vitals.repair_backlog,
            applied=tuple((topic.value, partition, offset) for topic, partition, offset in vitals.applied),
            links=self._some_links(),
        )
        now_ms = self._clock.time_ms()
        return Event(
            id=new_event_id(now_ms, self._randomness.token(10)),
            data=data,
            actor="system:heartbeats",
            source=self._source,
            time_ms=now_ms,
            subject=self._node_id,
        )

    def _some_links(self) -> tuple[LinkMeasured, ...]:
        """A few links each time, in turn, so that a heartbeat stays small among many nodes."""
        if self._links is None:
            return ()
        peers = self._links.peers()
        start = self._told if self._told < len(peers) else 0
        chosen = peers[start : start + HEARTBEAT_LINKS_MAX]
        self._told = start + len(chosen)
        measured = [(peer, self._links.of(peer)) for peer in chosen]
        return tuple(
            LinkMeasured(
                peer=peer,
                latency_ms=round(link.latency_s * 1000, 3),
                bandwidth_bytes_s=int(link.bandwidth_bytes_s),
                score=round(link.score, 3),
            )
            for peer, link in measured
        )
