"""This node among its peers: the map, the links, the transport, who is alive, and the door for those who join.

A node with an embedded log is alone for good: it has the map of a vault of one, and opens no port.
"""

import asyncio
import logging
import shutil
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from govault.config import Configuration
from govault.config.values import split_address
from govault.domain.rows import NodeState
from govault.errors import Config
from govault.node.folder import DataFolder
from govault.node.identity import NodeIdentity, VaultIdentity
from govault.node.world import SystemClock, SystemRandomness
from govault.peering.certificates import PeerContexts, make_contexts
from govault.peering.client import PeerClient
from govault.peering.joining import Candidate, new_introductions
from govault.peering.requests import PeerRequests
from govault.peering.server import PeerServer
from govault.ports import ChunkStore, NodeStore
from govault.services.cluster.cluster_map import FoldedClusterMap
from govault.services.cluster.detection import Detection
from govault.services.cluster.heartbeat_reader import HeartbeatReader
from govault.services.cluster.heartbeats import Heartbeats
from govault.services.cluster.join_tokens import Admission, JoinTokens
from govault.services.cluster.links import LinkTable
from govault.services.cluster.network import Network
from govault.services.cluster.vitals import NodeVitals
from govault.services.cluster.witness import Witness
from govault.services.healing.alone import NoPeers
from govault.services.healing.assembly import Healing
from govault.services.log.submit import Submitter
from govault.services.maintenance.assembly import UpkeepPorts
from govault.services.replicas.serving import ReplicaService
from govault.services.replicas.store import ReplicatedStore
from govault.storage.keyring import Keyring
from streams.views.views import RocksViews

_log = logging.getLogger(__name__)
_BACKLOG = 512


@dataclass
class Neighbourhood:
    """What the node's services need to know of peers. Made by ``meet``.

    Attributes:
        local: This node's own store.
        store: What services read and write: the local store, or it and those of peers.
        listener: Where peers come in; None where none can.
    """

    cluster: FoldedClusterMap
    links: LinkTable
    peers: PeerClient | NoPeers
    local: NodeStore
    store: ChunkStore
    contexts: PeerContexts | None = None
    listener: socket.socket | None = None

    @property
    def alone(self) -> bool:
        """Whether this node can never have peers."""
        return self.listener is None


async def meet(
    configuration: Configuration,
    node: NodeIdentity,
    keyring: Keyring,
    views: RocksViews,
    local: NodeStore,
    stack: AsyncExitStack,
) -> Neighbourhood:
    """The node's map and its ways to peers; the stack closes them.

    Raises:
        Config: The address for peers cannot be had.
    """
    clock, randomness = SystemClock(), SystemRandomness()
    cluster = FoldedClusterMap(views, views, node.node_id)
    links = LinkTable(clock, randomness)
    if configuration.log.kind == "embedded":
        return Neighbourhood(cluster, links, NoPeers(), local, local)
    contexts = await asyncio.to_thread(make_contexts, node.key, keyring.derive("peer authority"))
    listener = _listener(configuration.network.peer_addr)

    def addresses(peer: str) -> Sequence[str]:
        row = cluster.member(peer)
        return () if row is None else row.peer_addresses

    network = configuration.network
    client = PeerClient(contexts.client, addresses, links, clock, network.max_peers, network.bootstrap_nodes)
    stack.push_async_callback(client.close)
    store = ReplicatedStore(local, client, cluster, links, views.chunk_referenced, any_asks=views.replication_asked)
    stack.push_async_callback(store.close)
    return Neighbourhood(cluster, links, client, local, store, contexts, listener)


@dataclass(frozen=True)
class Attendance:
    """Who is alive, and what makes others know that this node is. Made by ``attend``.

    Attributes:
        heartbeats: A worker.
        network: The links to peers; None where there is nobody to hear.
    """

    heartbeats: Heartbeats
    reader: HeartbeatReader
    detection: Detection
    network: Network | None

    async def run(self) -> None:
        """Listen and probe; returns only by cancellation."""
        if self.network is None:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.reader.run(), name="heartbeats of peers")
            group.create_task(self.detection.run(), name="detection")


def attend(
    near: Neighbourhood, submitter: Submitter, ports: UpkeepPorts, folder: DataFolder, healing: Healing
) -> Attendance:
    """Put detection together. Nothing runs before ``Attendance.run`` and the worker."""
    cluster, clock, randomness = near.cluster, ports.clock, ports.randomness

    def capacity_bytes() -> int:
        return shutil.disk_usage(folder.root).total

    vitals = NodeVitals(cluster, near.local, ports.views, capacity_bytes, healing.backlog)
    heartbeats = Heartbeats(
        ports.log, clock, randomness, submitter.source, cluster.node_id, vitals, near.links, needed=not near.alone
    )
    reader = HeartbeatReader(ports.reader, clock, ports.mac_key, lambda: len(cluster.members()))
    witness = Witness(cluster, ports.log, reader, clock, randomness, submitter.source)
    detection = Detection(cluster, near.peers, heartbeats, reader, witness, clock, randomness)
    network = None if near.alone else Network(cluster, near.links, reader, near.peers, near.peers, clock)
    return Attendance(heartbeats, reader, detection, network)


def open_door(
    near: Neighbourhood,
    attendance: Attendance,
    views: RocksViews,
    gate: "VaultGate",
    stack: AsyncExitStack,
) -> None:
    """Take peers' calls from now on; the stack ends that."""
    if near.listener is None or near.contexts is None:
        return

    def epoch() -> int:
        return max((views.partition_row(partition).epoch for partition in views.partitions()), default=0)

    def is_member(node_id: str) -> bool:
        row = near.cluster.member(node_id)
        return row is not None and row.state != NodeState.REMOVED

    requests = PeerRequests(ReplicaService(near.local, near.cluster, epoch), attendance.detection)
    introduce = new_introductions(near.cluster.node_id, gate, SystemRandomness())
    server = PeerServer(near.listener, near.contexts.server, is_member, requests, introduce)
    server.start()
    stack.push_async_callback(server.stop)


@dataclass(frozen=True)
class VaultGate:
    """``Gate`` of the transport: tokens by the log, and what a new node is handed."""

    tokens: JoinTokens
    keyring: Keyring
    vault: VaultIdentity
    folder: DataFolder

    def secret(self, token_id: bytes, node_id: str) -> bytes:
        """See ``JoinTokens.secret``."""
        return self.tokens.secret(token_id, node_id)

    async def admit(self, token_id: bytes, candidate: Candidate) -> dict[str, Any]:
        """Admit, then hand over what makes a data folder one of this vault's."""
        await self.tokens.admit(Admission(token_id, *candidate))
        later = self.keyring.sealing_epochs[1:]
        return {
            "vault_id": self.vault.vault_id,
            "topic_prefix": self.vault.topic_prefix,
            "partitions": self.vault.partitions,
            "root": self.keyring.root_secret.hex(),
            "sealing_roots": {str(epoch): (self.keyring.wrapped_root(epoch) or b"").hex() for epoch in later},
            "admin_token": self.folder.token_file.read_text(encoding="ascii").strip(),
        }


def _listener(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Config(
            f"cannot listen for peers on {address}: {error.strerror}. "
            "Stop what uses it, or choose another address with network.peer_addr (port 0 takes a free one)"
        ) from error
    return listener
