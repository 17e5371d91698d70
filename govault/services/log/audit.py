"""The audit trail: refusals, logins, grants and acts, to ``.audit`` from a bounded queue; drops are counted."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Literal

from govault.domain.actor import ANYBODY, Actor
from govault.errors import EventLog as EventLogError
from govault.limits import (
    AUDIT_BURST,
    AUDIT_EVENTS_PER_S,
    AUDIT_QUEUE_MAX,
    AUDIT_UNKNOWN_BURST,
    AUDIT_UNKNOWN_EVENTS_PER_S,
)
from govault.ports import Clock, EventLog, Randomness
from schemas.envelope import Event
from schemas.events.records import RequestAudited
from schemas.ids import new_event_id

_log = logging.getLogger(__name__)
_PARTITION = 0


@dataclass(slots=True)
class AuditCounts:
    """Since the node started."""

    noted: int = 0
    written: int = 0
    dropped: int = 0


class _Allowance:
    """A token bucket."""

    def __init__(self, per_s: float, burst: int, now_s: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = float(burst)
        self._at_s = now_s

    def take(self, now_s: float) -> bool:
        """Whether one more is within the rate."""
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class AuditTrail:
    """Takes notes from the doors and writes them behind their back: a door never waits for it.

    It is also a worker (``maintenance.workers.Worker``).
    """

    name = "audit"

    def __init__(self, log: EventLog, clock: Clock, randomness: Randomness, source: str) -> None:
        self._log = log
        self._clock = clock
        self._randomness = randomness
        self._source = source
        self._queue: deque[Event] = deque()
        self._some = asyncio.Event()
        now_s = clock.monotonic_s()
        self._known = _Allowance(AUDIT_EVENTS_PER_S, AUDIT_BURST, now_s)
        self._unknown = _Allowance(AUDIT_UNKNOWN_EVENTS_PER_S, AUDIT_UNKNOWN_BURST, now_s)
        self.counts = AuditCounts()

    def refused(self, actor: Actor, action: str, code: str, subject: str = "", token_id: str = "") -> None:
        """Note a refused request. Never blocks, never raises; beyond the rate it is only counted.

        Args:
            action: What was asked, e.g. ``DELETE /files/{ref}``: a route, not a path.
            code: The problem's stable code.
            subject: What it was asked of, e.g. a file id; empty where nobody knows.
            token_id: Of the file token by which it was asked, or that was asked for; empty: none.
        """
        self._note(actor, action, "refused", code, subject, token_id)

    def allowed(self, actor: Actor, action: str, subject: str = "", token_id: str = "") -> None:
        """Note a request that was answered, in the same way."""
        self._note(actor, action, "allowed", "", subject, token_id)

    def _note(
        self, actor: Actor, action: str, outcome: Literal["refused", "allowed"], code: str, subject: str, token_id: str
    ) -> None:
        self.counts.noted += 1
        if len(self._queue) >= AUDIT_QUEUE_MAX or not self._allow(actor):
            self.counts.dropped += 1
            return
        now_ms = self._clock.time_ms()
        data = RequestAudited(
            action=action,
            outcome=outcome,
            code=code,
            request_id=actor.request_id,
            address=actor.address,
            subject=subject,
            token_id=token_id,
        )
        event = Event(
            id=new_event_id(now_ms, self._randomness.token(10)),
            data=data,
            actor=actor.name,
            source=self._source,
            time_ms=now_ms,
            subject=actor.name,
            principals=actor.principals,
        )
        self._queue.append(event)
        self._some.set()

    def _allow(self, actor: Actor) -> bool:
        # Whoever hammers at the door without a token must neither fill the log nor hide what others were refused.
        allowance = self._unknown if actor.name == ANYBODY else self._known
        return allowance.take(self._clock.monotonic_s())

    async def work(self) -> bool:
        """Write what stands in the queue.

        Raises:
            EventLog: The log cannot be reached; what is queued stays queued.
        """
        while self._queue:
            try:
                await self._log.append(self._queue[0], _PARTITION)
            except EventLogError:
                _log.warning("%d audit events wait for the log", len(self._queue))
                raise
            self._queue.popleft()
            self.counts.written += 1
        return False

    async def wait_for_work(self) -> None:
        """Return when something was noted."""
        self._some.clear()
        if not self._queue:
            await self._some.wait()
