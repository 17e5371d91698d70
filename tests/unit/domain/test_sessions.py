"""Sessions folded in log order."""

from govault.domain.sessions import Sessions
from govault.limits import SESSION_ENDED_KEPT_S
from schemas.events.sessions import SessionEnded, SessionOpened, SessionRefreshed

A, B = "a_01HF7YAT00DC9XRR3SDYCM8AAA", "a_01HF7YAT00DC9XRR3SDYCM8BBB"


def sid(number: int) -> str:
    return f"{number:032x}"


def digest(word: str) -> str:
    return f"{ord(word):064x}"


def opened(number: int, account: str = A, expires_ms: int = 1000) -> SessionOpened:
    return SessionOpened(session_id=sid(number), account_id=account, refresh_hash=digest("a"), expires_ms=expires_ms)


def refreshed(number: int, before: str, after: str, account: str = A) -> SessionRefreshed:
    return SessionRefreshed(session_id=sid(number), account_id=account, from_hash=digest(before), to_hash=digest(after))


def test_of_two_refreshes_with_one_token_the_second_ends_the_session() -> None:
    sessions = Sessions()
    sessions.fold(opened(1), 0)
    sessions.fold(refreshed(1, "a", "b"), 1)
    session = sessions.find(sid(1))
    assert session is not None
    assert (session.refresh_hash, session.used_ms) == (digest("b"), 1)
    sessions.fold(refreshed(1, "a", "c"), 2)
    assert sessions.find(sid(1)) is None
    sessions.fold(refreshed(1, "b", "d"), 3)
    assert sessions.find(sid(1)) is None


def test_an_event_of_another_account_changes_nothing() -> None:
    sessions = Sessions()
    sessions.fold(opened(1), 0)
    sessions.fold(refreshed(1, "x", "y", B), 1)
    sessions.fold(SessionEnded(session_id=sid(1), account_id=B), 2)
    sessions.fold(opened(1, B), 3)
    session = sessions.find(sid(1))
    assert session is not None
    assert (session.account_id, session.refresh_hash) == (A, digest("a"))


def test_a_late_refresh_ends_what_has_expired_and_time_forgets_the_rest() -> None:
    sessions = Sessions()
    sessions.fold(opened(1, expires_ms=10), 0)
    sessions.fold(opened(2, expires_ms=10), 0)
    sessions.fold(refreshed(1, "a", "b"), 11)
    assert [sessions.find(sid(number)) is None for number in (1, 2)] == [True, False]
    sessions.expire(11)
    assert len(sessions) == 0


def test_beyond_the_bounds_the_oldest_end() -> None:
    sessions = Sessions(sessions_max=4, per_account_max=2)
    for number in range(3):
        sessions.fold(opened(number), number)
    assert [one.session_id for one in sessions.of_account(A)] == [sid(1), sid(2)]
    for number in range(3, 9):
        sessions.fold(opened(number, f"a_{number:026d}"), number)
    assert len(sessions) == 4
    assert sessions.of_account(A) == []
    sessions.fold(SessionEnded(session_id=sid(8), account_id=f"a_{8:026d}"), 9)
    assert len(sessions) == 3


def test_the_id_of_a_session_that_ended_opens_no_other_as_long_as_a_code_may_name_it() -> None:
    sessions = Sessions(sessions_max=2)
    sessions.fold(opened(1), 0)
    sessions.fold(SessionEnded(session_id=sid(1), account_id=A), 1)
    sessions.fold(opened(1), 1 + SESSION_ENDED_KEPT_S * 1000)
    assert sessions.find(sid(1)) is None
    sessions.fold(opened(1, expires_ms=10**9), 2 + SESSION_ENDED_KEPT_S * 1000)
    assert sessions.find(sid(1)) is not None
