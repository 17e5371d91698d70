"""Follows ``.heartbeats``: when each node was last heard on the log, and what it said of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from govault.domain.silence import Silences
from govault.limits import HEARTBEAT_NODES_MAX, HEARTBEAT_SILENCE_MS_MIN, HEARTBEATS_READ_BACK, LOG_REACH_S
from govault.ports import Clock, LogReader, LogRecord
from govault.services.log.following import Follower
from govault.services.log.records import authentic_event
from schemas.events.records import HeartbeatSent, LinkMeasured
from schemas.topics import Topic


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
        self._clock = clock
        self._mac_key = mac_key
        self._silences = Silences()
        self._reports: dict[str, NodeReport] = {}
        self._read_s: float | None = None
        self._follower = Follower(
            reader,
            Topic.HEARTBEATS,
            self._take,
            back=lambda: HEARTBEATS_READ_BACK * max(1, members()),
            renew_s=2 * LOG_REACH_S,
        )

    def has_read(self, offset: int) -> bool:
        """Whether the record there was read, and some record lately: then what is said about silence is of now."""
        if self._read_s is None or self._follower.next_offset <= offset:
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
        await self._follower.run()

    def _take(self, record: LogRecord) -> None:
        self._read_s = self._clock.monotonic_s()
        event = authentic_event(record, self._mac_key)
        data = None if event is None else event.data
        if not isinstance(data, HeartbeatSent):
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
