"""What the routes of groups take and answer."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.ids import ACCOUNT_ID_PATTERN
from schemas.rest.accounts import ACCOUNT_ID, REVISION_IS, Revision
from schemas.rest.shapes import RequestModel, ResponseModel

GROUP_ID = "g_01JD3V8Q6H4T9M2K7RX5WZ0ABC"
GroupName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", examples=["editors"])]


class GroupAsk(RequestModel):
    """A new group."""

    name: GroupName
    description: str = Field(default="", max_length=1000)


class GroupPatch(RequestModel):
    """What shall be different; what is left out stays."""

    name: GroupName | None = None
    description: str | None = Field(default=None, max_length=1000)
    base_revision: Revision = Field(default=None, description=REVISION_IS)


class GroupDocument(ResponseModel):
    """A group."""

    id: str = Field(examples=[GROUP_ID])
    name: str
    description: str
    revision: int
    created: datetime


class GroupsPage(ResponseModel):
    """A page of groups."""

    items: tuple[GroupDocument, ...]
    more: bool
    next_cursor: str | None


class MemberAsk(RequestModel):
    """How an account is in a group."""

    manager: bool = Field(default=False, strict=True, description="Whether it may take others in and let them go.")


class MemberDocument(ResponseModel):
    """An account in a group."""

    account: Annotated[str, Field(pattern=ACCOUNT_ID_PATTERN, examples=[ACCOUNT_ID])]
    login: str | None
    display_name: str | None
    manager: bool


class MembersPage(ResponseModel):
    """A page of a group's members."""

    items: tuple[MemberDocument, ...]
    more: bool
    next_cursor: str | None
