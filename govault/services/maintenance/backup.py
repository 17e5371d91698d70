"""A backup of the running vault: a cut through the log, and the packs that hold every chunk it references.

Order: collection is frozen → the log is cut → packs are listed and copied. An event references only chunks that were
durable before it was written, and nothing is removed while frozen; so the packs hold whatever the cut references.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from govault.errors import Config, InvalidRequest, StorageFull
from govault.limits import SCAN_YIELD_ROWS
from govault.ports import Clock, LogReader, StoreMaintenance, ViewsMaintenance
from govault.services.maintenance.backup_files import (
    FORMAT,
    LOG_MAGIC,
    BackedUpFile,
    BackedUpPartition,
    BackupManifest,
    HashingWriter,
    clear_folder,
    copy_file,
    encode_record,
    link_file,
    sync_folders,
)
from govault.services.maintenance.collection import Collector
from govault.threads import to_its_end
from schemas.topics import COMPACTED_TOPICS, Topic

Said = Callable[[int, int, str, str], None]
"""Told (done, of how many, of what, at what)."""


@dataclass(frozen=True, slots=True)
class BackupSources:
    """The files of the data folder that a backup takes along.

    Attributes:
        root: The data folder.
        node_id: Whose it is.
        plain: Names in it that are copied always.
        secret: Names in it that are copied only where keys are asked for (those that exist).
    """

    root: Path
    vault_id: str
    node_id: str
    made_by: str
    plain: Sequence[str] = ("FORMAT", "vault.json")
    secret: Sequence[str] = ("keys/root.key", "keys/keyring.json", "keys/node.key", "admin.token")


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds."""

    path: str
    records: int
    packs: int
    linked_packs: int
    bytes: int
    keys: bool


class Backup:
    """Makes backups."""

    def __init__(
        self,
        reader: LogReader,
        upkeep: ViewsMaintenance,
        packs: StoreMaintenance,
        collector: Collector,
        clock: Clock,
        sources: BackupSources,
    ) -> None:
        self._reader = reader
        self._upkeep = upkeep
        self._packs = packs
        self._collector = collector
        self._clock = clock
        self._sources = sources

    async def back_up(self, folder: Path, *, keys: bool, said: Said = lambda *told: None) -> BackupReport:
        """Write a complete backup into a new or empty folder; durable when this returns.

        Cancelled or failed, what was written is removed again.

        Raises:
            InvalidRequest: The folder is not absolute, not empty, or inside the data folder.
            StorageFull: The folder's disk is full.
        """
        await asyncio.to_thread(self._prepare, folder)
        try:
            async with self._collector.frozen():
                manifest, linked = await self._write(folder, keys, said)
        except BaseException as error:
            await asyncio.shield(asyncio.to_thread(clear_folder, folder))
            if isinstance(error, OSError):
                raise StorageFull(f"the backup in {folder} could not be written: {error}") from error
            raise
        packs = sum(1 for file in manifest.files if file.name.startswith("packs/"))
        return BackupReport(
            str(folder),
            sum(row.records for row in manifest.partitions),
            packs,
            linked,
            sum(file.size_bytes for file in manifest.files),
            keys,
        )

    def check_path(self, path: str) -> None:
        """Whether a backup may go there, as far as the name tells.

        Raises:
            InvalidRequest: It may not.
        """
        if not Path(path).is_absolute() or not path.isprintable():
            raise InvalidRequest(f"{path!r} is not an absolute path", rule="backup-path")

    def _prepare(self, folder: Path) -> None:
        self.check_path(str(folder))
        try:
            resolved, root = folder.resolve(), self._sources.root.resolve()
            if resolved == root or root in resolved.parents or resolved in root.parents:
                message = f"{folder} and the data folder contain each other: who loses one would lose both"
                raise InvalidRequest(message, rule="backup-path")
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(folder.iterdir()):
                raise InvalidRequest(f"{folder} is not empty: a backup needs a folder of its own", rule="backup-path")
        except OSError as error:
            raise InvalidRequest(f"{folder} cannot be used for a backup: {error}", rule="backup-path") from error

    async def _write(self, folder: Path, keys: bool, said: Said) -> tuple[BackupManifest, int]:
        bounds = await asyncio.gather(*(self._reader.bounds(topic) for topic in Topic))
        cut = dict(zip(Topic, bounds, strict=True))
        files: list[BackedUpFile] = []
        partitions: list[BackedUpPartition] = []
        total = sum(end - begin for spans in cut.values() for begin, end in spans.values())
        done = 0
        for topic, spans in cut.items():
            for partition, (begin, end) in sorted(spans.items()):
                file, row = await self._write_partition(folder, topic, partition, begin, end)
                files.append(file)
                partitions.append(row)
                done += row.records
                said(done, total, "records", f"copying the log: {topic.value}/{partition}")
        copied, linked = await self._write_packs(folder, said)
        files += copied
        files += await to_its_end(self._write_plain, folder, keys)
        manifest = BackupManifest(
            FORMAT,
            self._sources.vault_id,
            self._clock.time_ms(),
            self._sources.made_by,
            keys,
            tuple(partitions),
            tuple(files),
            self._sources.node_id,
        )
        await to_its_end(sync_folders, folder)
        await to_its_end(manifest.write, folder)
        return manifest, linked

    async def _write_partition(
        self, folder: Path, topic: Topic, partition: int, begin: int, end: int
    ) -> tuple[BackedUpFile, BackedUpPartition]:
        writer = HashingWriter(folder, f"log/{topic.value}/{partition}")
        records = 0
        try:
            newest = await self._newest(topic, partition, begin, end)
            writer.write(LOG_MAGIC)
            if begin < end:
                async for record in self._reader.read(topic, partition, begin, end):
                    if newest is not None and newest[record.key] != record.position.offset:
                        continue
                    writer.write(encode_record(record))
                    records += 1
                    if records % SCAN_YIELD_ROWS == 0:
                        await asyncio.sleep(0)
        except BaseException:
            writer.abandon()
            raise
        file = await to_its_end(writer.close)
        history, view = self._digests_at(topic, partition, end - 1)
        return file, BackedUpPartition(topic.value, partition, begin, end, records, history, view)

    async def _newest(self, topic: Topic, partition: int, begin: int, end: int) -> dict[bytes, int] | None:
        """Of a compacted topic: key → offset of its newest record; None of another.

        A key that was destroyed may still lie in the log, for compaction comes later: a backup must not carry it off.
        """
        if topic not in COMPACTED_TOPICS or begin >= end:
            return None
        newest: dict[bytes, int] = {}
        async for record in self._reader.read(topic, partition, begin, end):
            newest[record.key] = record.position.offset
        return newest

    def _digests_at(self, topic: Topic, partition: int, offset: int) -> tuple[str, str]:
        for row in self._upkeep.status():
            if (row.topic, row.partition, row.applied) == (topic, partition, offset):
                return row.history, row.view
        return "", ""

    async def _write_packs(self, folder: Path, said: Said) -> tuple[list[BackedUpFile], int]:
        files: list[BackedUpFile] = []
        linked = 0
        packs = await self._packs.pack_files()
        for number, pack in enumerate(packs):
            said(number, len(packs), "packs", f"copying {pack.path.name}")
            name = f"packs/{pack.path.name}"
            file = None
            if not pack.growing:
                file = await to_its_end(link_file, pack.path, pack.size_bytes, folder, name)
                linked += file is not None
            if file is None:
                file = await to_its_end(copy_file, pack.path, pack.size_bytes, folder, name)
            files.append(file)
        return files, linked

    def _write_plain(self, folder: Path, keys: bool) -> list[BackedUpFile]:
        names = [*self._sources.plain, *(self._sources.secret if keys else ())]
        files: list[BackedUpFile] = []
        for name in names:
            source = self._sources.root / name
            if source.exists():
                files.append(copy_file(source, None, folder, name))
                os.chmod(folder / name, source.stat().st_mode & 0o777)  # noqa: PTH101 - in a worker thread
        if not any(file.name == "vault.json" for file in files):
            raise Config(f"{self._sources.root} has no vault.json: this is not a data folder")
        return files
