"""Logging in, going on with a session, and logging out."""

from dataclasses import dataclass

from govault.auth.access_tokens import AccessTokens, Issued
from govault.auth.secrets import hash_secret, new_secret, read_refresh_token, refresh_token
from govault.domain.account_rows import AccountRow
from govault.domain.actor import Actor
from govault.domain.sessions import Session
from govault.errors import Authentication, TooManyRequests
from govault.limits import EVENT_NOT_AFTER_S, OUTCOME_WAIT_S, SESSION_VALID_S
from govault.ports import Clock, EventLog, Passwords, Randomness
from govault.services.accounts.personal import People
from govault.services.accounts.registry import AccountRegistry
from govault.services.accounts.session_table import SessionTable
from govault.services.accounts.throttle import LoginThrottle
from schemas.envelope import Event
from schemas.events.sessions import SessionEnded, SessionOpened, SessionRefreshed, SessionsEvent
from schemas.ids import new_event_id

_PARTITION = 0
_WRONG = "the login or the password is wrong"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What somebody gets who has logged in, or goes on with a session. The refresh token counts once."""

    account: AccountRow
    session: Session
    access: Issued
    refresh: str


@dataclass(frozen=True, slots=True)
class SessionActs:
    """The acts."""

    people: People
    registry: AccountRegistry
    table: SessionTable
    tokens: AccessTokens
    passwords: Passwords
    throttle: LoginThrottle
    log: EventLog
    clock: Clock
    randomness: Randomness
    source: str

    async def log_in(self, actor: Actor, login: str, password: str) -> LoggedIn:
        """Open a session.

        An unknown login takes as long as a wrong password, and is answered in the same words.

        Raises:
            Authentication: The login or the password is wrong, or the account is disabled.
            TooManyRequests: Too many attempts from the address; or more passwords wait than are checked in time.
        """
        login_hash = self.people.sealing.login_hash(login)
        self.throttle.check(login_hash, actor.address)
        row = self.people.views.accounts().account_of_login(login_hash)
        usable = row is not None and row.is_live
        verifier = self.registry.verifier(row) if row and usable else ""
        try:
            verdict = await self.passwords.verify(password, verifier)
        except TooManyRequests:
            self.throttle.undecided(login_hash, actor.address)
            raise
        if row is None or not usable or not verdict.ok:
            raise Authentication(_WRONG, code="authentication.login")
        self.throttle.succeeded(login_hash, actor.address)
        if verdict.outdated:
            await self.registry.rehash(row, password)
        return await self.open(row, refused=Authentication(_WRONG, code="authentication.login"))

    async def open(self, row: AccountRow, session_id: str = "", refused: Authentication | None = None) -> LoggedIn:
        """Open a session for whoever has proved to be the account.

        Args:
            row: The account as it was when that was proved: what has ended its sessions since ends the proof too.
            session_id: Of the session; empty: a fresh one.
            refused: What to say where none is opened; None: words that fit any login.

        Raises:
            Authentication: There is or was such a session already, and it stays another's; or the account's sessions
                were ended since the proof, as by another password.
        """
        refused = refused or _ended()
        if self._ended_since(row):
            raise refused
        session_id, secret = session_id or self.randomness.token(16).hex(), new_secret(self.randomness)
        expires_ms = self.clock.time_ms() + SESSION_VALID_S * 1000
        opened = SessionOpened(
            session_id=session_id,
            account_id=row.account_id,
            refresh_hash=hash_secret(secret),
            expires_ms=expires_ms,
        )
        await self._append(row.account_id, opened)
        if self._ended_since(row):
            await self._append(row.account_id, SessionEnded(session_id=session_id, account_id=row.account_id))
            raise refused
        return self._logged_in(row, session_id, secret, refused)

    async def refresh(self, text: str) -> LoggedIn:
        """Go on with a session: the refresh token is spent, and another takes its place.

        Raises:
            Authentication: The token is unknown, expired, or was used before: then the whole session has ended.
        """
        shown = read_refresh_token(text)
        session = None if shown is None else self.table.find(shown.opens)
        if shown is None or session is None or not self.table.counts(session):
            raise _void()
        row = self.people.views.accounts().account(session.account_id)
        if row is None or not row.is_live:
            raise _void()
        secret = new_secret(self.randomness)
        to_hash = hash_secret(secret)
        refreshed = SessionRefreshed(
            session_id=session.session_id,
            account_id=session.account_id,
            from_hash=shown.secret_hash,
            to_hash=to_hash,
        )
        await self._append(session.account_id, refreshed)
        now = self.table.find(session.session_id)
        if now is None or now.refresh_hash != to_hash:
            raise _void()
        return self._logged_in(row, session.session_id, secret, _void())

    async def log_out(self, session_id: str) -> None:
        """End a session; nothing where there is none."""
        session = self.table.find(session_id)
        if session is not None:
            await self._append(session.account_id, SessionEnded(session_id=session_id, account_id=session.account_id))

    def _ended_since(self, row: AccountRow) -> bool:
        """Whether an account's sessions were ended, or it was disabled or erased, since it was as this row says."""
        now = self.people.views.accounts().account(row.account_id)
        return now is None or not now.is_live or now.sessions_from_ms != row.sessions_from_ms

    def _logged_in(self, row: AccountRow, session_id: str, secret: str, refused: Authentication) -> LoggedIn:
        session = self.table.find(session_id)
        if session is None or session.refresh_hash != hash_secret(secret) or not self.table.counts(session):
            raise refused
        issued = self.tokens.issue(row.account_id, session_id, self.clock.time_ms() // 1000)
        return LoggedIn(row, session, issued, refresh_token(session_id, secret))

    async def _append(self, account_id: str, data: SessionsEvent) -> None:
        """Write an event, and wait until this node has read it.

        Raises:
            OutcomePending: It may have been written.
            ViewsLagging: It was written, and this node has not read it in time.
        """
        now_ms = self.clock.time_ms()
        event = Event(
            id=new_event_id(now_ms, self.randomness.token(10)),
            data=data,
            actor=account_id,
            source=self.source,
            time_ms=now_ms,
            subject=account_id,
            not_after_ms=now_ms + int(EVENT_NOT_AFTER_S * 1000),
        )
        position = await self.log.append(event, _PARTITION)
        await self.table.wait_read(position.offset, OUTCOME_WAIT_S)


def _ended() -> Authentication:
    return Authentication("the account was logged out everywhere meanwhile; log in again", code="authentication.login")


def _void() -> Authentication:
    return Authentication(
        "the refresh token is unknown, expired or was used before; log in again", code="authentication.refresh"
    )
