"""The ports: all that services see of the world. Contracts are here; adapters do not repeat them.

Unless a method says otherwise: it may be called twice and concurrently, it may be cancelled without harm, and it
raises ``GoVaultError`` families only.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from govault.domain.folding import FilesReader
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
    PartitionRow,
    SpaceRow,
    TotalsRow,
    VersionContent,
)
from schemas.envelope import Event
from schemas.ids import ChunkId
from schemas.topics import Topic

# --- time and randomness -------------------------------------------------------------------------------------


class Clock(Protocol):
    """The node's own clock. It decides nothing that is in the log."""

    def time_ms(self) -> int:
        """Wall-clock milliseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that only grow."""


class Randomness(Protocol):
    """Unpredictable bytes."""

    def token(self, size_bytes: int) -> bytes:
        """That many bytes."""


# --- the log -------------------------------------------------------------------------------------------------


class EventLog(Protocol):
    """The write side of the log."""

    async def append(self, event: Event, partition: int) -> Position:
        """Write an event; durable (acks=all) when this returns.

        Raises:
            OutcomePending: It may or may not have been written (time-out, connection lost).
            EventLog: It was not written.
        """

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """The next offset of each partition."""


class LogRecord(NamedTuple):
    """One record as it stands in the log, decoded or not."""

    position: Position
    time_ms: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class LogReader(Protocol):
    """The read side of the log, for people, checks and backups; views fold by a way of their own."""

    async def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """(first kept offset, next offset) of each partition; the next offset counts durable records only."""

    async def offset_at(self, topic: Topic, partition: int, time_ms: int) -> int | None:
        """The first offset appended at that time or later; None where there is none yet."""

    def read(self, topic: Topic, partition: int, start: int, stop: int | None) -> AsyncGenerator[LogRecord]:
        """Records of [start, stop) in order; ``stop`` None follows for ever. Ends its connection when closed.

        Offsets that compaction or expiry took are left out; it ends also where they are the last before ``stop``.
        """


class LogRestorer(Protocol):
    """Writes a log anew, offline, record by record as it was: offsets, times, keys, headers and values."""

    def add_topic(self, topic: Topic, partitions: int) -> None:
        """Make a topic with the settings it always has. Blocks."""

    def restore(self, topic: Topic, partition: int, records: Iterator[LogRecord]) -> int:
        """Write a partition's records, ascending by offset; how many. Blocks: call it off the loop."""

    def finish(self) -> None:
        """Make everything durable and close the log. Blocks."""


# --- views ---------------------------------------------------------------------------------------------------


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

    async def wait_for_token(self, token: str, timeout_s: float) -> None:
        """Return when every position of the token is applied.

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

    def part_spans(self, space_id: str, content: VersionContent) -> Sequence["PartSpan"]:
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

    def search(self, query: "SearchQuery") -> "SearchPage":
        """Files by indexed properties; one page. May take tens of milliseconds: call it off the loop."""

    def chunk_referenced(self, chunk_id: ChunkId) -> bool:
        """Whether any partition's state holds the chunk."""

    def referenced_chunks(self, after: bytes, limit: int) -> list[bytes]:
        """Chunk ids with references in any partition, ascending."""

    def idle_parts(self, partition: int, epoch_max: int, limit: int) -> list[tuple[str, str]]:
        """(space id, part id) of parts without references, idle since ``epoch_max`` or before."""

    def partition_row(self, partition: int) -> PartitionRow:
        """Epoch, rules and counters of a ``.files`` partition."""

    def nodes(self) -> list[NodeRow]:
        """Admitted nodes."""


class PartitionStatus(NamedTuple):
    """Where the fold of one partition stands.

    Attributes:
        applied: Last applied offset, -1 where none.
        vault_time_ms: Vault time of the last applied record, 0 where none.
        history: Digest of every record up to ``applied``, hex.
        view: Digest of the state, hex.
        malformed: Records skipped because they were not authentic events.
        stopped: Why folding stopped for good (unknown type or rules); empty while it goes on.
    """

    topic: Topic
    partition: int
    applied: int
    vault_time_ms: int
    history: str
    view: str
    malformed: int
    stopped: str


class ViewsMaintenance(Protocol):
    """What upkeep asks of the views, beside ``Views``."""

    def status(self) -> list[PartitionStatus]:
        """Every folded partition."""

    def vault_time_ms(self, partition: int) -> int:
        """Vault time of a ``.files`` partition: append time of its last applied record; 0 where none."""

    def on_dereferenced(self, callback: Callable[[Sequence[bytes], int], None]) -> None:
        """Call back (chunk ids, partition epoch) for every applied event that drops a partition's last reference.

        The callback must not block or raise. It is called before another task can see the new state.
        """

    def on_epoch(self, callback: Callable[[int], None]) -> None:
        """Call back with the new epoch of a partition, before another task can see it."""

    async def rebuild(self, progress: Callable[[int, int], None]) -> None:
        """Fold everything again beside the serving generation, then swap.

        Args:
            progress: Told (records folded, records to fold) now and then.
        """


class PartSpan(NamedTuple):
    """Where a part lies in a content, bytes."""

    part_id: str
    start: int
    size_bytes: int


class SearchQuery(NamedTuple):
    """Filters of ``GET /files``; all that are given must hold. None and empty mean: not asked."""

    space_id: str | None = None
    prefix: str = ""
    name: str = ""
    """A glob on the file's name (``*``, ``?``, ``[…]``), case-insensitive."""
    words: str = ""
    """Words of name, path folder names excluded, description and tags; all must occur (prefix match on the last)."""
    tag: str = ""
    media_type: str = ""
    """``image/png`` or ``image/``."""
    since_ms: int | None = None
    until_ms: int | None = None
    larger: int | None = None
    smaller: int | None = None
    owner: str = ""
    sort: str = ""
    """``path``, ``name``, ``size``, ``modified``, ``created``; ``-`` in front reverses. Empty: the cheapest order."""
    cursor: str = ""
    limit: int = 100


class SearchPage(NamedTuple):
    """One page; ``next_cursor`` is empty at the end."""

    files: list[tuple[FileRow, str]]
    """Each file with its live path."""
    next_cursor: str


# --- the chunk store -----------------------------------------------------------------------------------------


class Ingested(NamedTuple):
    """What an ingest session took in.

    Attributes:
        packed: The manifest's chunks that no part was cut for yet, packed.
        new_bytes: Plain bytes of chunks that were not known before.
        stored_bytes: What those take in packs.
    """

    sha256: str
    size_bytes: int
    chunks: int
    packed: bytes
    new_bytes: int
    stored_bytes: int
    head: bytes
    """The first bytes (at most 4 KiB), for sniffing the media type."""


class Ingest(Protocol):
    """One content on its way into the store. Not shared between tasks; ends with ``finish`` or ``abort``."""

    async def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Returns once there is room (backpressure); errors of earlier bytes surface here.

        Raises:
            StorageFull: No space; the session is dead.
        """

    def take_parts(self) -> list[bytes]:
        """Packed manifest parts completed since the last call. Their chunks are durable: a part may be logged."""

    async def finish(self) -> Ingested:
        """End of content: every chunk is durable when this returns, and stamped with at least the store's epoch."""

    async def abort(self) -> None:
        """Give up. What was stored stays unreferenced and is collected."""


class ChunkStore(Protocol):
    """Sealed chunks in packs on this node. Every read verifies."""

    def begin(self) -> Ingest:
        """Start taking in a content."""

    async def read(self, chunk: ChunkRef) -> bytes:
        """The plaintext, verified against its id.

        Raises:
            ChunkMissing: Not in the store.
            ChunkDamaged: It fails its check; it is quarantined before this raises.
        """

    def read_run(self, chunks: Iterator[ChunkRef]) -> AsyncIterator[bytes]:
        """The plaintexts in order, read ahead by a bounded number of chunks."""

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """Stamp known chunks with at least ``epoch``, durably; those that the store lacks are returned."""

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        """Chunks lost their last reference in a partition at this epoch: stamp them."""

    def note_epoch(self, epoch: int) -> None:
        """The highest epoch this node has seen: later stamps are at least it."""

    async def stats(self) -> "StoreStats":
        """Figures of the store."""


class StoreStats(NamedTuple):
    """Sizes in bytes; counts of things."""

    chunks: int
    plain_bytes: int
    stored_bytes: int
    dead_bytes: int
    packs: int
    pack_file_bytes: int
    quarantined: int
    free_disk_bytes: int


class StampedChunk(NamedTuple):
    """A chunk in the store, as collection sees it.

    Attributes:
        epoch: Its stamp, as it counts (after an unclean start at least the epoch the store knew then).
        size_bytes: Of the plaintext.
        stored_bytes: Its record in the pack.
    """

    chunk_id: bytes
    epoch: int
    size_bytes: int
    stored_bytes: int


class PackFile(NamedTuple):
    """A pack on disk. Its durable bytes, before ``size_bytes``, never change while packs are frozen.

    Attributes:
        growing: More may be appended: copy it, do not link it.
    """

    path: Path
    size_bytes: int
    growing: bool


class QuarantinedChunk(NamedTuple):
    """A chunk that failed its check, kept aside."""

    chunk_id: bytes
    found_ms: int
    reason: str


class StoreMaintenance(Protocol):
    """What upkeep asks of the chunk store, beside ``ChunkStore``."""

    def stamped(self, after: bytes, limit: int) -> list[StampedChunk]:
        """Chunks in the index behind ``after``, ascending by id."""

    def missing(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those of the chunks that the index does not hold. Stamps nothing."""

    async def remove(self, chunks: Sequence[bytes], epoch_max: int) -> list[StampedChunk]:
        """Forget those whose stamp is still at most ``epoch_max`` and that no open session has in flight.

        Judged one by one against stamping: a chunk is either stamped higher and stays, or is gone and the next
        session stores it anew. The index forgets durably before this returns; the bytes stay until ``compact``.

        Returns:
            Those that were removed.
        """

    async def compact(self, dead_share_min: float) -> int:
        """One bounded step: rewrite or unlink the pack with the most dead bytes; the file bytes it freed.

        0 where no pack has at least that share (0…1) of dead bytes. Bytes and folder fsynced → index synced → old
        pack unlinked.
        """

    async def verify(self, chunk_id: bytes) -> bool:
        """Read and check one chunk from its pack; False where it fails (it is quarantined then) or is missing."""

    def frozen(self) -> AbstractAsyncContextManager[None]:
        """While held: no pack is rewritten or unlinked and no chunk removed; packs only grow."""

    async def pack_files(self) -> list[PackFile]:
        """The packs, with what is durable of each. Steady only while ``frozen`` is held."""

    def quarantined(self, limit: int) -> list[QuarantinedChunk]:
        """Chunks that failed their check and have no good copy here."""

    async def rebuild_index(self, progress: Callable[[int, int], None]) -> int:
        """Read all packs and write the index anew; the chunks found. For an offline store."""


# --- keys ----------------------------------------------------------------------------------------------------


class KeyCustody(Protocol):
    """The vault's secrets, as upkeep sees them. Its methods block for a file's fsync: call them off the loop."""

    @property
    def sealing_epoch(self) -> int:
        """The sealing epoch of new chunks."""

    @property
    def sealing_epochs(self) -> list[int]:
        """All that can be opened, ascending."""

    @property
    def exported(self) -> bool:
        """Whether the recovery key was ever taken."""

    def rotate(self) -> int:
        """Open a new sealing epoch, durably; what was sealed before stays readable."""

    def recovery_key(self) -> str:
        """The root secret as text to copy down."""

    def mark_exported(self) -> None:
        """Remember, durably, that the recovery key was taken."""
