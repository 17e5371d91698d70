"""What the routes of file tokens take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from schemas.rest.shapes import RequestModel, ResponseModel, whole

FILE_TOKEN_ID = "k_01JD3V8Q6H4T9M2K7RX5WZ0ABC"
FILE_TOKEN = "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
Method = Literal["GET", "HEAD", "PUT"]


class FileTokenAsk(RequestModel):
    """An address for one file."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"methods": ["GET", "HEAD"], "expires_s": 900}]},
    )
    methods: Annotated[list[Method], Field(min_length=1, max_length=3)] = Field(
        default=["GET", "HEAD"], description="`PUT`: the next version of the file, where you may write it."
    )
    expires_s: Annotated[int, Field(ge=1, le=86_400), BeforeValidator(whole)] = Field(
        default=900, description="Seconds until it opens nothing any more."
    )
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1), BeforeValidator(whole)] = Field(
        default=None, description="Only this version; null: whatever is current when it is used."
    )


class FileTokenDocument(ResponseModel):
    """A fresh address."""

    id: str = Field(examples=[FILE_TOKEN_ID], description="By which the audit trail names it.")
    file: str = Field(description="The file's id.")
    version: int | None = Field(description="The only version that it opens; null: the current one.")
    methods: tuple[Method, ...]
    expires: datetime
    token: str = Field(examples=[FILE_TOKEN], description="Whoever has it may do what it says.")
    url: str = Field(description="The path of the address on any node.", examples=["/content/" + FILE_TOKEN])


class FileTokenUploadAnswer(ResponseModel):
    """What came of a PUT by a file token."""

    id: str = Field(description="The file's id.")
    version: int
    etag: str = Field(description="The SHA-256 of the content.")
    size_bytes: int
    media_type: str
    result: Literal["version", "touched", "unchanged"]
