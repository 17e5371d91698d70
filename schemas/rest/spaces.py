"""What the routes of spaces take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.ids import SPACE_ID_PATTERN
from schemas.rest import namespace_examples as examples
from schemas.rest.namespace import Description, Page, SpaceName
from schemas.rest.shapes import RequestModel, ResponseModel, whole


class RetentionDocument(BaseModel):
    """Which old versions and trash a space keeps; null: for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_last: Annotated[int, Field(ge=1, le=2**31), BeforeValidator(whole)] | None = Field(
        default=None, description="Keep this many newest versions of each file."
    )
    keep_within_s: Annotated[int, Field(ge=1, le=2**40), BeforeValidator(whole)] | None = Field(
        default=None, description="Keep versions that were current within this time."
    )
    trash_expires_after_s: Annotated[int, Field(ge=1, le=2**40), BeforeValidator(whole)] | None = Field(
        default=None, description="Purge trash of this age."
    )


class ReplicationDocument(BaseModel):
    """How many replicas of a space's chunks there are; null: as the vault's layout says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: Annotated[int, Field(ge=1, le=16), BeforeValidator(whole)] | None = Field(
        default=None, description="Nodes that hold each chunk, as far as there are so many."
    )
    write_quorum: Annotated[int, Field(ge=1, le=16), BeforeValidator(whole)] | None = Field(
        default=None, description="Durable replicas that a write waits for; as far as there are so many."
    )


class QuotaDocument(BaseModel):
    """How much a space may hold, older versions and trash counted; null: no bound."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes_max: Annotated[int, Field(ge=0, le=2**53), BeforeValidator(whole)] | None = Field(
        default=None, description="Compared with `logical_bytes`."
    )
    files_max: Annotated[int, Field(ge=0, le=2**53), BeforeValidator(whole)] | None = Field(
        default=None, description="Compared with `files`."
    )


class SpaceDocument(ResponseModel):
    """A space: a named tree of files."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.SPACE]})

    id: Annotated[str, Field(pattern=SPACE_ID_PATTERN)]
    name: str
    description: str
    retention: RetentionDocument
    replication: ReplicationDocument
    quota: QuotaDocument | None = Field(description="Null where you may not read all of it.")
    revision: int = Field(description="Of the settings; the ETag carries it.")
    state: Literal["opening", "open", "closing"]
    files: int | None = Field(description="Trash included, until it is purged. Null where you may not read all of it.")
    folders: int | None
    versions: int | None
    logical_bytes: int | None = Field(description="Sum of the sizes of all retained versions.")
    created_at: datetime


class SpacesPage(Page):
    """Spaces, by name."""

    items: list[SpaceDocument]


class SpaceAsk(RequestModel):
    """Make a space."""

    name: SpaceName
    description: Description = ""
    retention: RetentionDocument | None = Field(
        default=None, description="Absent: what the node's configuration gives new spaces."
    )
    replication: ReplicationDocument | None = None
    quota: QuotaDocument | None = Field(default=None, description="For administrators only.")

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "photos", "retention": {"keep_last": 10}}]},
    )


class SpacePatch(RequestModel):
    """Change a space's settings; what is absent stays. Retention, replication or quota, if given, replace all of it."""

    description: Description | None = None
    retention: RetentionDocument | None = None
    replication: ReplicationDocument | None = None
    quota: QuotaDocument | None = Field(default=None, description="For administrators only.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"description": "Family photos"},
                {"quota": {"bytes_max": 10_737_418_240, "files_max": 1000}},
            ]
        }
    )
