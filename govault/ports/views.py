"""The views: what this node has folded, for reading."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from govault.domain.folding import AccountsReader, FilesReader, PeersReader
from govault.domain.manifest import ChunkRef
from govault.domain.position import Outcome, Position
from govault.domain.rows import (
    DirectoryRow,
    Entity,
    EntryRow,
    FileRow,
    FolderRow,
    NodeRow,
    OutcomeRow,
    OwnedRow,
    PartitionRow,
    SharesRow,
    SpaceRow,
    TotalsRow,
    VersionContent,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.ports.search import SearchPage, SearchQuery
from schemas.ids import ChunkId
from schemas.topics import Topic


class PartSpan(NamedTuple):
    """Where a part lies in a content, bytes."""

    part_id: str
    start: int
    size_bytes: int


class Views(Protocol):
    """The read side: this node's folded state. Point reads take microseconds and do not block."""

    def files(self, partition: int) -> FilesReader:
        """State of one ``.files`` partition, as of now (each call of the reader sees the newest state)."""

    def partitions(self) -> Sequence[int]:
        """The ``.files`` partitions."""

    def applied(self) -> dict[tuple[Topic, int], int]:
        """The last applied offset of every folded partition (-1: none)."""

    def position_token(self) -> str:
        """The applied positions as an opaque header value (``GoVault-Position``)."""

    async def wait_for_token(self, token: str, timeout_s: float) -> bool:
        """Return when every position of the token is applied; whether any was not at once.

        Raises:
            InvalidRequest: It is not a token of this vault.
            ViewsLagging: Not in time.
        """

    async def wait_outcome(self, position: Position, event_id: str, timeout_s: float) -> Outcome:
        """The outcome of the event at a position, once applied.

        Raises:
            OutcomePending: Not in time.
        """

    def find_outcome(self, event_id: str) -> OutcomeRow | None:
        """A kept outcome, whatever its partition."""

    def space_named(self, name: str) -> DirectoryRow | None:
        """The directory's row of a space name."""

    def space(self, space_id: str) -> DirectoryRow | None:
        """The directory's row of a space id."""

    def spaces(self) -> Iterator[DirectoryRow]:
        """All spaces, by name."""

    def space_settings(self, space_id: str) -> SpaceRow | None:
        """A space's settings, from its partition."""

    def space_replicas(self, space_id: str) -> SpaceReplicasRow | None:
        """What a space asks of replication; None: nothing."""

    def space_quota(self, space_id: str) -> SpaceQuotaRow | None:
        """How much a space may hold; None: nothing bounds it."""

    def replication_asked(self) -> bool:
        """Whether any space asks something of replication. Takes microseconds."""

    def replicas_asked(self) -> frozenset[tuple[str, int]]:
        """(space id, replicas) of the spaces that ask for a number of replicas. Takes microseconds."""

    def replicas_of(self, chunk_id: ChunkId, default: int) -> int:
        """How many replicas of a referenced chunk are wanted: at least what the most demanding of its spaces asks.

        Chunks are counted a partition, so spaces that share one share the most demanding wish; spaces with a wish of
        their own are put where no others are, while there is room. ``default``: for spaces that ask nothing.
        """

    def totals(self, space_id: str) -> TotalsRow:
        """A space's running totals."""

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder of any partition, live or not."""

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The live entry of a name."""

    def resolve(self, space_id: str, path: str) -> Entity | None:
        """The live entity at a normalised path."""

    def path_of(self, entity: Entity) -> str | None:
        """The live path of an entity; None where it is trash or inside trash."""

    def version(self, file: FileRow, number: int) -> VersionContent | None:
        """A retained version, the current one included."""

    def manifest(self, space_id: str, content: VersionContent) -> Iterator[ChunkRef]:
        """The chunks of a content, in order, read part by part.

        Raises:
            Storage: A part is missing from the views.
        """

    def part_spans(self, space_id: str, content: VersionContent) -> Sequence[PartSpan]:
        """For each part: where it begins in the content; so that a range reads only its parts."""

    def manifest_from(self, space_id: str, content: VersionContent, start: int) -> Iterator[tuple[int, ChunkRef]]:
        """(begin offset, chunk) from the chunk that holds byte ``start`` on."""

    def files_with_hash(self, sha256: str, limit: int) -> list[tuple[FileRow, int]]:
        """Live files (not inside trash) that retain a version of this content, with that version's number."""

    def list_folder(
        self, space_id: str, parent_id: str, after: str, limit: int
    ) -> list[tuple[EntryRow, FileRow | FolderRow]]:
        """Entries of a folder in key order (names compare as UTF-8 bytes, a folder's as ``name/``).

        Args:
            after: The key to start behind: a name, a folder's with a trailing ``/``; empty for the first page.
        """

    def list_trash(self, space_id: str | None, after: str, limit: int) -> list[Entity]:
        """Trash roots, by entity id."""

    def share_rows(self, partition: int, after: str, limit: int) -> list[SharesRow]:
        """Links of a ``.files`` partition by their target's id, behind one."""

    def spaces_of(self, principals: Sequence[str], limit: int) -> set[str]:
        """Ids of spaces in which any of the principals owns something or was granted something, also of closed ones."""

    def targets_of(self, space_id: str, principals: Sequence[str], limit: int) -> list[str]:
        """Ids of what the principals own or were granted in a space, in no order: the space itself, live and trash."""

    def owned_by(self, space_id: str, account_id: str, limit: int) -> list[str]:
        """Ids of files and folders that an account owns in a space, ascending: live and trash."""

    def owned(self, account_id: str) -> OwnedRow:
        """How much an account owns in all spaces, as far as each partition is applied. A point read a partition."""

    def search(self, query: SearchQuery) -> SearchPage:
        """Files by indexed properties; one page. May take tens of milliseconds: call it off the loop."""

    def chunk_referenced(self, chunk_id: bytes) -> bool:
        """Whether any partition's state holds the chunk."""

    def referenced_chunks(self, after: bytes, limit: int) -> list[bytes]:
        """Chunk ids with references in any partition, ascending."""

    def idle_parts(self, partition: int, epoch_max: int, limit: int) -> list[tuple[str, str]]:
        """(space id, part id) of parts without references, idle since ``epoch_max`` or before."""

    def partition_row(self, partition: int) -> PartitionRow:
        """Epoch, rules and counters of a ``.files`` partition."""

    def nodes(self) -> list[NodeRow]:
        """All nodes that were ever admitted, removed ones too."""

    def peers(self) -> PeersReader:
        """State of ``.peers``, as of now."""

    def accounts(self) -> AccountsReader:
        """State of ``.accounts``, as of now."""
