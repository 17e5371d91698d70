"""What the namespace's routes take and answer. Answers only grow; requests refuse what they do not know."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from schemas.ids import ENTITY_ID_PATTERN, EVENT_ID_PATTERN, SHA256_PATTERN, SPACE_NAME_PATTERN
from schemas.rest import namespace_examples as examples
from schemas.rest.shapes import RequestModel, ResponseModel, whole

MEDIA_TYPE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}( *;[ -~]*)?$"

EntityIdText = Annotated[str, Field(pattern=ENTITY_ID_PATTERN, examples=["f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8"])]
SpaceName = Annotated[str, Field(pattern=SPACE_NAME_PATTERN, examples=["main"])]
_NAME = r"(?!\.\.?(?:/|$))(?:[\x20-\x2e\x30-\x7e]{1,255}|[^/\x00-\x1f\x7f-\x9f]{1,63})"
PATHS_PATTERN = rf"^{_NAME}(?:/{_NAME})*$"
"""Told, not checked here: ``govault.domain.paths`` names the rule that is broken, and counts bytes."""
PathText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        examples=["reports/2026/summary.pdf"],
        json_schema_extra={"pattern": PATHS_PATTERN},
    ),
]
Tag = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", examples=["invoice"])]
Tags = Annotated[list[Tag], Field(max_length=64)]
Description = Annotated[str, Field(max_length=4096)]
MediaType = Annotated[str, Field(max_length=255, pattern=rf"^$|{MEDIA_TYPE_PATTERN}", examples=["image/png"])]
Sha256Text = Annotated[str, Field(pattern=SHA256_PATTERN)]

# The bounds stand inside, next to the int: outside of the validator they would be checked, but not be told.
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(whole)]
Flag = Annotated[bool, Field(strict=True)]


# --- files and folders ---------------------------------------------------------------------------------------


class OriginDocument(ResponseModel):
    """Where a version's content came from when it was not uploaded."""

    how: Literal["copy", "restore"]
    file_id: EntityIdText
    version: int


class VersionDocument(ResponseModel):
    """One version of a file: its content and who committed it when."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.VERSION]})

    version: VersionNumber
    current: bool
    sha256: Sha256Text
    etag: str = Field(description="The content's ETag, with its quotes.")
    size_bytes: int
    media_type: str
    kind: Literal["file", "symlink"]
    executable: bool
    mtime_ns: int | None = Field(description="The client's modification time, nanoseconds since the epoch.")
    committed_at: datetime
    actor: str
    origin: OriginDocument | None


class FileDocument(ResponseModel):
    """A file and its current version."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.FILE]})

    type: Literal["file"]
    id: EntityIdText
    space: str
    path: str | None = Field(description="Where it is; null in the trash.")
    name: str
    kind: Literal["file", "symlink"]
    size_bytes: int
    sha256: Sha256Text
    etag: str = Field(description="The content's ETag, with its quotes.")
    media_type: str
    version: VersionNumber
    versions: int = Field(description="How many versions are retained.")
    revision: int = Field(description="Of the metadata: grows with every change of it.")
    tags: list[str]
    description: str
    original_name: str
    owner: str = Field(description="Who committed the current version.")
    executable: bool
    mtime_ns: int | None = Field(description="The client's modification time, nanoseconds since the epoch.")
    created_at: datetime
    modified_at: datetime


class FolderDocument(ResponseModel):
    """A folder. The top of a space has the space's id and an empty path."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.FOLDER]})

    type: Literal["folder"]
    id: str
    space: str
    path: str | None = Field(description="Where it is; null in the trash.")
    name: str
    created_at: datetime
    modified_at: datetime


EntityDocument = Annotated[FileDocument | FolderDocument, Field(discriminator="type")]


class Page(ResponseModel):
    """One page of a list."""

    more: bool = Field(description="Whether there is more behind this page.")
    next_cursor: str | None = Field(description="Pass it as `cursor`, with the same query, for the next page.")


class FilesPage(Page):
    """Files, and with a delimiter the prefixes that several of them share."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.FILES_PAGE]})

    items: list[FileDocument]
    prefixes: list[str] = Field(description="With `delimiter`: common prefixes, each rolled up to one entry.")


class FolderPage(Page):
    """One folder's entries (or its whole tree), in byte order of their names, a folder's as `name/`."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.FOLDER_PAGE]})

    folder: FolderDocument
    items: list[EntityDocument]


class VersionsPage(Page):
    """Retained versions, newest first."""

    items: list[VersionDocument]


class HistoryFact(ResponseModel):
    """Something that happened to a file or folder, as far as the vault's current state still tells."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.HISTORY_FACT]})

    what: Literal["created", "committed", "pruned", "metadata-changed", "trashed"]
    at: datetime | None = Field(description="Vault time; null where the state keeps none.")
    actor: str | None
    version: int | None = None
    retained: bool | None = Field(default=None, description="Of a version: whether its content is still there.")
    sha256: str | None = None
    size_bytes: int | None = None
    origin: OriginDocument | None = None
    revision: int | None = None
    path: str | None = None


class HistoryPage(Page):
    """Newest first. The log itself holds every event; this is what the views keep of it."""

    id: EntityIdText
    items: list[HistoryFact]


class FilePatch(RequestModel):
    """Change a file's place or metadata; what is absent stays."""

    path: PathText | None = Field(default=None, description="Its new path.")
    space: SpaceName | None = Field(default=None, description="The space to move it to; absent: the one it is in.")
    replace: Flag = Field(default=False, description="What stands at the new path becomes trash; else that is a 409.")
    tags: Tags | None = Field(default=None, description="Sets all tags.")
    add_tags: Tags = Field(default_factory=list)
    remove_tags: Tags = Field(default_factory=list)
    description: Description | None = None
    media_type: MediaType | None = Field(default=None, description="Empty: the current version's own again.")

    @model_validator(mode="after")
    def _tags_one_way(self) -> Self:
        if self.tags is not None and self.model_fields_set & {"add_tags", "remove_tags"}:
            raise ValueError("either set all tags, or add and remove some")
        return self

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"path": "archive/summary.pdf"}, {"add_tags": ["invoice"]}],
            "not": {
                "properties": {"tags": {"type": "array"}},
                "anyOf": [{"required": ["tags", "add_tags"]}, {"required": ["tags", "remove_tags"]}],
            },
        }
    )


class FolderPatch(RequestModel):
    """Move or rename a folder."""

    path: PathText = Field(description="Its new path.")
    space: SpaceName | None = Field(default=None, description="The space to move it to; absent: the one it is in.")
    replace: Flag = Field(default=False, description="What stands at the new path becomes trash; else that is a 409.")

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "archive/2026"}]})


class CopyAsk(RequestModel):
    """Copy a file (or one of its versions) or a folder. No bytes move: the copy refers to the same chunks."""

    path: PathText = Field(description="The path of the copy.")
    space: SpaceName | None = Field(default=None, description="The space of the copy; absent: the one it is in.")
    version: VersionNumber | None = Field(default=None, description="Of a file; absent: the current one.")
    replace: Flag = Field(
        default=False, description="A file there gets this content as its next version; else that is a 409."
    )
    cursor: str | None = Field(
        default=None, max_length=4096, description="Of a folder: go on where an earlier answer said `more`."
    )

    model_config = ConfigDict(json_schema_extra={"examples": [{"path": "copies/summary.pdf"}]})


class CopyDocument(Page):
    """What a copy made. A folder's copy is bounded: while `more`, repeat with the cursor."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.COPY]})

    copied: EntityDocument
    files: int
    folders: int
    size_bytes: int


class RemovalDocument(ResponseModel):
    """What was removed, or with `dry_run` what would be."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.REMOVAL]})

    dry_run: bool
    files: int
    folders: int
    versions: int
    size_bytes: int
    more: bool = Field(description="The bound of one request was reached: repeat it.")


class VersionRemoval(ResponseModel):
    """Which version was removed, or with `dry_run` would be."""

    dry_run: bool
    file_id: EntityIdText
    version: VersionNumber


# --- trash ---------------------------------------------------------------------------------------------------


class TrashedDocument(ResponseModel):
    """A file or folder in the trash; a folder stands for all that is in it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.TRASH_ITEM]})

    type: Literal["file", "folder"]
    id: EntityIdText
    space: str
    name: str
    trashed_path: str
    trashed_at: datetime
    trashed_by: str
    expires_at: datetime | None = Field(description="When the space's retention purges it; null: never by itself.")
    size_bytes: int | None = Field(description="Of a file.")
    sha256: str | None = Field(description="Of a file.")


class TrashedAnswer(ResponseModel):
    """What became trash, or with `dry_run` would. A folder stands for all that is in it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.TRASHED]})

    dry_run: bool
    type: Literal["file", "folder"]
    id: EntityIdText
    space: str
    path: str = Field(description="Where it was; `POST /trash/{id}/restore` brings it back.")
    trashed_at: datetime | None


class TrashPage(Page):
    """Trash, by id."""

    items: list[TrashedDocument]


class RestoreAsk(RequestModel):
    """Bring trash back."""

    path: PathText | None = Field(default=None, description="Where to; absent: where it was.")
    replace: Flag = Field(default=False, description="What stands there becomes trash; else that is a 409.")

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"path": "restored/summary.pdf"}]})


EventIdText = Annotated[str, Field(pattern=EVENT_ID_PATTERN)]
