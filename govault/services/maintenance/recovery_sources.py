"""The backups that a recovery is given: whether they belong together, and what of each is as it was backed up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from govault.errors import Config
from govault.services.maintenance.backup_files import BackedUpFile, BackupManifest, hash_file

Said = Callable[[int, int, str], None]
"""Told (done, of how many, at what)."""

PACKS = "packs/"
LOGS = "log/"


@dataclass(frozen=True, slots=True)
class GivenBackup:
    """One of the backups of a vault.

    Attributes:
        damaged: Name of a file → what is wrong with it. Packs are looked at only as they are taken.
    """

    folder: Path
    manifest: BackupManifest
    damaged: dict[str, str]

    @property
    def packs(self) -> list[BackedUpFile]:
        """Its packs, the oldest first."""
        packs = (file for file in self.manifest.files if file.name.startswith(PACKS))
        return sorted(packs, key=lambda file: file.name)

    @property
    def settings(self) -> list[BackedUpFile]:
        """What is neither log nor pack: the vault's own files, and keys where there are any."""
        return [file for file in self.manifest.files if not file.name.startswith((PACKS, LOGS))]

    def file(self, name: str) -> BackedUpFile | None:
        """What the manifest says of a file; None where it is not in the backup."""
        return next((file for file in self.manifest.files if file.name == name), None)


def read_backups(folders: Sequence[Path]) -> list[GivenBackup]:
    """The manifests of the backups of one vault. Blocks.

    Raises:
        Config: A folder is no complete backup; they are of several vaults; or two are of one node.
    """
    backups = [GivenBackup(folder, BackupManifest.read(folder), {}) for folder in folders]
    for one, other in combinations(backups, 2):
        if one.folder.resolve() == other.folder.resolve():
            raise Config(f"{one.folder} is given twice: give each backup once", code="config.backup-twice")
        if one.manifest.vault_id != other.manifest.vault_id:
            raise Config(
                f"{one.folder} is a backup of the vault {one.manifest.vault_id}, and {other.folder} of the vault "
                f"{other.manifest.vault_id}: give backups of one vault",
                code="config.backup-foreign",
            )
        if _same_node(one.manifest, other.manifest):
            newer = max(one, other, key=lambda backup: backup.manifest.made_ms)
            raise Config(
                f"{one.folder} and {other.folder} are backups of the same node: give one of them; {newer.folder} is "
                "the newer one",
                code="config.backup-twice",
            )
    return backups


def verify(backup: GivenBackup, *, strict: bool, said: Said = lambda *told: None) -> None:
    """Compare a backup with its manifest. Blocks.

    Args:
        strict: Whether every file must be sound. Otherwise damage is noted, and packs are left for later: others may
            have what is damaged here.

    Raises:
        Config: A file must be sound and is not, or the manifest names one outside of the backup.
    """
    for file in backup.manifest.files:
        if ".." in Path(file.name).parts or Path(file.name).is_absolute():
            raise Config(f"the backup's manifest names {file.name!r}, which is outside of it: it was altered")
    files = backup.manifest.files if strict else [f for f in backup.manifest.files if not f.name.startswith(PACKS)]
    for number, file in enumerate(files):
        said(number, len(files), f"verifying {backup.folder.name}/{file.name}")
        wrong = damage_of(backup.folder, file)
        if not wrong:
            continue
        if strict:
            raise Config(
                f"{backup.folder / file.name} {wrong}: the backup is damaged. Take another one; of a vault of many "
                "nodes give the other nodes' backups too: they may have what is damaged here. Where there is no other, "
                "--salvage takes what is sound of its packs and names what is lost",
                code="config.backup-damaged",
            )
        backup.damaged[file.name] = wrong


def damage_of(folder: Path, file: BackedUpFile) -> str:
    """What is wrong with a file of a backup; nothing where it is what was backed up. Blocks."""
    path = folder / file.name
    try:
        if not path.is_file():
            return "is missing"
        if path.stat().st_size == file.size_bytes and hash_file(path) == file.sha256:
            return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "is not what was backed up"


def of_settings(backups: Sequence[GivenBackup]) -> GivenBackup:
    """The backup whose settings and keys the recovered node takes: the first with keys, else the first.

    Raises:
        Config: Those of all are damaged.
    """
    sound = [b for b in backups if not any(file.name in b.damaged for file in b.settings)]
    if not sound:
        first = backups[0]
        name, wrong = next((f.name, first.damaged[f.name]) for f in first.settings if f.name in first.damaged)
        raise Config(f"{first.folder / name} {wrong}, and no other backup is better: take another one")
    return next((backup for backup in sound if backup.manifest.keys), sound[0])


def _same_node(one: BackupManifest, other: BackupManifest) -> bool:
    """By what they say; older backups do not, but no two nodes have a pack with the same bytes."""
    if one.node_id and other.node_id:
        return one.node_id == other.node_id
    packs = {file.sha256 for file in one.files if file.name.startswith(PACKS)}
    return any(file.sha256 in packs for file in other.files if file.name.startswith(PACKS))
