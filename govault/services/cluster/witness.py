"""What a node writes to ``.peers`` about life and death: its word against a silent peer, and its own refutation."""

import asyncio
import logging

from govault.domain.apply_failures import convicted
from govault.domain.rows import NodeRow, NodeState
from govault.errors import EventLog as EventLogError
from govault.limits import HEARTBEAT_APPEND_S_MAX, HEARTBEAT_SILENCE_MS_MIN, WITNESS_AGAIN_S, WITNESS_SPREAD_S_MAX
from govault.ports import Clock, EventLog, Randomness
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from schemas.envelope import Event
from schemas.events.peers import NodeRecovered, NodeSuspected
from schemas.ids import new_event_id

_log = logging.getLogger(__name__)
_PARTITION = 0
_REFUTE_AGAIN_S = 5.0
_SPREAD_S_PER_NODE = 0.02
_STALE_AFTER_MS = 10_000
"""A word that the log takes later than this accuses nobody: it may have waited in an outage."""


class Witness:
    """Speaks at a bounded rate: of many that see a death, a few say so."""

    def __init__(
        self,
        cluster: FoldedClusterMap,
        log: EventLog,
        reader: HeartbeatReader,
        clock: Clock,
        randomness: Randomness,
        source: str,
    ) -> None:
        self._cluster = cluster
        self._log = log
        self._reader = reader
        self._clock = clock
        self._randomness = randomness
        self._source = source
        self._due_s: dict[str, float] = {}
        self._said_s: dict[str, float] = {}
        self._refuted_s = -_REFUTE_AGAIN_S
        self.words = 0
        self.refutations = 0

    async def speak(self, silent: list[str]) -> None:
        """Say so of every peer that was found silent and where it helps; forget those that are silent no more.

        A log that does not take it in time is asked again at the next call.
        """
        now_s = self._clock.monotonic_s()
        self._due_s = {peer: self._due_s.get(peer) or now_s + self._spread_s() for peer in silent}
        self._said_s = {peer: at_s for peer, at_s in self._said_s.items() if now_s - at_s < WITNESS_AGAIN_S}
        for peer in silent:
            row = self._cluster.member(peer)
            due = row is not None and row.state == NodeState.UP and self._due_s[peer] <= now_s and self._helps(row)
            if row is not None and due and not await self._say(row, now_s):
                return

    async def _say(self, accused: NodeRow, now_s: float) -> bool:
        silence_ms = self._reader.silence_ms(accused.node_id)
        word = NodeSuspected(
            node_id=accused.node_id,
            incarnation=accused.incarnation,
            witness=self._cluster.node_id,
            silence_ms=silence_ms,
        )
        if silence_ms < HEARTBEAT_SILENCE_MS_MIN:
            return True
        if not await self._append(word, self._reader.newest_ms + _STALE_AFTER_MS):
            return False
        self._said_s[accused.node_id] = now_s
        self.words += 1
        _log.warning("node %s is silent: said so, %.1f s after its last heartbeat", accused.node_id, silence_ms / 1000)
        return True

    async def refute(self) -> None:
        """Where the log holds a suspicion or the death of this node against it: it lives."""
        row = self._cluster.member(self._cluster.node_id)
        now_s = self._clock.monotonic_s()
        accused = row is not None and (row.state == NodeState.DEAD or row.suspicions)
        if row is None or not accused or now_s - self._refuted_s < _REFUTE_AGAIN_S:
            return
        self._refuted_s = now_s
        if await self._append(NodeRecovered(node_id=row.node_id, incarnation=row.incarnation + 1), None):
            self.refutations += 1
            _log.warning("others took this node for %s: it is not", "dead" if row.state == NodeState.DEAD else "silent")

    def _spread_s(self) -> float:
        """A moment of chance before the first word, so that among many the first two suffice."""
        spread_s = min(WITNESS_SPREAD_S_MAX, _SPREAD_S_PER_NODE * len(self._cluster.members()))
        return spread_s * int.from_bytes(self._randomness.token(2), "big") / 65536

    def _helps(self, accused: NodeRow) -> bool:
        """Whether a word adds something: it convicts, or was not said for a while and is from a zone not yet heard."""
        me = self._cluster.member(self._cluster.node_id)
        if me is None or me.state != NodeState.UP:
            return False
        newest_ms = self._reader.newest_ms
        others = tuple(word for word in accused.suspicions if word[0] != me.node_id)
        spoken = accused._replace(suspicions=(*others, (me.node_id, newest_ms)))
        if convicted(spoken, self._cluster.members(), newest_ms):
            return self._clock.monotonic_s() - self._said_s.get(accused.node_id, -WITNESS_AGAIN_S) >= _REFUTE_AGAIN_S
        heard = {who for who, at_ms in others if at_ms >= newest_ms - int(WITNESS_AGAIN_S * 1000)}
        zones = {row.zone for row in self._cluster.members() if row.node_id in heard}
        return accused.node_id not in self._said_s and me.zone not in zones

    async def _append(self, data: NodeSuspected | NodeRecovered, not_after_ms: int | None) -> bool:
        now_ms = self._clock.time_ms()
        event = Event(
            id=new_event_id(now_ms, self._randomness.token(10)),
            data=data,
            actor="system:detection",
            source=self._source,
            time_ms=now_ms,
            subject=data.node_id,
            not_after_ms=not_after_ms,
        )
        try:
            async with asyncio.timeout(HEARTBEAT_APPEND_S_MAX):
                await self._log.append(event, _PARTITION)
        except (EventLogError, TimeoutError):
            return False
        return True
