"""The sessions that live, folded from ``.sessions`` in log order: the same on every node that has read as far.

A refresh token counts once. The second use of one, by whoever has a copy, ends the session: the thief's and the
owner's alike, so that the owner notices.
"""

from dataclasses import dataclass

from govault.limits import SESSION_ENDED_KEPT_S, SESSIONS_MAX, SESSIONS_PER_ACCOUNT_MAX
from schemas.events import EventData
from schemas.events.sessions import SessionEnded, SessionOpened, SessionRefreshed


@dataclass(slots=True)
class Session:
    """A login that goes on.

    Attributes:
        refresh_hash: Of the one refresh token that counts, hex.
        opened_ms: When the log took the login.
        used_ms: When the log took its latest refresh.
    """

    session_id: str
    account_id: str
    refresh_hash: str
    opened_ms: int
    expires_ms: int
    used_ms: int


class Sessions:
    """All of them, bounded: beyond the bounds the oldest end.

    The ids of those that ended are remembered for as long as a code that names one may come again.
    """

    def __init__(self, sessions_max: int = SESSIONS_MAX, per_account_max: int = SESSIONS_PER_ACCOUNT_MAX) -> None:
        self._sessions_max = sessions_max
        self._per_account_max = per_account_max
        self._by_id: dict[str, Session] = {}
        self._of_account: dict[str, dict[str, None]] = {}
        self._ended_ms: dict[str, int] = {}
        self._folded_ms = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, session_id: str) -> Session | None:
        """A session that was not ended; whether it has expired, the caller sees."""
        return self._by_id.get(session_id)

    def of_account(self, account_id: str) -> list[Session]:
        """An account's sessions, the oldest first."""
        return [self._by_id[session_id] for session_id in self._of_account.get(account_id, ())]

    def fold(self, data: EventData, time_ms: int) -> None:
        """Take one event, at the time at which the log took it."""
        self._folded_ms = max(self._folded_ms, time_ms)
        match data:
            case SessionOpened():
                self._open(data, time_ms)
            case SessionRefreshed():
                self._refresh(data, time_ms)
            case SessionEnded():
                session = self._by_id.get(data.session_id)
                if session is not None and session.account_id == data.account_id:
                    self._end(session)
            case _:
                return

    def expire(self, now_ms: int) -> None:
        """Forget what has expired."""
        for session in [one for one in self._by_id.values() if one.expires_ms < now_ms]:
            self._end(session)

    def _open(self, data: SessionOpened, time_ms: int) -> None:
        if data.session_id in self._by_id or self._has_ended(data.session_id):
            return
        own = self._of_account.setdefault(data.account_id, {})
        if len(own) >= self._per_account_max:
            self._end(self._by_id[next(iter(own))])
        elif len(self._by_id) >= self._sessions_max:
            self._end(next(iter(self._by_id.values())))
        self._by_id[data.session_id] = Session(
            data.session_id, data.account_id, data.refresh_hash, time_ms, data.expires_ms, time_ms
        )
        self._of_account.setdefault(data.account_id, {})[data.session_id] = None

    def _refresh(self, data: SessionRefreshed, time_ms: int) -> None:
        session = self._by_id.get(data.session_id)
        if session is None or session.account_id != data.account_id:
            return
        if session.refresh_hash != data.from_hash or time_ms > session.expires_ms:
            self._end(session)
            return
        session.refresh_hash = data.to_hash
        session.used_ms = time_ms

    def _has_ended(self, session_id: str) -> bool:
        ended_ms = self._ended_ms.get(session_id)
        return ended_ms is not None and self._folded_ms - ended_ms <= SESSION_ENDED_KEPT_S * 1000

    def _end(self, session: Session) -> None:
        self._ended_ms.pop(session.session_id, None)
        self._ended_ms[session.session_id] = self._folded_ms
        oldest = next(iter(self._ended_ms))
        while len(self._ended_ms) > self._sessions_max or not self._has_ended(oldest):
            del self._ended_ms[oldest]
            oldest = next(iter(self._ended_ms))
        del self._by_id[session.session_id]
        own = self._of_account[session.account_id]
        del own[session.session_id]
        if not own:
            del self._of_account[session.account_id]
