"""The check: does the store hold what the views count on, and does every byte still read as what it was.

Views are looked at while they change; what seems missing is looked at again before it is told, so that a running vault
gives no false alarm. Among many nodes a check is of the node's own share, and what others can give back is no error.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from govault.domain.rows import FileRow, FolderRow, VersionContent
from govault.errors import Cluster, Storage
from govault.limits import CHECK_FINDINGS_MAX, COLLECTION_PAGE, SCAN_YIELD_ROWS
from govault.ports import ChunkStore, StampedChunk, StoreMaintenance, Views, ViewsMaintenance
from govault.services.maintenance.diagnosis import Finding, Severity
from govault.services.namespace.walk import walk

_PAGE = 500
_READS_AT_ONCE = 8
_RESTORE = "Take the file from a backup, or upload it again: the same bytes heal it."
_REPAIRED = "Other nodes give it back by themselves; `govault repair status` tells how far that is."


class SharesOfNodes(Protocol):
    """What a check has to know where many nodes hold the chunks."""

    def expected(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those of the chunks that should be on this node."""

    def lost(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those that are not here, and that every other node was asked for in vain."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check looked at and found.

    Attributes:
        ok: Whether no finding is an error.
        more_findings: How many were found beyond those listed.
    """

    ok: bool
    files: int
    versions: int
    chunks_referenced: int
    chunks_read: int
    bytes_read: int
    findings: tuple[Finding, ...]
    more_findings: int


@dataclass(slots=True)
class _Tally:
    files: int = 0
    versions: int = 0
    referenced: int = 0
    read: int = 0
    bytes_read: int = 0
    findings: list[Finding] = field(default_factory=list)
    beyond: int = 0
    bad: set[bytes] = field(default_factory=set)
    """Chunks that are missing or damaged, so that their files can be named."""

    def add(self, code: str, what: str, means: str, todo: str, severity: Severity = Severity.ERROR) -> None:
        """Keep a finding, or count it."""
        if len(self.findings) >= CHECK_FINDINGS_MAX:
            self.beyond += 1
        else:
            self.findings.append(Finding(severity, code, what, means, todo))

    def report(self) -> CheckReport:
        """What it came to."""
        ok = not self.beyond and all(found.severity is not Severity.ERROR for found in self.findings)
        return CheckReport(
            ok,
            self.files,
            self.versions,
            self.referenced,
            self.read,
            self.bytes_read,
            tuple(self.findings),
            self.beyond,
        )


Said = Callable[[int, str, str], None]
"""Told (how many, of what, at what)."""


class Checker:
    """Checks this node."""

    def __init__(
        self,
        views: Views,
        upkeep: ViewsMaintenance,
        store: ChunkStore,
        packs: StoreMaintenance,
        shares: SharesOfNodes | None = None,
    ) -> None:
        """Args:
        shares: None in a vault of one: everything should be here.
        """
        self._views = views
        self._upkeep = upkeep
        self._store = store
        self._packs = packs
        self._shares = shares

    async def check(
        self, said: Said = lambda done, unit, text: None, *, read_data: bool = False, read_files: bool = False
    ) -> CheckReport:
        """Check everything; findings are in the report, not raised.

        Args:
            read_data: Read and verify every chunk from its pack.
            read_files: Read every retained version whole and compare its SHA-256 too.
        """
        tally = _Tally()
        self._check_folding(tally)
        await self._check_references(tally, said)
        if read_data:
            await self._read_chunks(tally, said)
        async for path, file, content in self._contents(tally):
            await self._check_content(tally, path, file, content, read_files)
            said(tally.versions, "versions", "adding up manifests" if not read_files else "reading files")
        for chunk in self._packs.quarantined(CHECK_FINDINGS_MAX):
            what = f"Chunk {chunk.chunk_id.hex()} is in quarantine: {chunk.reason}"
            gone = bool(self._lost([chunk.chunk_id]))
            _add_bad(tally, "store.quarantine", what, "It failed its check and is not served.", gone=gone)
        return tally.report()

    def _lost(self, chunks: Sequence[bytes]) -> list[bytes]:
        """Those of chunks that are missing or damaged here which nobody can give back."""
        return list(chunks) if self._shares is None else self._shares.lost(chunks)

    def _check_folding(self, tally: _Tally) -> None:
        for row in self._upkeep.status():
            place = f"{row.topic.value}/{row.partition}"
            if row.stopped:
                means = "What came later is not in the views, and was not checked."
                tally.add("views.stopped", f"Folding of {place} stopped: {row.stopped}", means, "Upgrade GoVault.")
            if row.malformed:
                what = f"{row.malformed} records of {place} are not authentic events and were skipped."
                means = "They changed nothing."
                tally.add("views.malformed", what, means, "`govault log dump` shows them.", Severity.WARNING)

    async def _check_references(self, tally: _Tally, said: Said) -> None:
        after = b""
        awaited = 0
        while ids := self._views.referenced_chunks(after, COLLECTION_PAGE):
            after = ids[-1]
            tally.referenced += len(ids)
            expected = ids if self._shares is None else self._shares.expected(ids)
            # Read again: a chunk may have been dereferenced and collected between the two looks.
            seen = [c for c in self._packs.missing(expected) if self._views.chunk_referenced(c)]
            missing = self._packs.missing(seen)
            lost = self._lost(missing)
            awaited += len(missing) - len(lost)
            for chunk_id in lost:
                tally.bad.add(chunk_id)
                tally.add(
                    "store.missing",
                    f"Chunk {chunk_id.hex()} is referenced, and is not in the store.",
                    "The files that hold it cannot be read whole; they are named below.",
                    _RESTORE,
                )
            said(tally.referenced, "chunks", "looking up chunks")
            await asyncio.sleep(0)
        if awaited:
            what = f"{awaited} chunks of this node's share are not here."
            tally.add("store.incomplete", what, "Other nodes serve them meanwhile.", _REPAIRED, Severity.WARNING)

    async def _read_chunks(self, tally: _Tally, said: Said) -> None:
        after = b""
        while page := self._packs.stamped(after, _PAGE):
            after = page[-1].chunk_id
            for start in range(0, len(page), _READS_AT_ONCE):
                some = page[start : start + _READS_AT_ONCE]
                sound = await asyncio.gather(*(self._packs.verify(chunk.chunk_id) for chunk in some))
                for chunk, is_sound in zip(some, sound, strict=True):
                    self._note_read(tally, chunk, is_sound)
            said(tally.read, "chunks", "reading chunks")

    def _note_read(self, tally: _Tally, chunk: StampedChunk, is_sound: bool) -> None:
        if is_sound:
            tally.read += 1
            tally.bytes_read += chunk.size_bytes
        elif self._views.chunk_referenced(chunk.chunk_id):
            what = f"Chunk {chunk.chunk_id.hex()} does not read as what was stored."
            if self._lost([chunk.chunk_id]):
                tally.bad.add(chunk.chunk_id)
                tally.add("store.damaged", what, "It was quarantined; its files are named below.", _RESTORE)
            else:
                _add_bad(tally, "store.damaged", what, "It was quarantined.", gone=False)

    async def _contents(self, tally: _Tally) -> AsyncIterator[tuple[str, FileRow, VersionContent]]:
        rows = 0
        for space in list(self._views.spaces()):
            for path, file in self._files(space.space_id):
                tally.files += 1
                for number in (*file.older, file.current.number):
                    content = self._views.version(file, number)
                    if content is not None:
                        tally.versions += 1
                        yield f"{space.name}:/{path}@{number}", file, content
                rows += 1
                if rows % SCAN_YIELD_ROWS == 0:
                    await asyncio.sleep(0)

    def _files(self, space_id: str) -> Iterator[tuple[str, FileRow]]:
        """Every file of a space, live and trash, with its path."""
        for found in walk(self._views, space_id, space_id):
            if isinstance(found.row, FileRow):
                yield found.path, found.row
        after = ""
        while page := self._views.list_trash(space_id, after, _PAGE):
            for root in page:
                if isinstance(root, FileRow):
                    yield root.trashed_path, root
                elif isinstance(root, FolderRow):
                    for found in walk(self._views, space_id, root.entity_id):
                        if isinstance(found.row, FileRow):
                            yield f"{root.trashed_path}/{found.path}", found.row
            after = page[-1].entity_id

    async def _check_content(
        self, tally: _Tally, place: str, file: FileRow, content: VersionContent, read: bool
    ) -> None:
        count = size_bytes = bad = 0
        try:
            for chunk in self._views.manifest(file.space_id, content):
                count += 1
                size_bytes += chunk.size_bytes
                bad += chunk.chunk_id in tally.bad
                if count % SCAN_YIELD_ROWS == 0:
                    await asyncio.sleep(0)
        except Storage as error:
            if self._still_there(file, content):
                what = f"The manifest of {place} is incomplete: {error}"
                tally.add(
                    "manifest.incomplete", what, "It cannot be read.", "`govault views rebuild`, then check again."
                )
            return
        if size_bytes != content.size_bytes:
            what = f"The chunks of {place} add up to {size_bytes} bytes, and its size is {content.size_bytes}."
            tally.add("manifest.size", what, "It cannot be read whole.", "Report this: no event should make it so.")
            return
        if bad:
            what = f"{place} ({file.entity_id}) cannot be read whole: {bad} of its {count} chunks are bad."
            tally.add("file.damaged", what, "Reads of it end with an error.", _RESTORE)
        elif read:
            await self._read_content(tally, place, file, content)

    async def _read_content(self, tally: _Tally, place: str, file: FileRow, content: VersionContent) -> None:
        digest = hashlib.sha256()
        try:
            async for data in self._store.read_run(self._views.manifest(file.space_id, content)):
                digest.update(data)
                tally.bytes_read += len(data)
        except Cluster as error:
            todo = "Bring back the nodes that are away."
            tally.add("file.unreachable", f"{place} cannot be read whole now: {error}", "Reads of it fail.", todo)
            return
        except Storage as error:
            if self._still_there(file, content):
                tally.add("file.damaged", f"{place} cannot be read whole: {error}", "Reads of it fail.", _RESTORE)
            return
        if digest.hexdigest() != content.sha256:
            what = f"{place} reads with SHA-256 {digest.hexdigest()}, and {content.sha256} was committed."
            tally.add("file.hash", what, "Its chunks are sound, but they are not its content.", _RESTORE)

    def _still_there(self, file: FileRow, content: VersionContent) -> bool:
        """Whether the version is retained yet: one pruned while it was looked at is no finding."""
        now = self._views.entity(file.entity_id)
        return isinstance(now, FileRow) and self._views.version(now, content.number) is not None


def _add_bad(tally: _Tally, code: str, what: str, means: str, *, gone: bool) -> None:
    """A chunk that does not serve here: an error where nobody can give it back."""
    tally.add(code, what, means, _RESTORE if gone else _REPAIRED, Severity.ERROR if gone else Severity.WARNING)
