"""Events of ``.sessions``: logins, the rotation of their refresh tokens, and their ends. Only hashes of tokens.

No view folds them: each node keeps the living sessions in memory (``govault.domain.sessions``), and the topic's age
bound is the longest that a session lives.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.accounts import AccountId, HashHex
from schemas.events.base import EventData
from schemas.topics import Topic

SessionId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _SessionsEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.SESSIONS


class SessionOpened(_SessionsEvent):
    """Somebody has logged in: whoever shows the secret of ``refresh_hash`` first goes on with the session."""

    TYPE: ClassVar[str] = "govault.sessions.session_opened.v1"
    session_id: SessionId
    account_id: AccountId
    refresh_hash: HashHex
    expires_ms: int = Field(ge=0)


class SessionRefreshed(_SessionsEvent):
    """The refresh token of ``from_hash`` was shown, and that of ``to_hash`` takes its place.

    Where ``from_hash`` is not the session's latest, somebody has a copy of an old one: the session ends.
    """

    TYPE: ClassVar[str] = "govault.sessions.session_refreshed.v1"
    session_id: SessionId
    account_id: AccountId
    from_hash: HashHex
    to_hash: HashHex


class SessionEnded(_SessionsEvent):
    """Logged out."""

    TYPE: ClassVar[str] = "govault.sessions.session_ended.v1"
    session_id: SessionId
    account_id: AccountId
    reason: Literal["logout", "revoked"] = "logout"


SessionsEvent = SessionOpened | SessionRefreshed | SessionEnded
