"""``govault log migrate``: a vault moves from its embedded log to Apache Kafka, offline. Composes what that needs."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, replace

from govault.config import Loaded
from govault.errors import Config
from govault.node.folder import DataFolder, write_durably
from govault.node.identity import VaultIdentity, load_vault
from govault.node.wiring import start_embedded_log, to_embedded, to_kafka
from govault.storage.keyring import Keyring
from streams.migration.migrate import Migrated, migrate
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity as ViewsOwner

EMBEDDED, KAFKA = "embedded", "kafka"


def migrate_folder(target: Loaded, said: Callable[[int, int, str], None]) -> Migrated:
    """Copy the log of the data folder to the Apache Kafka of a configuration, then make the vault one of that log.

    Holds the folder's lock throughout. Interrupted at any point, the vault still is one of its embedded log and the
    same call goes on where this one ended; the embedded log is only read and stays where it is. Blocks; call it
    outside of any event loop.

    Args:
        target: The configuration that the node will run with: ``log.kind: kafka``.
        said: Told (done, of how many, at what).

    Raises:
        Config: The folder is in use, has no vault, or its vault is on Apache Kafka already; or topics of the target
            are not as they must be.
        EventLog: The target holds records of something else, or a log cannot be read or written.
    """
    root = target.configuration.server.storage_root.expanduser().absolute()
    if not (root / "vault.json").exists():
        raise Config(f"{root} holds no vault: name the right data folder with --data")
    folder = DataFolder.open(root)
    try:
        if _recorded(folder).log_kind == KAFKA:
            raise Config("this vault is on Apache Kafka already; nothing is left to migrate")
        log = target.configuration.log
        vault = load_vault(folder, EMBEDDED, log.topic_prefix, log.partitions)
        migrated = asyncio.run(_migrate(target, folder, vault, said))
        write_durably(folder.vault_file, json.dumps(asdict(replace(vault, log_kind=KAFKA)), indent=2) + "\n")
        (folder.root / "kcat.conf").unlink(missing_ok=True)
        return migrated
    finally:
        folder.close()


def _recorded(folder: DataFolder) -> VaultIdentity:
    try:
        return VaultIdentity(**json.loads(folder.vault_file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Config(f"{folder.vault_file} is damaged ({error}); take it from a backup") from error


async def _migrate(
    target: Loaded, folder: DataFolder, vault: VaultIdentity, said: Callable[[int, int, str], None]
) -> Migrated:
    configuration = target.configuration
    keyring = await asyncio.to_thread(Keyring.open, folder.keys, configuration.security.encryption_key_file)
    owner = ViewsOwner(vault.vault_id, vault.partitions, FoldKeys(keyring.event_mac_key, keyring.digest_key))
    async with AsyncExitStack() as stack:
        broker = await start_embedded_log(folder, configuration.log, stack)
        return await migrate(
            to_embedded(broker, vault.topic_prefix), to_kafka(configuration.log), owner, folder.views, said
        )
