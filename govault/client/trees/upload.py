"""A file, a whole tree or a stream from this machine into the vault."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from govault.client.files import Attributes, Entity, Files
from govault.client.references import Reference
from govault.client.transport import Body
from govault.client.trees.exclude import Exclusions
from govault.client.trees.pool import work_off
from govault.client.trees.report import TransferReport
from govault.client.trees.scan import LocalEntry, scan
from govault.errors import Authentication, DigestMismatch, GoVaultError, NotFound, QuotaExceeded, Storage, StorageFull
from govault.threads import to_its_end
from schemas.rest.content import UploadAnswer
from schemas.rest.namespace import FileDocument, FolderDocument

WORKERS = 16
WHOLE_BYTES_MAX = 256 * 1024
"""Files up to this size are read in one piece."""
BLOCK_BYTES = 1024 * 1024
SCAN_BATCH = 256
CHANGED_ATTEMPTS_MAX = 3
CHANGED_PAUSE_S = 0.2
MTIME_NS_MAX = 2**63


@dataclass(frozen=True)
class UploadOptions:
    """How to upload.

    Attributes:
        checksum: Compare contents instead of size and time to find what is there already.
        verify: Read every uploaded content back from the vault.
        dry_run: Only say what would be done.
    """

    exclusions: Exclusions = field(default_factory=Exclusions)
    checksum: bool = False
    verify: bool = False
    dry_run: bool = False
    workers: int = WORKERS
    attributes: Attributes = field(default_factory=Attributes)


class Vanished(Storage):
    """A local file changed or went away while it was read."""

    code = "storage.local-changed"


class Upload:
    """One upload into one folder of the vault. ``report`` may be read while it runs."""

    def __init__(self, files: Files, options: UploadOptions, report: TransferReport) -> None:
        self._files = files
        self._options = options
        self._report = report

    async def single(self, entry: LocalEntry, where: Reference) -> None:
        """One file or link to a path.

        Raises:
            GoVaultError: It could not be brought.
        """
        self._report.found += 1
        self._report.found_bytes += entry.size_bytes
        self._report.complete = True
        try:
            there: Entity | None = await self._files.entity(where)
        except NotFound:
            there = None
        await self._bring(entry, where, there if isinstance(there, FileDocument) else None)

    async def stream(self, source: BinaryIO, where: Reference) -> UploadAnswer | None:
        """A stream of unknown length to a path. It cannot be repeated, so a lost connection ends it."""
        self._report.found += 1
        self._report.complete = True
        if self._options.dry_run:
            self._report.new += 1
            return None
        digest = sha256()

        async def blocks() -> AsyncIterator[bytes]:
            while block := await asyncio.to_thread(source.read, BLOCK_BYTES):
                digest.update(block)
                self._report.sent_bytes += len(block)
                yield block

        committed = await self._files.put(where, Body(blocks, replayable=False), self._options.attributes)
        self._note(str(where), committed, digest.hexdigest())
        return committed

    async def tree(self, top: Path, where: Reference) -> None:
        """Everything below a local folder. Single failures are remarked, not raised."""
        entries = scan(top, self._options.exclusions, self._report)
        first = await asyncio.to_thread(lambda: list(islice(entries, 1)))
        if not first and not self._options.dry_run and where.path:
            await self._make(where)
        await work_off(self._paired(first, entries, where), self._one, self._options.workers)

    async def _paired(
        self, first: list[LocalEntry], rest: Iterator[LocalEntry], where: Reference
    ) -> AsyncIterator[tuple[LocalEntry, Reference, Entity | None]]:
        """Each local entry with what the vault has at its path: two sorted streams, side by side."""
        there = _Cursor(self._files, where)
        batch = first
        while batch:
            for entry in batch:
                self._report.found += 1
                self._report.found_bytes += entry.size_bytes
                yield entry, where.child(entry.relative), await there.seek(entry.key)
            batch = await asyncio.to_thread(lambda: list(islice(rest, SCAN_BATCH)))
        self._report.complete = True

    async def _one(self, found: tuple[LocalEntry, Reference, Entity | None]) -> None:
        entry, where, there = found
        try:
            if entry.kind != "folder":
                await self._bring(entry, where, there if isinstance(there, FileDocument) else None)
            elif entry.empty and there is None and not self._options.dry_run:
                await self._make(where)
        except (StorageFull, QuotaExceeded, Authentication):
            raise
        except (GoVaultError, OSError) as error:
            self._report.failed.add(entry.relative, str(error))

    async def _make(self, where: Reference) -> None:
        _, new = await self._files.make_folder(where)
        self._report.folders += new

    async def _bring(self, entry: LocalEntry, where: Reference, there: FileDocument | None) -> None:
        if there is not None and await self._is_there(entry, there):
            self._report.unchanged += 1
            return
        if self._options.dry_run:
            self._report.new += there is None
            self._report.changed += there is not None
            self._report.size_bytes += entry.size_bytes
            return
        for attempt in range(1, CHANGED_ATTEMPTS_MAX + 1):
            try:
                committed = await self._commit_known(entry, where, there) or await self._send(entry, where)
            except Vanished:
                if attempt == CHANGED_ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(CHANGED_PAUSE_S * attempt)
            else:
                break
        if self._options.verify:
            await self._verify(where, committed)

    async def _commit_known(
        self, entry: LocalEntry, where: Reference, there: FileDocument | None
    ) -> UploadAnswer | None:
        """A large file whose time alone is another: its bytes need not travel again."""
        if there is None or entry.kind != "file" or not WHOLE_BYTES_MAX < entry.size_bytes == there.size_bytes:
            return None
        digest = await asyncio.to_thread(_hash, entry)
        if digest != there.sha256:
            return None
        committed = await self._files.put_known(where, digest, self._attributes(entry))
        self._note(entry.relative, committed, digest)
        return committed

    async def _send(self, entry: LocalEntry, where: Reference) -> UploadAnswer:
        attributes = self._attributes(entry)
        if entry.kind == "symlink":
            content = _link_target(entry)
        elif entry.size_bytes <= WHOLE_BYTES_MAX and (whole := _read_whole(entry)) is not None:
            content, status = whole
            attributes = self._attributes(entry, status)
        else:
            return await self._send_blocks(entry, where)
        committed = await self._files.put(where, content, attributes)
        self._report.sent_bytes += len(content)
        self._note(entry.relative, committed, sha256(content).hexdigest())
        return committed

    async def _send_blocks(self, entry: LocalEntry, where: Reference) -> UploadAnswer:
        descriptor = _open(entry)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            reading = _Reading(file, status.st_size, self._report)
            committed = await self._files.put(
                where, Body(reading.blocks, status.st_size), self._attributes(entry, status)
            )
            after = os.fstat(descriptor)
            self._note(entry.relative, committed, reading.digest.hexdigest())
            if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                raise Vanished(f"{entry.relative}: the file changed while it was read")
        return committed

    def _attributes(self, entry: LocalEntry, status: os.stat_result | None = None) -> Attributes:
        asked = self._options.attributes
        mtime_ns = entry.mtime_ns if status is None else status.st_mtime_ns
        return Attributes(
            kind="symlink" if entry.kind == "symlink" else "file",
            executable=entry.executable if status is None else bool(status.st_mode & stat.S_IXUSR),
            # A time that no vault takes (after 2262) must not keep the content out of it.
            mtime_ns=mtime_ns if abs(mtime_ns) < MTIME_NS_MAX else None,
            media_type=asked.media_type,
            tags=asked.tags,
            description=asked.description,
            if_match=asked.if_match,
            absent=asked.absent,
        )

    async def _is_there(self, entry: LocalEntry, there: FileDocument) -> bool:
        if there.kind != entry.kind or there.size_bytes != entry.size_bytes or there.executable != entry.executable:
            return False
        if entry.kind == "symlink":
            return sha256(_link_target(entry)).hexdigest() == there.sha256
        if not self._options.checksum:
            return there.mtime_ns == entry.mtime_ns
        return await asyncio.to_thread(_hash, entry) == there.sha256

    async def _verify(self, where: Reference, committed: UploadAnswer) -> None:
        digest = sha256()
        async with self._files.stream(Reference(target=committed.id), if_match=committed.etag) as response:
            async for piece in response.content.iter_any():
                digest.update(piece)
        if digest.hexdigest() != committed.etag:
            raise DigestMismatch(f"{where}: the vault gives back other bytes than were sent")
        self._report.verified += 1

    def _note(self, relative: str, committed: UploadAnswer, digest: str) -> None:
        if committed.etag != digest:
            raise DigestMismatch(f"{relative}: the vault took in other bytes than were read here", path=relative)
        if committed.result == "created":
            self._report.new += 1
        elif committed.result == "unchanged":
            self._report.unchanged += 1
        else:
            self._report.changed += 1
        self._report.answer = committed
        self._report.size_bytes += committed.size_bytes
        self._report.stored_bytes += committed.stored_bytes


class _Cursor:
    """The vault's side of the comparison: moves forward only."""

    def __init__(self, files: Files, where: Reference) -> None:
        self._base = f"{where.path}/" if where.path else ""
        self._entities = files.children(where, recursive=True)
        self._current: Entity | None = None
        self._key = b""
        self._ended = False

    async def seek(self, key: bytes) -> Entity | None:
        """What stands at a key, each higher than the one before."""
        while not self._ended and (self._current is None or self._key < key):
            try:
                self._current = await anext(self._entities)
            except (StopAsyncIteration, NotFound):
                self._ended, self._current = True, None
                break
            path = (self._current.path or "").removeprefix(self._base)
            self._key = path.encode() + (b"/" if isinstance(self._current, FolderDocument) else b"")
        return self._current if self._current is not None and self._key == key else None


class _Reading:
    """A file read block by block, from the first again at every attempt."""

    def __init__(self, file: Any, size_bytes: int, report: TransferReport) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._report = report
        self.digest = sha256()

    async def blocks(self) -> AsyncIterator[bytes]:
        """Exactly as many bytes as were announced."""
        digest = self.digest = sha256()
        done = 0
        while done < self._size_bytes:
            # By place: an attempt that was given up may still be reading in its thread.
            block = await to_its_end(os.pread, self._file.fileno(), min(BLOCK_BYTES, self._size_bytes - done), done)
            if not block:
                raise Vanished("the file became shorter while it was read")
            await asyncio.to_thread(digest.update, block)
            done += len(block)
            self._report.sent_bytes += len(block)
            yield block


def _link_target(entry: LocalEntry) -> bytes:
    return os.readlink(entry.source)  # noqa: PTH115 - bytes: a target need not be UTF-8


def _open(entry: LocalEntry) -> int:
    """The file, and nothing that took its place since it was listed."""
    descriptor = os.open(entry.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Vanished(f"{entry.relative}: no file any more")
    return descriptor


def _read_whole(entry: LocalEntry) -> tuple[bytes, os.stat_result] | None:
    """A small file; None where it has grown beyond that since it was listed."""
    descriptor = _open(entry)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if status.st_size > WHOLE_BYTES_MAX:
            return None
        content = file.read(WHOLE_BYTES_MAX + 1)
        after = os.fstat(descriptor)
    if len(content) != after.st_size or after.st_mtime_ns != status.st_mtime_ns:
        raise Vanished(f"{entry.relative}: the file changed while it was read")
    return content, status


def _hash(entry: LocalEntry) -> str:
    digest = sha256()
    with os.fdopen(_open(entry), "rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
