"""``govault recover``: backups become a data folder, offline. The steps are the service's; here are its parts."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from govault.errors import Config
from govault.node.folder import write_durably
from govault.node.identity import VaultIdentity
from govault.services.maintenance.checking import Checker, CheckReport
from govault.services.maintenance.recovery import LOG_FOLDER, RecoveryPorts, RecoveryReport, recover
from govault.services.maintenance.recovery_logs import PartitionSource
from govault.services.maintenance.recovery_sources import Said
from govault.storage.gathering import StoreFromPacks
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from schemas.topics import FOLDED_TOPICS
from streams.restoring import EmbeddedLogRestorer
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity as ViewsOwner
from streams.views.offline import OfflineViews

_OPTIONS = StoreOptions(reserve_bytes=0)
"""Nothing else needs the disk yet; the node that starts on it keeps its reserve."""


def recover_folder(
    backups: Sequence[Path],
    root: Path,
    recovery_key: str | None,
    said: Callable[[int, int, str], None],
    *,
    salvage: bool = False,
) -> RecoveryReport:
    """Make the data folder ``root`` from backups of one vault's nodes. Blocks; call it outside of any event loop.

    The log comes back as an embedded log, also that of a vault on Apache Kafka: append times and offsets, which the
    digests cover, cannot be written through Kafka's protocol.

    Args:
        recovery_key: The vault's recovery key; needed where no backup has keys.
        said: Told (done, of how many, at what).
        salvage: Take what is sound of a single backup whose packs are damaged.

    Raises:
        Config: ``root`` is not empty, a backup is damaged or does not belong to the others, or keys are missing.
        InvalidRequest: The recovery key is none.
        StorageFull: The disk is full.
    """

    def restore_keys(folder: Path) -> None:
        assert recovery_key is not None
        _restore_keys(folder / "keys", recovery_key)

    ports = RecoveryPorts(
        restore_keys=restore_keys if recovery_key is not None else None,
        settle=_settle,
        open_log=lambda folder: EmbeddedLogRestorer(folder / LOG_FOLDER, _vault_of(folder).topic_prefix),
        open_packs=lambda folder: StoreFromPacks(folder / "store", Keyring.open(folder / "keys"), _OPTIONS),
        look=lambda folder, logs, said: asyncio.run(_look(folder, logs, said)),
    )
    return recover(backups, root, ports, said, salvage=salvage)


def _restore_keys(folder: Path, recovery_key: str) -> None:
    had_keys = (folder / "root.key").exists()
    try:
        keyring = Keyring.restore(folder, recovery_key)
    except Config as error:
        if not had_keys:
            raise
        raise Config(
            "the recovery key is not the one of the keys in the backup: leave it out, or give the right one",
            code="config.keys-differ",
        ) from error
    # Whoever has the recovery key need not be told to take it.
    keyring.mark_exported()


def _settle(folder: Path) -> None:
    """The vault's settings, with the log that comes back."""
    vault = replace(_vault_of(folder), log_kind="embedded")
    write_durably(folder / "vault.json", json.dumps(asdict(vault), indent=2) + "\n")


def _vault_of(folder: Path) -> VaultIdentity:
    try:
        return VaultIdentity(**json.loads((folder / "vault.json").read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise Config("the backup has no vault.json: it is not of a data folder. Take another one") from error
    except (OSError, ValueError, TypeError) as error:
        raise Config(f"the backup's vault.json is damaged ({error}). Take another one") from error


async def _look(folder: Path, logs: Sequence[PartitionSource], said: Said) -> CheckReport:
    """Fold the views, which the first start then finds, and hold them against the store."""
    keyring = await asyncio.to_thread(Keyring.open, folder / "keys")
    vault = _vault_of(folder)
    owner = ViewsOwner(vault.vault_id, vault.partitions, FoldKeys(keyring.event_mac_key, keyring.digest_key))
    folded = [source for source in logs if source.topic in FOLDED_TOPICS]
    offline = OfflineViews(folder / "views", owner)
    try:
        for number, source in enumerate(folded):
            said(number, len(folded), f"folding the log: {source.row.topic}/{source.row.partition}")
            await offline.fold(source.topic, source.row.partition, source.records())
        await offline.finish()
        _check_digests(offline, folded)
        store = await PackChunkStore.open(folder / "store", keyring, _OPTIONS)
        try:
            checker = Checker(offline.views, offline.views, store, store)
            return await checker.check(lambda done, unit, text: said(done, done, f"{text}: {unit}"))
        finally:
            await store.close()
    finally:
        await offline.close()


def _check_digests(offline: OfflineViews, folded: Sequence[PartitionSource]) -> None:
    """Hold the history that was folded against what each backup says of its own.

    Raises:
        Config: They differ.
    """
    rows = {(row.topic, row.partition): row for row in offline.views.status()}
    # A partition that stopped, because newer rules count, is a finding of the check.
    for source in folded:
        row = rows[source.topic, source.row.partition]
        if (
            not row.stopped
            and source.row.history
            and (row.applied, row.history) != (source.row.end - 1, source.row.history)
        ):
            raise Config(
                f"{source.backup.folder / source.name} does not fold into the history that its manifest names: it was "
                "altered, or the keys are another vault's. Take another backup",
                code="config.log-damaged",
            )
