"""Recovery: a backup becomes a data folder again, on a machine that has none of the vault.

Everything is verified against the manifest before anything is written; the data folder is built beside its place and
renamed into it, so that an interrupted recovery leaves no half vault.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from govault.errors import Config
from govault.ports import LogRestorer
from govault.services.backup_files import (
    BackupManifest,
    copy_file,
    decode_records,
    hash_file,
    sync_folder,
    sync_folders,
)
from schemas.topics import Topic

Said = Callable[[int, int, str], None]
"""Told (done, of how many, at what)."""

PACKS_FOLDER = "store/packs"
LOG_FOLDER = "log"


@dataclass(frozen=True, slots=True)
class RecoveryPorts:
    """What recovery needs of the node's parts.

    Attributes:
        open_log: A restorer for an empty log folder.
        restore_keys: Puts the keys into ``<root>/keys`` where the backup has none (from a recovery key or key file);
            None where the caller has nothing.
        rebuild_index: Writes the chunk index of a data folder from its packs; how many chunks.
    """

    open_log: Callable[[Path], LogRestorer]
    restore_keys: Callable[[Path], None] | None
    rebuild_index: Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What came back."""

    vault_id: str
    records: int
    packs: int
    chunks: int


def recover(folder: Path, root: Path, ports: RecoveryPorts, said: Said = lambda *told: None) -> RecoveryReport:
    """Make the data folder ``root`` from the backup in ``folder``. Blocks; no node may run on ``root``.

    Raises:
        Config: ``root`` is not empty; the backup is incomplete or damaged; or it has no keys and none were given.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise Config(f"{root} is not an empty folder: recovery makes a data folder, it does not change one")
    manifest = BackupManifest.read(folder)
    if not manifest.keys and ports.restore_keys is None:
        message = f"the backup in {folder} has no keys: give the recovery key or the key file of the vault"
        raise Config(message, code="config.keys-needed")
    verify_files(folder, manifest, said)
    scratch = root.with_name(f".{root.name}.recovering")
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True, mode=0o700)
    try:
        report = _build(folder, scratch, manifest, ports, said)
        sync_folders(scratch)
        if root.exists():
            root.rmdir()
        scratch.rename(root)
        sync_folder(root.parent)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return report


def verify_files(folder: Path, manifest: BackupManifest, said: Said = lambda *told: None) -> None:
    """Compare every file of a backup with its manifest. Blocks.

    Raises:
        Config: One is missing or is not what was backed up.
    """
    for number, file in enumerate(manifest.files):
        said(number, len(manifest.files), f"verifying {file.name}")
        path = folder / file.name
        if ".." in Path(file.name).parts or Path(file.name).is_absolute():
            raise Config(f"the backup's manifest names {file.name!r}, which is outside of it: it was altered")
        if not path.is_file():
            raise Config(f"{path} is missing: the backup is damaged. Take another one")
        if path.stat().st_size != file.size_bytes or hash_file(path) != file.sha256:
            raise Config(f"{path} is not what was backed up: the backup is damaged. Take another one")


def _build(folder: Path, root: Path, manifest: BackupManifest, ports: RecoveryPorts, said: Said) -> RecoveryReport:
    packs = 0
    for number, file in enumerate(manifest.files):
        said(number, len(manifest.files), f"copying {file.name}")
        place, _, rest = file.name.partition("/")
        if place == "log":
            continue
        if place == "packs":
            copy_file(folder / file.name, None, root, f"{PACKS_FOLDER}/{rest}")
            packs += 1
        else:
            copied = copy_file(folder / file.name, None, root, file.name)
            if file.name not in ("FORMAT", "vault.json"):
                os.chmod(root / copied.name, 0o600)  # noqa: PTH101 - secrets are for their owner
    if not manifest.keys and ports.restore_keys is not None:
        ports.restore_keys(root)
    records = _restore_log(folder, root, manifest, ports, said)
    said(len(manifest.files), len(manifest.files), "writing the index of the packs")
    return RecoveryReport(manifest.vault_id, records, packs, ports.rebuild_index(root))


def _restore_log(folder: Path, root: Path, manifest: BackupManifest, ports: RecoveryPorts, said: Said) -> int:
    log = ports.open_log(root / LOG_FOLDER)
    records = 0
    try:
        for topic in Topic:
            count = sum(1 for row in manifest.partitions if row.topic == topic.value)
            if count:
                log.add_topic(topic, count)
        for number, row in enumerate(manifest.partitions):
            said(number, len(manifest.partitions), f"restoring the log: {row.topic}/{row.partition}")
            topic = Topic(row.topic)
            path = folder / "log" / row.topic / str(row.partition)
            restored = log.restore(topic, row.partition, decode_records(path, topic, row.partition))
            if restored != row.records:
                raise Config(f"{path} has {restored} records, and {row.records} were backed up: it is damaged")
            records += restored
    finally:
        log.finish()
    return records
