"""A backup is whole or not there."""

import asyncio
import contextlib
import errno
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from govault.domain.position import Position
from govault.errors import Config, InvalidRequest, StorageFull
from govault.ports import LogRecord, PackFile
from govault.services.maintenance.backup import Backup, BackupSources
from govault.services.maintenance.backup_files import BackedUpFile, BackupManifest, copy_file, decode_records
from govault.services.maintenance.recovery_sources import GivenBackup, verify
from schemas.topics import Topic
from tests.unit.services.maintenance.fakes import FakeClock, FakeReader, FakeViewUpkeep, status_row


class FakePacks:
    """Packs in a folder; ``error`` is raised when they are listed, ``gate`` waited for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: OSError | None = None
        self.gate: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.held = False

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        self.held = True
        try:
            yield
        finally:
            self.held = False

    async def pack_files(self) -> list[PackFile]:
        assert self.held, "packs were listed while collection may remove them"
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [
            PackFile(self.folder / "1.pack", 6, growing=False),
            PackFile(self.folder / "2.pack", 4, growing=True),
        ]


KEYS = [(b"a_1", b"key of 1"), (b"a_2", b"key of 2"), (b"a_1", b""), (b"a_3", b"key of 3"), (b"a_2", b"newer key")]
"""What ``.keys`` holds while its compaction is still to come."""


def make(tmp_path: Path) -> tuple[Backup, FakePacks]:
    root = tmp_path / "data"
    (root / "keys").mkdir(parents=True)
    (root / "FORMAT").write_text("1\n")
    (root / "vault.json").write_text("{}")
    (root / "keys" / "root.key").write_text("secret")
    (root / "1.pack").write_bytes(b"sealed")
    (root / "2.pack").write_bytes(b"growing and growing")
    records = [LogRecord(Position(Topic.FILES, 0, n), 1000 + n, b"k", b"v%d" % n, ()) for n in range(10)]
    keys = [LogRecord(Position(Topic.KEYS, 0, n), 1000 + n, *record, ()) for n, record in enumerate(KEYS)]
    packs = FakePacks(root)
    backup = Backup(
        FakeReader({(Topic.FILES, 0): records, (Topic.PEERS, 0): [], (Topic.KEYS, 0): keys}),  # type: ignore[arg-type]
        FakeViewUpkeep([status_row(0, applied=9, history="hh", view="vv")]),  # type: ignore[arg-type]
        packs,  # type: ignore[arg-type]
        packs,  # type: ignore[arg-type]
        FakeClock(),
        BackupSources(root, "vault-1", "node-1", "a test"),
    )
    return backup, packs


async def test_a_backup_cancelled_while_a_pack_is_copied_keeps_collection_frozen_until_then_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, packs = make(tmp_path)
    began, go_on = threading.Event(), threading.Event()

    def slow(*given: Any) -> BackedUpFile:
        began.set()
        assert go_on.wait(10)
        return copy_file(*given)

    monkeypatch.setattr("govault.services.maintenance.backup.copy_file", slow)
    running = asyncio.create_task(backup.back_up(tmp_path / "backup", keys=True))
    assert await asyncio.to_thread(began.wait, 10)
    running.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    frozen = packs.held
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert frozen
    assert list((tmp_path / "backup").iterdir()) == []


async def test_the_manifest_lists_everything_with_the_digests_at_the_cut(tmp_path: Path) -> None:
    backup, _ = make(tmp_path)
    report = await backup.back_up(tmp_path / "backup", keys=False)
    assert (report.records, report.packs, report.linked_packs) == (13, 2, 1)
    manifest = BackupManifest.read(tmp_path / "backup")
    rows = {row.topic: row for row in manifest.partitions}
    assert (rows["files"].end, rows["files"].records, rows["files"].history, rows["files"].view) == (10, 10, "hh", "vv")
    assert rows["peers"].records == 0
    verify(GivenBackup(tmp_path / "backup", manifest, {}), strict=True)
    assert (tmp_path / "backup" / "packs" / "2.pack").read_bytes() == b"grow"
    assert not (tmp_path / "backup" / "keys").exists()


async def test_keys_come_along_only_when_asked_and_stay_private(tmp_path: Path) -> None:
    backup, _ = make(tmp_path)
    await backup.back_up(tmp_path / "backup", keys=True)
    copied = tmp_path / "backup" / "keys" / "root.key"
    assert copied.read_text() == "secret"
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


async def test_a_key_that_was_destroyed_is_not_carried_off_though_the_log_still_has_it(tmp_path: Path) -> None:
    backup, _ = make(tmp_path)
    await backup.back_up(tmp_path / "backup", keys=True)
    path = tmp_path / "backup" / "log" / "keys" / "0"
    kept = [(record.position.offset, record.key, record.value) for record in decode_records(path, Topic.KEYS, 0)]
    assert kept == [(2, b"a_1", b""), (3, b"a_3", b"key of 3"), (4, b"a_2", b"newer key")]
    assert b"key of 1" not in path.read_bytes()
    (row,) = [row for row in BackupManifest.read(tmp_path / "backup").partitions if row.topic == "keys"]
    assert (row.begin, row.end, row.records) == (0, 5, 3)


async def test_a_full_disk_leaves_nothing_behind_and_says_so(tmp_path: Path) -> None:
    backup, packs = make(tmp_path)
    packs.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageFull, match="No space left"):
        await backup.back_up(tmp_path / "backup", keys=True)
    assert list((tmp_path / "backup").iterdir()) == []
    assert not packs.held
    packs.error = None
    await backup.back_up(tmp_path / "backup", keys=True)


async def test_a_cancelled_backup_leaves_nothing_behind_and_collection_goes_on(tmp_path: Path) -> None:
    backup, packs = make(tmp_path)
    packs.gate = asyncio.Event()
    task = asyncio.create_task(backup.back_up(tmp_path / "backup", keys=True))
    await packs.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list((tmp_path / "backup").iterdir()) == []
    assert not packs.held


async def test_a_folder_that_is_not_the_backups_own_is_refused_and_left_alone(tmp_path: Path) -> None:
    backup, _ = make(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("precious")
    for folder in (other, tmp_path, tmp_path / "data" / "backup", Path("relative")):
        with pytest.raises(InvalidRequest):
            await backup.back_up(folder, keys=False)
    assert (other / "file").read_text() == "precious"
    assert (tmp_path / "data" / "vault.json").exists()


async def test_a_manifest_that_names_files_elsewhere_or_a_newer_format_is_refused(tmp_path: Path) -> None:
    backup, _ = make(tmp_path)
    folder = tmp_path / "backup"
    await backup.back_up(folder, keys=False)
    raw = json.loads((folder / "backup.json").read_bytes())
    for name, strict in (("../data/FORMAT", True), ("packs/../../data/FORMAT", False)):
        (folder / "backup.json").write_text(json.dumps({**raw, "files": [{**raw["files"][0], "name": name}]}))
        with pytest.raises(Config, match="outside"):
            verify(GivenBackup(folder, BackupManifest.read(folder), {}), strict=strict)
    (folder / "backup.json").write_text(json.dumps({**raw, "format": 99}))
    with pytest.raises(Config, match="newer"):
        BackupManifest.read(folder)
    (folder / "backup.json").write_text("{")
    with pytest.raises(Config, match="damaged"):
        BackupManifest.read(folder)
