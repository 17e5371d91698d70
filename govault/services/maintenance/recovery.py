"""Recovery: the backups of a vault's nodes become one data folder again, on a machine that has none of the vault.

The log is taken from the backups that go furthest, after they were held against one another; chunks are taken from all
of them. Everything but packs is verified before anything is written, and packs record by record as they are taken; the
data folder is built beside its place and renamed into it, so that an interrupted recovery leaves no half vault.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from govault.errors import Config, Storage, StorageFull, is_full
from govault.ports import GatheredStore, LogRestorer, PackGatherer
from govault.services.maintenance.backup_files import clear_folder, copy_file, sync_folder, sync_folders
from govault.services.maintenance.checking import CheckReport
from govault.services.maintenance.diagnosis import Finding
from govault.services.maintenance.recovery_logs import PartitionSource, choose_logs
from govault.services.maintenance.recovery_sources import (
    GivenBackup,
    Said,
    damage_of,
    of_settings,
    read_backups,
    verify,
)

LOG_FOLDER = "log"
DAMAGE_TOLD_MAX = 100


@dataclass(frozen=True, slots=True)
class RecoveryPorts:
    """What recovery needs of the node's parts.

    Attributes:
        restore_keys: Puts the keys into a data folder where the backups have none (from a recovery key); None where the
            caller has nothing.
        settle: Makes the settings of a data folder those of a vault with an embedded log.
        open_log: A restorer for the empty log folder of a data folder.
        open_packs: A gatherer for the store of a data folder that has its keys.
        look: Folds the log of a data folder into its views, and holds them against its store.
    """

    restore_keys: Callable[[Path], None] | None
    settle: Callable[[Path], None]
    open_log: Callable[[Path], LogRestorer]
    open_packs: Callable[[Path], PackGatherer]
    look: Callable[[Path, Sequence[PartitionSource], Said], CheckReport]


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What came back, and what did not.

    Attributes:
        node_id: Whose settings and keys the data folder has; empty where the backup does not say.
        damaged: What is wrong with files of the backups, a sentence each; what others had of it came from them.
        whole: Whether all that the log counts on is there.
        findings: What is not: chunks that no backup had whole, and the files that need them.
        more_findings: How many there are beyond those listed.
    """

    vault_id: str
    node_id: str
    backups: int
    records: int
    packs: int
    chunks: int
    files: int
    versions: int
    damaged: tuple[str, ...]
    whole: bool
    findings: tuple[Finding, ...]
    more_findings: int


def recover(
    folders: Sequence[Path],
    root: Path,
    ports: RecoveryPorts,
    said: Said = lambda *told: None,
    *,
    salvage: bool = False,
) -> RecoveryReport:
    """Make the data folder ``root`` from backups of different nodes of one vault. Blocks; no node may run on ``root``.

    Args:
        salvage: Take what is sound of a single backup whose packs are damaged, as of several; the log must be sound.

    Raises:
        Config: ``root`` is not empty, or cannot be put in place; a backup is incomplete, or damaged beyond what the
            others make good; they do not belong together; or no keys open them.
        StorageFull: The disk is full. Nothing is left of what was written.
    """
    root = _led_to(root)
    _refuse_used(root)
    backups = read_backups(folders)
    if ports.restore_keys is None and not any(backup.manifest.keys for backup in backups):
        which = f"the backup in {folders[0]} has" if len(folders) == 1 else "the backups have"
        raise Config(f"{which} no keys: give the recovery key of the vault", code="config.keys-needed")
    strict = len(backups) == 1 and not salvage
    for backup in backups:
        verify(backup, strict=strict, said=said)
    settings = of_settings(backups)
    logs = choose_logs(backups, said)
    with _place_for(root) as scratch:
        # Another recovery may have ended since.
        _refuse_used(root)
        try:
            report = _Building(scratch, backups, ports, said, verified=strict).build(settings, logs)
            sync_folders(scratch)
            if root.exists():
                root.rmdir()
            scratch.rename(root)
            sync_folder(root.parent)
        except BaseException as error:
            shutil.rmtree(scratch, ignore_errors=True)
            if isinstance(error, OSError):
                kind = StorageFull if is_full(error) else Storage
                raise kind(f"{root} could not be made: {error}") from error
            raise
    return report


def _led_to(root: Path) -> Path:
    """What a link leads to, which is to be made; the link stays what it is.

    Raises:
        Config: It leads nowhere.
    """
    try:
        return root.resolve()
    except (OSError, RuntimeError) as error:
        # Python before 3.13 has the latter for links in a circle.
        raise Config(f"{root} leads nowhere ({error}). Choose another data folder") from error


def _refuse_used(root: Path) -> None:
    """Refuse, before hours are spent on it, a place where no folder can be put by renaming.

    Raises:
        Config: Something is there, or it is a mount.
    """
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise Config(f"{root} is not an empty folder: recovery makes a data folder, it does not change one")
    except OSError as error:
        raise Config(f"{root} cannot be looked into: {error.strerror}. Choose another data folder") from error
    if root.is_mount():
        raise Config(
            f"{root} is a mount: the data folder is put in place by renaming, and a mount cannot be renamed. Name a "
            f"folder in it: --data {root / 'vault'}"
        )


@contextmanager
def _place_for(root: Path) -> Iterator[Path]:
    """An empty folder beside the one to be made, for this process alone; what a killed recovery left in it is removed.

    Raises:
        Config: Another recovery is at work there, or the folder cannot be made.
    """
    scratch = root.with_name(f".{root.name}.recovering")
    try:
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Config(f"{scratch} cannot be made: {error.strerror}. Choose another data folder") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        clear_folder(scratch)
        yield scratch
    except BlockingIOError as error:
        raise Config(f"another recovery into {root} is at work: wait for its end, or end it") from error
    finally:
        os.close(held)


class _Building:
    """A data folder in the making."""

    def __init__(
        self, root: Path, backups: Sequence[GivenBackup], ports: RecoveryPorts, said: Said, *, verified: bool
    ) -> None:
        """``verified``: whether the packs, too, were found to be what was backed up."""
        self._verified = verified
        self._root = root
        self._backups = backups
        self._ports = ports
        self._said = said
        self._damaged = [
            f"{backup.folder / name} {wrong}" for backup in backups for name, wrong in backup.damaged.items()
        ]

    def build(self, settings: GivenBackup, logs: Sequence[PartitionSource]) -> RecoveryReport:
        """All of it; see ``recover``."""
        self._copy_settings(settings)
        gathered = self._gather()
        records = self._restore_log(logs)
        found = self._ports.look(self._root, logs, self._said)
        return RecoveryReport(
            settings.manifest.vault_id,
            settings.manifest.node_id,
            len(self._backups),
            records,
            gathered.packs,
            gathered.chunks,
            found.files,
            found.versions,
            tuple(self._damaged[:DAMAGE_TOLD_MAX]),
            found.ok,
            found.findings,
            found.more_findings,
        )

    def _copy_settings(self, backup: GivenBackup) -> None:
        for file in backup.settings:
            copy_file(backup.folder / file.name, None, self._root, file.name)
            if file.name not in ("FORMAT", "vault.json"):
                # Secrets are for their owner.
                (self._root / file.name).chmod(0o600)
        self._ports.settle(self._root)
        if self._ports.restore_keys is not None:
            self._ports.restore_keys(self._root)

    def _gather(self) -> GatheredStore:
        packs = [(backup, file) for backup in self._backups for file in backup.packs]
        there = [(backup, file) for backup, file in packs if (backup.folder / file.name).is_file()]
        store = self._ports.open_packs(self._root)
        try:
            for number, (backup, file) in enumerate(there):
                self._said(number, len(there), f"looking into {backup.folder.name}/{file.name}")
                store.learn(backup.folder / file.name)
            for number, (backup, file) in enumerate(packs):
                self._said(number, len(packs), f"taking {backup.folder.name}/{file.name}")
                wrong = "" if self._verified else damage_of(backup.folder, file)
                taken = store.take(backup.folder / file.name, file.size_bytes) if wrong != "is missing" else None
                if taken is not None and taken.damaged:
                    wrong = f"{wrong or 'was damaged when it was backed up'} ({taken.damaged} damaged records)"
                if wrong:
                    self._damaged.append(f"{backup.folder / file.name} {wrong}")
            return store.finish()
        finally:
            store.close()

    def _restore_log(self, logs: Sequence[PartitionSource]) -> int:
        log = self._ports.open_log(self._root)
        records = 0
        try:
            for topic in dict.fromkeys(source.topic for source in logs):
                log.add_topic(topic, sum(1 for source in logs if source.topic is topic))
            for number, source in enumerate(logs):
                self._said(number, len(logs), f"restoring the log: {source.row.topic}/{source.row.partition}")
                restored = log.restore(source.topic, source.row.partition, source.records())
                if restored != source.row.records:
                    path = source.backup.folder / source.name
                    raise Config(f"{path} has {restored} records, and {source.row.records} were backed up: damaged")
                records += restored
        finally:
            log.finish()
        return records
