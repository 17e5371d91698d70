"""A file or a whole tree from the vault to the disk."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from govault.client.files import Entity, Files
from govault.client.references import Reference
from govault.client.trees.exclude import Exclusions
from govault.client.trees.fetch import BLOCK_BYTES, fetch
from govault.client.trees.pool import work_off
from govault.client.trees.report import TransferReport
from govault.client.trees.target import LocalTarget, UnsafePath, Wanted
from govault.errors import DigestMismatch, GoVaultError, PreconditionFailed, StorageFull
from schemas.rest.namespace import FileDocument, FolderDocument, VersionDocument

WORKERS = 12


@dataclass(frozen=True)
class DownloadOptions:
    """How to download.

    Attributes:
        checksum: Compare contents instead of size and time to find what is there already.
        verify: Read every written file back from the disk.
        dry_run: Only say what would be done.
    """

    exclusions: Exclusions = field(default_factory=Exclusions)
    checksum: bool = False
    verify: bool = False
    dry_run: bool = False
    workers: int = WORKERS


class Download:
    """One download into one local folder. ``report`` may be read while it runs."""

    def __init__(self, files: Files, target: LocalTarget, options: DownloadOptions, report: TransferReport) -> None:
        self._files = files
        self._target = target
        self._options = options
        self._report = report

    async def file(self, document: FileDocument, relative: str, version: int | None = None) -> None:
        """One file, or one of its versions, to a path below the target.

        Raises:
            GoVaultError: It could not be brought.
        """
        self._report.found += 1
        self._report.found_bytes += document.size_bytes
        self._report.complete = True
        await self._bring(document, relative, version)
        await self._settle()

    async def tree(self, folder: Reference, prefix: str = "") -> None:
        """Everything below a folder, to the target or to a folder in it. Single failures are remarked, not raised."""
        if prefix and not self._options.dry_run:
            await asyncio.to_thread(self._target.make_folder, prefix)
        await work_off(self._listed(folder, prefix), self._one, self._options.workers)
        await self._settle()

    async def _settle(self) -> None:
        if not self._options.dry_run:
            await asyncio.to_thread(self._target.sync_folders)

    async def _listed(self, folder: Reference, prefix: str) -> AsyncIterator[tuple[Entity, str]]:
        base = f"{folder.path}/" if folder.path else ""
        left_out = ""
        async for entity in self._files.children(folder, recursive=True):
            path = entity.path or ""
            relative = path.removeprefix(base)
            if not path.startswith(base) or (left_out and relative.startswith(left_out)):
                continue
            is_folder = isinstance(entity, FolderDocument)
            if self._options.exclusions.match(relative, is_folder):
                self._report.excluded += 1
                left_out = f"{relative}/" if is_folder else left_out
                continue
            self._report.found += 1
            if isinstance(entity, FileDocument):
                self._report.found_bytes += entity.size_bytes
            yield entity, f"{prefix}/{relative}" if prefix else relative
        self._report.complete = True

    async def _one(self, found: tuple[Entity, str]) -> None:
        entity, relative = found
        try:
            if isinstance(entity, FileDocument):
                await self._bring(entity, relative)
            elif not self._options.dry_run and await asyncio.to_thread(self._target.make_folder, relative):
                self._report.folders += 1
        except UnsafePath as error:
            self._report.skipped.add(relative, str(error))
        except StorageFull:
            raise
        except (GoVaultError, OSError) as error:
            self._report.failed.add(relative, str(error))

    async def _bring(self, document: FileDocument, relative: str, version: int | None = None) -> None:
        wanted = wanted_of(document, relative)
        status = await asyncio.to_thread(self._target.status, relative)
        if status is not None and await self._is_there(wanted, status):
            self._report.unchanged += 1
            return
        if not self._options.dry_run:
            wanted = await self._fetch(Reference(target=document.id, version=version), wanted)
        if status is None:
            self._report.new += 1
        else:
            self._report.changed += 1
        self._report.size_bytes += wanted.size_bytes
        if self._options.verify and not self._options.dry_run:
            await self._verify(wanted)

    async def _fetch(self, what: Reference, wanted: Wanted) -> Wanted:
        try:
            await fetch(self._files, what, wanted, self._target, self._report)
        except PreconditionFailed:
            # Somebody wrote a newer version since it was listed: that one, then.
            newer = await self._files.file(what)
            wanted = wanted_of(newer, wanted.relative)
            await fetch(self._files, what, wanted, self._target, self._report)
        return wanted

    async def _is_there(self, wanted: Wanted, status: os.stat_result) -> bool:
        if wanted.kind == "symlink":
            if not stat.S_ISLNK(status.st_mode) or status.st_size != wanted.size_bytes:
                return False
            target = await asyncio.to_thread(self._target.link_target, wanted.relative)
            return sha256(target).hexdigest() == wanted.sha256
        if not stat.S_ISREG(status.st_mode) or status.st_size != wanted.size_bytes:
            return False
        same_time = status.st_mtime_ns == wanted.mtime_ns
        same_bits = bool(status.st_mode & stat.S_IXUSR) == wanted.executable
        if not self._options.checksum:
            return same_time and same_bits
        if await asyncio.to_thread(self._hash, wanted.relative) != wanted.sha256:
            return False
        if not (same_time and same_bits) and not self._options.dry_run:
            await asyncio.to_thread(self._target.set_attributes, wanted)
        return True

    async def _verify(self, wanted: Wanted) -> None:
        if wanted.kind == "symlink":
            target = await asyncio.to_thread(self._target.link_target, wanted.relative)
            digest = sha256(target).hexdigest()
        else:
            digest = await asyncio.to_thread(self._hash, wanted.relative)
        if digest != wanted.sha256:
            raise DigestMismatch(f"{wanted.relative}: the disk gives back other bytes than were written")
        self._report.verified += 1

    def _hash(self, relative: str) -> str:
        descriptor = self._target.open_existing(relative)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            digest = sha256()
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()


def wanted_of(document: FileDocument, relative: str) -> Wanted:
    """How a file of the vault shall look on disk."""
    mtime_ns = document.mtime_ns
    if mtime_ns is None:
        mtime_ns = int(document.modified_at.timestamp() * 1000) * 1_000_000
    return Wanted(relative, document.size_bytes, document.sha256, mtime_ns, document.executable, document.kind)


def at_version(document: FileDocument, version: VersionDocument) -> FileDocument:
    """A file as it was at one of its versions."""
    kept = ("version", "sha256", "etag", "size_bytes", "kind", "executable", "mtime_ns", "media_type")
    return document.model_copy(update={name: getattr(version, name) for name in kept})


def place_of(entity: Entity, what: Reference, target: str) -> tuple[Path, str]:
    """The local folder to write into, and the name in it (empty: the contents of a folder go right there).

    ``d`` to ``t`` makes ``t/d/…``, ``d/`` makes ``t/…``; a file goes into ``t`` where that is a folder, else it
    becomes it.
    """
    path = Path(target)
    name = entity.name or what.name
    if isinstance(entity, FolderDocument):
        return (path, "") if what.trailing_slash else (path, name)
    if target.endswith("/") or path.is_dir():
        return path, name
    return (path.parent, path.name)
