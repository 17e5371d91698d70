"""``govault recover``: a backup becomes a data folder, offline. The steps are the service's; here are its parts."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from govault.errors import Config
from govault.node.folder import write_durably
from govault.node.identity import VaultIdentity
from govault.services.recovery import RecoveryPorts, RecoveryReport, recover
from govault.storage.keyring import Keyring
from govault.storage.options import StoreOptions
from govault.storage.store import PackChunkStore
from streams.restoring import EmbeddedLogRestorer


def recover_folder(
    backup: Path, root: Path, recovery_key: str | None, said: Callable[[int, int, str], None]
) -> RecoveryReport:
    """Make the data folder ``root`` from a backup. Blocks; call it outside of any event loop.

    The log comes back as an embedded log, also that of a vault on Apache Kafka: append times and offsets, which the
    digests cover, cannot be written through Kafka's protocol.

    Args:
        recovery_key: The vault's recovery key; needed where the backup has no keys.
        said: Told (done, of how many, at what).

    Raises:
        Config: ``root`` is not empty, the backup is damaged, or keys are missing.
        InvalidRequest: The recovery key is none, or of another vault.
    """
    vault = _vault_of(backup)

    def restore_keys(folder: Path) -> None:
        assert recovery_key is not None
        # Whoever has the recovery key need not be told to take it.
        Keyring.restore(folder / "keys", recovery_key).mark_exported()

    def rebuild_index(folder: Path) -> int:
        write_durably(folder / "vault.json", json.dumps(asdict(replace(vault, log_kind="embedded")), indent=2) + "\n")
        return asyncio.run(_rebuild_index(folder))

    ports = RecoveryPorts(
        open_log=lambda folder: EmbeddedLogRestorer(folder, vault.topic_prefix),
        restore_keys=restore_keys if recovery_key is not None else None,
        rebuild_index=rebuild_index,
    )
    return recover(backup, root, ports, said)


def _vault_of(backup: Path) -> VaultIdentity:
    path = backup / "vault.json"
    try:
        return VaultIdentity(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise Config(f"{backup} is not a backup: it has no vault.json") from error
    except (OSError, ValueError, TypeError) as error:
        raise Config(f"{path} is damaged ({error}). Take another backup") from error


async def _rebuild_index(folder: Path) -> int:
    keyring = await asyncio.to_thread(Keyring.open, folder / "keys")
    # Without an index the store reads the packs when it opens.
    store = await PackChunkStore.open(folder / "store", keyring, StoreOptions())
    try:
        return (await store.stats()).chunks
    finally:
        await store.close()
