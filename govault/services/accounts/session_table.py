"""This node's knowledge of the sessions: what it has read of ``.sessions``, and what of it still counts."""

import logging

from govault.domain.sessions import Session, Sessions
from govault.limits import SESSION_IDLE_S
from govault.ports import Clock, LogReader, LogRecord, Views
from govault.services.log.following import Follower
from govault.services.log.records import authentic_event
from schemas.topics import Topic

_EXPIRE_EVERY_MS = 60_000
_log = logging.getLogger(__name__)


class SessionTable:
    """Follows ``.sessions`` from its beginning."""

    def __init__(self, reader: LogReader, views: Views, clock: Clock, mac_key: bytes) -> None:
        self._views = views
        self._clock = clock
        self._mac_key = mac_key
        self._sessions = Sessions()
        self._expired_ms = 0
        self.follower = Follower(reader, Topic.SESSIONS, self._take)

    async def run(self) -> None:
        """Follow; returns only by cancellation."""
        await self.follower.run()

    async def wait_read(self, offset: int, timeout_s: float) -> None:
        """Return when the record at an offset was read.

        Raises:
            ViewsLagging: It was not in time.
        """
        await self.follower.wait_read(offset, timeout_s)

    def has_read(self, end: int) -> bool:
        """Whether all before an offset was read."""
        return self.follower.next_offset >= end

    def find(self, session_id: str) -> Session | None:
        """A session that was not ended."""
        return self._sessions.find(session_id)

    def of_account(self, account_id: str) -> list[Session]:
        """An account's sessions that count, the oldest first."""
        return [session for session in self._sessions.of_account(account_id) if self.counts(session)]

    def counts(self, session: Session) -> bool:
        """Whether a session lets its account in: not expired, used lately, and newer than the last end of them all."""
        now_ms = self._clock.time_ms()
        if now_ms > session.expires_ms or now_ms - session.used_ms > SESSION_IDLE_S * 1000:
            return False
        row = self._views.accounts().account(session.account_id)
        return row is not None and row.is_live and session.opened_ms > row.sessions_from_ms

    def _take(self, record: LogRecord) -> None:
        event = authentic_event(record, self._mac_key)
        if event is None:
            _log.warning("a record of %s/%d at %d counts for nothing", *record.position)
            return
        if event.not_after_ms is None or record.time_ms <= event.not_after_ms:
            self._sessions.fold(event.data, record.time_ms)
        if record.time_ms - self._expired_ms > _EXPIRE_EVERY_MS:
            self._expired_ms = record.time_ms
            self._sessions.expire(record.time_ms)
