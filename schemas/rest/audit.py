"""What the route of the audit trail answers."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from schemas.rest.accounts import ACCOUNT_ID
from schemas.rest.shapes import ResponseModel


class AuditDocument(ResponseModel):
    """A request that was kept."""

    time: datetime
    actor: str = Field(description="An account, `admin` (the operator), `share:…`, `anonymous`.", examples=[ACCOUNT_ID])
    action: str = Field(examples=["PUT /files/{ref}/access/{principal}"])
    outcome: Literal["allowed", "refused"]
    code: str = Field(description="Why it was refused.", examples=["access-denied.administrators"])
    subject: str = Field(description="The id that its path named, or the file of its token.")
    token_id: str = Field(description="The file token by which it was asked, or that it asked for.")
    address: str = Field(examples=["192.0.2.7"])
    request_id: str


class AuditPage(ResponseModel):
    """A page of the audit trail, the newest first. It may be empty and lead on."""

    items: tuple[AuditDocument, ...]
    more: bool
    next_cursor: str | None
