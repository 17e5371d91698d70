"""Events of ``.files`` about share links: who has one reads a file or folder, or drops files into a folder.

Only hashes of secrets are here. Decided under rules 2 and later.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.accounts import HashHex
from schemas.events.base import EventData
from schemas.ids import SHARE_ID_PATTERN
from schemas.topics import Topic

ShareId = Annotated[str, Field(pattern=SHARE_ID_PATTERN)]


class _ShareEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.FILES
    space_id: str
    target_id: str
    share_id: ShareId


class ShareCreated(_ShareEvent):
    """Whoever shows the secret of ``secret_hash`` may ``read`` the target, or ``upload`` new files into it.

    Attributes:
        verifier: Of the password that is asked for too; empty: none is.
        expires_ms: In vault time; None: never.
        uses_max: How often it can be used; None: any number of times.
    """

    TYPE: ClassVar[str] = "govault.files.share_created.v1"
    mode: Literal["read", "upload"]
    secret_hash: HashHex
    verifier: str = Field(default="", max_length=256)
    expires_ms: int | None = Field(default=None, ge=0)
    uses_max: int | None = Field(default=None, ge=1, le=1_000_000)
    name: str = Field(default="", max_length=100)


class ShareRevoked(_ShareEvent):
    """A link opens nothing any more."""

    TYPE: ClassVar[str] = "govault.files.share_revoked.v1"


class ShareUsed(_ShareEvent):
    """A download or an upload has begun by a link."""

    TYPE: ClassVar[str] = "govault.files.share_used.v1"
