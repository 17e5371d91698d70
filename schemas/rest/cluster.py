"""What the routes of joining take and answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.rest.shapes import whole

TOKEN_HASH = "5f0c2b6e9d1a4738c5e2f1b0a9d8c7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0"


class JoinTokenAsk(BaseModel):
    """A join token for one more node."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"expires_s": 3600, "zone": "attic"}]}
    )

    expires_s: Annotated[int, Field(ge=1, le=2_592_000), BeforeValidator(whole)] = Field(
        default=3600, description="Seconds until it opens nothing any more."
    )
    name: Annotated[str, Field(max_length=64)] = Field(default="", description="The node's name, if it brings none.")
    zone: Annotated[str, Field(max_length=64)] = Field(default="", description="Its zone, if it brings none.")
    weight: Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(whole)] = Field(
        default=1, description="Its share of chunks, if it brings none."
    )


class NewJoinTokenDocument(BaseModel):
    """A fresh join token. It is told once."""

    token: str = Field(examples=["gvj1.eyJpIjoi..."], description="For `govault start --join`.")


class JoinTokenDocument(BaseModel):
    """A join token as the log knows it: by its hash."""

    hash: str = Field(examples=[TOKEN_HASH])
    state: Literal["open", "spent", "expired", "revoked"]
    issued_ms: int
    expires_ms: int
    spent_by: str | None = Field(description="The id of the node that joined with it.")
    name: str
    zone: str
    weight: int


class JoinTokensDocument(BaseModel):
    """All join tokens, the newest first."""

    tokens: tuple[JoinTokenDocument, ...]
