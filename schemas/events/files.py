"""Events of ``.files``: everything that happens inside a space, in the one partition of that space."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.events.access import AccessGranted, AccessRevoked, OwnerChanged
from schemas.events.base import EventData
from schemas.events.shares import ShareCreated, ShareRevoked, ShareUsed
from schemas.topics import Topic

Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""32 bytes as lower-case hex: a SHA-256, a part id."""
Path = Annotated[str, Field(min_length=1, max_length=1024)]
"""A normalised path inside a space: segments joined by ``/``, no leading or trailing slash. The bytes compare."""


class _FilesEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.FILES


class _InSpace(_FilesEvent):
    space_id: str


class Retention(EventData):
    """Which old versions and trash a space keeps; None means for ever."""

    keep_last: int | None = Field(default=None, ge=1)
    keep_within_s: int | None = Field(default=None, ge=1)
    trash_expires_after_s: int | None = Field(default=None, ge=1)


class Replication(EventData):
    """How many replicas of its chunks a space wants, and how many make a write durable; None: as the vault does."""

    replicas: int | None = Field(default=None, ge=1, le=16)
    write_quorum: int | None = Field(default=None, ge=1, le=16)


class Quota(EventData):
    """How much a space may hold, all that it keeps counted: older versions and trash too; None: no bound."""

    bytes_max: int | None = Field(default=None, ge=0)
    files_max: int | None = Field(default=None, ge=0)


class Content(EventData):
    """The immutable bytes of a version, by reference.

    Attributes:
        sha256: SHA-256 of the whole content: ETag and public address.
        size_bytes: Length of the whole content.
        inline_manifest: The packed chunk runs of a small content (see ``govault.domain.manifest``), base64; or
        parts: ids of manifest parts, in order, each already written by ``ManifestPartsAdded`` in this space.
        kind: A file's bytes, or a symbolic link whose target is the content.
        executable: The owner's x bit as the client saw it.
        mtime_ns: The client's modification time, nanoseconds since the epoch; None when it sent none.
        media_type: Sniffed from the bytes and the name.
    """

    sha256: Hex32
    size_bytes: int = Field(ge=0)
    inline_manifest: str | None = None
    parts: tuple[Hex32, ...] = ()
    kind: Literal["file", "symlink"] = "file"
    executable: bool = False
    mtime_ns: int | None = None
    media_type: str = "application/octet-stream"


class Base(EventData):
    """The version a writer saw when it wrote: file id and version number."""

    file_id: str
    version: int


class Origin(EventData):
    """Where a version's content came from when it was not uploaded."""

    how: Literal["copy", "restore"]
    file_id: str
    version: int


class SpaceOpened(_InSpace):
    """A space begins in its partition. The directory has reserved its name before."""

    TYPE: ClassVar[str] = "govault.files.space_opened.v1"
    name: str
    retention: Retention = Retention()
    description: str = ""
    replication: Replication = Replication()
    quota: Quota = Quota()
    """From rules 3 on."""


class SpaceChanged(_InSpace):
    """Settings of a space. ``base_revision`` None: no condition."""

    TYPE: ClassVar[str] = "govault.files.space_changed.v1"
    base_revision: int | None = None
    retention: Retention | None = None
    description: str | None = None
    replication: Replication | None = None
    quota: Quota | None = None
    """From rules 3 on; before, it says nothing: a program that knows no quotas decides alike."""


class SpaceClosed(_InSpace):
    """A space takes no more writes; without ``force`` only where it has no live entry and no trash."""

    TYPE: ClassVar[str] = "govault.files.space_closed.v1"
    force: bool = False


class ManifestPartsAdded(_InSpace):
    """Parts of manifests, before the commit that lists them. A known part is touched (its grace begins anew)."""

    TYPE: ClassVar[str] = "govault.files.manifest_parts_added.v1"
    parts: tuple[str, ...]
    """Packed chunk runs, base64 each; a part's id is the BLAKE3 of its bytes."""
    epoch: int = Field(ge=0)


class PartsReleased(_InSpace):
    """Parts that nothing references for two epochs lose their chunk references. Others are left alone."""

    TYPE: ClassVar[str] = "govault.files.parts_released.v1"
    part_ids: tuple[Hex32, ...]


class VersionCommitted(_InSpace):
    """A new version at a path (a new file where it is free), or of the file ``file_id``.

    ``condition``: ``any``; ``absent`` (If-None-Match: *); ``match`` (If-Match: ``match_sha256``, any of them).
    """

    TYPE: ClassVar[str] = "govault.files.version_committed.v1"
    path: Path | None = None
    file_id: str | None = None
    new_file_id: str
    base: Base | None = None
    condition: Literal["any", "absent", "match"] = "any"
    match_sha256: tuple[Hex32, ...] = ()
    content: Content
    epoch: int = Field(ge=0)
    original_name: str = ""
    tags: tuple[str, ...] | None = None
    description: str | None = None
    origin: Origin | None = None


class FolderMade(_InSpace):
    """A folder, and the folders on the way. Making a folder that exists changes nothing and succeeds."""

    TYPE: ClassVar[str] = "govault.files.folder_made.v1"
    path: Path


class EntryMoved(_InSpace):
    """A file or folder gets another path of the same space. ``replace`` makes what stood there trash."""

    TYPE: ClassVar[str] = "govault.files.entry_moved.v1"
    entity_id: str
    to_path: Path
    replace: bool = False
    match_sha256: tuple[Hex32, ...] = ()


class EntityTrashed(_InSpace):
    """A live file or folder becomes trash. A folder takes its subtree along in O(1)."""

    TYPE: ClassVar[str] = "govault.files.entity_trashed.v1"
    entity_id: str
    match_sha256: tuple[Hex32, ...] = ()


class EntityRestored(_InSpace):
    """Trash comes back, at ``to_path`` or where it was (folders on the way are made)."""

    TYPE: ClassVar[str] = "govault.files.entity_restored.v1"
    entity_id: str
    to_path: Path | None = None
    replace: bool = False


class TrashPurged(_InSpace):
    """Entities inside trash end for ever: files with their versions, folders only once empty. Bounded; each alone."""

    TYPE: ClassVar[str] = "govault.files.trash_purged.v1"
    entity_ids: tuple[str, ...]
    reason: Literal["asked", "expired"] = "asked"


class MetadataChanged(_InSpace):
    """Tags, description or media type of a file. ``base_revision`` None: no condition.

    ``tags`` sets all; otherwise ``add_tags`` and ``remove_tags`` apply to those it has.
    """

    TYPE: ClassVar[str] = "govault.files.metadata_changed.v1"
    entity_id: str
    base_revision: int | None = None
    tags: tuple[str, ...] | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    description: str | None = None
    media_type: str | None = None


class VersionsPruned(_InSpace):
    """Versions of a file end for ever; the current one never."""

    TYPE: ClassVar[str] = "govault.files.versions_pruned.v1"
    file_id: str
    versions: tuple[int, ...]
    reason: Literal["asked", "retention"] = "asked"


class EpochOpened(_FilesEvent):
    """The clock of collection in this partition: taken only where it is the partition's epoch + 1."""

    TYPE: ClassVar[str] = "govault.files.epoch_opened.v1"
    epoch: int = Field(ge=1)


class RulesActivated(_FilesEvent):
    """From here on this partition is decided by rules of this number."""

    TYPE: ClassVar[str] = "govault.files.rules_activated.v1"
    rules: int = Field(ge=1)


FilesEvent = (
    SpaceOpened
    | SpaceChanged
    | SpaceClosed
    | ManifestPartsAdded
    | PartsReleased
    | VersionCommitted
    | FolderMade
    | EntryMoved
    | EntityTrashed
    | EntityRestored
    | TrashPurged
    | MetadataChanged
    | VersionsPruned
    | EpochOpened
    | RulesActivated
    | AccessGranted
    | AccessRevoked
    | ShareCreated
    | ShareRevoked
    | ShareUsed
    | OwnerChanged
)
