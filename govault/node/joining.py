"""A fresh data folder becomes one of a vault's: `govault cluster init` on the first node, a join token on the others.

The order of writes: the node's key first, so that whoever comes back after a crash is the same node; then the vault's
secrets; ``vault.json`` last: a folder that has it has joined.
"""

import asyncio
import json
import logging
import platform
import ssl
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from govault.config import Configuration, Loaded
from govault.domain.join_token import JoinToken, parse
from govault.errors import AccessDenied, Authentication, Cluster, Config
from govault.node.folder import DataFolder, write_durably
from govault.node.identity import NodeIdentity, VaultIdentity, load_node, load_vault
from govault.node.wiring import to_kafka
from govault.node.world import SystemRandomness
from govault.peering.certificates import id_at_other_end, joining_context
from govault.peering.connections import connect
from govault.peering.joining import Candidate, ask_to_join
from govault.storage import recovery_key
from govault.storage.keyring import Keyring
from streams.topics import ensure_topics

JOIN_S_MAX = 60.0
_log = logging.getLogger(__name__)


def prepare_first(loaded: Loaded) -> VaultIdentity:
    """Make the data folder of a vault's first node, and its topics. May be repeated. Blocks.

    Raises:
        Config: The configuration is not one for many nodes, or the folder is another vault's.
        EventLog: Kafka cannot be reached.
    """
    configuration = loaded.configuration
    _check_kafka(configuration)
    folder = DataFolder.open(configuration.server.storage_root)
    try:
        Keyring.open(folder.keys, configuration.security.encryption_key_file)
        log = configuration.log
        vault = load_vault(folder, log.kind, log.topic_prefix, log.partitions)
        load_node(folder)
        asyncio.run(ensure_topics(to_kafka(log), vault.partitions, {}))
        return vault
    finally:
        folder.close()


async def join(configuration: Configuration, folder: DataFolder, text: str) -> None:
    """Make the data folder one of the vault that a join token is for; one that has joined already stays as it is.

    Raises:
        InvalidRequest: It is not a join token.
        AccessDenied: It lets nobody in any more; the message says why.
        Cluster: No introducer, and none of ``network.bootstrap_nodes``, can be reached.
        Config: The configuration or the folder stands against it; the folder may be another vault's.
    """
    _check_kafka(configuration)
    token = parse(text)
    if folder.vault_file.exists():
        log = configuration.log
        _check_vault(load_vault(folder, log.kind, log.topic_prefix, log.partitions).vault_id, token, folder)
        _log.info("this data folder belongs to a vault already; the join token is not used")
        return
    node = await asyncio.to_thread(load_node, folder)
    network = configuration.network
    public_key = node.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    wish = Candidate(public_key, node_name(configuration), network.zone, network.weight)
    handed = await _ask_one(token, network.bootstrap_nodes, node, wish)
    if handed.get("vault_id") != token.vault_id:
        raise Cluster("the introducer is of another vault than the join token says; ask for a new token")
    await asyncio.to_thread(_take, configuration, folder, handed)


def node_name(configuration: Configuration) -> str:
    """The node's name for people."""
    return configuration.network.name or platform.node() or "node"


def _check_kafka(configuration: Configuration) -> None:
    if configuration.log.kind != "kafka":
        raise Config(
            "a vault of many nodes needs Apache Kafka: set log.kind: kafka and log.bootstrap (the embedded log is for "
            "one node; `govault log migrate` moves a vault)"
        )


def _check_vault(vault_id: str, token: JoinToken, folder: DataFolder) -> None:
    if vault_id != token.vault_id:
        raise Config(
            f"the data folder {folder.root} belongs to the vault {vault_id}, and the join token is for the vault "
            f"{token.vault_id}: give an empty folder with server.storage_root, or start without --join"
        )


async def _ask_one(
    token: JoinToken, bootstrap_nodes: Sequence[str], node: NodeIdentity, wish: Candidate
) -> dict[str, Any]:
    """Ask the introducers of a token one after the other, then whoever is at the addresses that people named."""
    failures: list[str] = []
    named = [(address, one.node_id) for one in token.introducers for address in one.addresses]
    for address, introducer_id in (*named, *((address, None) for address in bootstrap_nodes)):
        try:
            async with asyncio.timeout(JOIN_S_MAX):
                return await _ask(address, introducer_id, token, node, wish)
        except (OSError, ssl.SSLError, Authentication, Cluster, TimeoutError) as error:
            failures.append(f"{address}: {error or 'no answer in time'}")
    raise Cluster(
        "no node of the vault could be reached to join: " + "; ".join(failures) + ". Are they up, and is "
        "network.advertise of theirs right? network.bootstrap_nodes names more addresses to try"
    )


async def _ask(
    address: str, introducer_id: str | None, token: JoinToken, node: NodeIdentity, wish: Candidate
) -> dict[str, Any]:
    """Ask the node at an address.

    Args:
        introducer_id: Whom the token pins there; None where any member will do: that it is one shows in its answer,
            which is sealed under the token's secret.
    """
    wire = await connect(address, joining_context(), introducer_id)
    try:
        found = introducer_id or str(id_at_other_end(wire.extra("ssl_object")))
        return await ask_to_join(wire, found, token, node.key, wish, SystemRandomness())
    except AccessDenied as error:
        raise AccessDenied(f"the vault does not let this node in: {error}", code="join.refused") from error
    finally:
        wire.close()


def _take(configuration: Configuration, folder: DataFolder, handed: dict[str, Any]) -> None:
    """Write down what the introducer handed over."""
    try:
        vault = VaultIdentity(handed["vault_id"], "kafka", handed["topic_prefix"], handed["partitions"])
        root = bytes.fromhex(handed["root"])
        roots = {int(epoch): bytes.fromhex(wrapped) for epoch, wrapped in handed["sealing_roots"].items()}
        admin_token = str(handed["admin_token"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Cluster("what the introducer handed over cannot be read; is it a newer GoVault?") from error
    if vault.topic_prefix != configuration.log.topic_prefix:
        raise Config(f"the vault's topics begin with {vault.topic_prefix!r}: set log.topic_prefix so")
    if configuration.security.encryption_key_file is not None:
        given = Keyring.open(folder.keys, configuration.security.encryption_key_file)
        if given.recovery_key() != recovery_key.encode(root):
            raise Config("security.encryption_key is not the vault's: give this node the same file as the others")
        keyring = given
    else:
        keyring = Keyring.restore(folder.keys, recovery_key.encode(root))
    for epoch, wrapped in roots.items():
        keyring.adopt_root(epoch, wrapped)
    keyring.roots_learned()
    write_durably(folder.token_file, admin_token + "\n", mode=0o600)
    write_durably(folder.vault_file, json.dumps(asdict(vault), indent=2) + "\n")
    _log.info("joined the vault %s", vault.vault_id)
