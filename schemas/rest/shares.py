"""What the routes of share links take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from schemas.rest.shapes import RequestModel, ResponseModel, whole

SHARE_ID = "l_01JD3V8Q6H4T9M2K7RX5WZ0ABC"
SHARE_TOKEN = "01JD3V8Q6H4T9M2K7RX5WZ0ABC01JD3V8Q6H4T9M2K7RX5WZ0ABDxX0…"


class ShareAsk(RequestModel):
    """A link to a file or folder."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"mode": "read", "expires_s": 604_800, "name": "for the printer"}]},
    )
    mode: Literal["read", "upload"] = Field(default="read", description="`upload`: new files into a folder, unseen.")
    name: str = Field(default="", max_length=100, description="For you, to know it by.")
    expires_s: Annotated[int | None, Field(ge=1, le=315_360_000), BeforeValidator(whole)] = Field(
        default=None, description="Seconds until it opens nothing any more; null: when revoked."
    )
    uses: Annotated[int | None, Field(ge=1, le=1_000_000), BeforeValidator(whole)] = Field(
        default=None, description="How often it can be used; null: any number of times."
    )
    password: Annotated[str, Field(min_length=8, max_length=1024)] | None = Field(
        default=None, description="Asked for too, by HTTP's Basic scheme with any name."
    )


class ShareDocument(ResponseModel):
    """A link, without its secret."""

    id: str = Field(examples=[SHARE_ID])
    space: str
    path: str
    target: str = Field(description="The id of the file or folder.")
    mode: Literal["read", "upload"]
    name: str
    password: bool = Field(description="Whether it asks for one.")
    created: datetime
    created_by: str
    expires: datetime | None
    uses: int
    uses_max: int | None


class NewShareDocument(ShareDocument):
    """A fresh link."""

    token: str = Field(examples=[SHARE_TOKEN], description="Told now and never again.")
    url: str = Field(description="The path of the link on any node.", examples=["/s/" + SHARE_TOKEN])


class SharesDocument(ResponseModel):
    """Links, in the order they were made."""

    items: tuple[ShareDocument, ...]


class SharesPage(ResponseModel):
    """A page of links."""

    items: tuple[ShareDocument, ...]
    more: bool
    next_cursor: str | None
