"""Replicas: sealed chunks on this node for others, and the stores of peers."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from govault.ports.store import ChunkStore
from govault.ports.store_upkeep import StoreMaintenance
from schemas.ids import ChunkId


class SealedChunk(NamedTuple):
    """A chunk as it travels between nodes: a sealed record that needs nothing else but the vault's keys.

    Attributes:
        size_bytes: Of the plaintext.
        sealed: The record, header included; its bytes are checked by whoever takes it.
    """

    chunk_id: ChunkId
    size_bytes: int
    sealed: bytes


class ReplicaStore(Protocol):
    """What replication and repair ask of this node's chunk store, beside ``ChunkStore`` and ``StoreMaintenance``."""

    @property
    def epoch(self) -> int:
        """The highest epoch that the store was told of (``ChunkStore.note_epoch``); peers stamp with it too."""

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """Those of the chunks that are here and sound, in order; a damaged one is quarantined and left out.

        Stops before PEER_BATCH_BYTES_MAX (but gives at least one, if any): ask again for the rest.

        Raises:
            Storage: The machine, or a missing sealing root, is at fault; nothing was quarantined for it.
        """

    async def opened(self, chunks: Sequence[SealedChunk]) -> list[bytes | None]:
        """Plaintexts, checked against their ids, 1:1 with ``chunks``; None for one that is not what it says.

        Keeps nothing.

        Raises:
            Storage: This node lacks the sealing root that one of them needs; its number is in the message.
        """

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """Keep chunks that came from a peer. Each is opened and checked against its id before it is kept.

        When this returns they are durable, indexed and stamped with at least ``epoch``. Chunks that are here already
        are stamped only; a quarantined one is whole again.

        Raises:
            ChunkDamaged: One is not what it says (``chunk_id`` in details); none after it was kept.
            StorageFull: No room; none counts as kept.
            Storage: This node lacks the sealing root that one of them needs; its number is in the message.
        """

    def slot_chunks(self, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """Chunks of a slot that are here, behind ``after``, ascending."""

    async def slot_digests(self, slots: Sequence[int]) -> list[bytes]:
        """For each slot a 16-byte digest of the set of chunk ids that are here (zero: none); 1:1 with ``slots``."""


class NodeStore(ChunkStore, StoreMaintenance, ReplicaStore, Protocol):
    """This node's own chunk store, with all that it can do."""


class PeerStores(Protocol):
    """The chunk stores of peers. Every call ends within PEER_CALL_S_MAX.

    Every method raises ``Cluster`` (code ``cluster.unreachable``) where the peer does not answer in time or is no
    admitted node, and ``cluster.refused`` where it answers with a refusal; whoever calls goes on with another.
    """

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """Have the peer stamp those it has with at least ``epoch``, durably; those that it lacks are returned."""

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        """Those that the peer lacks. Stamps nothing."""

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """Have the peer keep chunks: durable, indexed and stamped there when this returns (see ``store_sealed``).

        At most PEER_BATCH_BYTES_MAX in one call.
        """

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """Those of the chunks that the peer has, unchecked; may stop early (see ``ReplicaStore.sealed``)."""

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        """As ``ReplicaStore.slot_digests``, at the peer."""

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """As ``ReplicaStore.slot_chunks``, at the peer."""


class PeerProbes(Protocol):
    """Signs of life between nodes, with gossip along. The payloads are opaque here, bounded by the transport."""

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """The peer's gossip in answer.

        Raises:
            Cluster: No answer in time.
        """

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """The same, asked for by another peer.

        Raises:
            Cluster: The proxy, or the peer, gave no answer in time.
        """


class ReplicaRequests(Protocol):
    """What this node does for admitted peers that ask; the transport has verified ``caller``. Mirrors ``PeerStores``.

    Every method may raise ``GoVaultError``: the caller sees ``cluster.refused`` with its code and message.
    """

    async def confirm(self, caller: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """See ``PeerStores.confirm``."""

    async def missing(self, caller: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        """See ``PeerStores.missing``."""

    async def store(self, caller: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See ``PeerStores.store``."""

    async def fetch(self, caller: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See ``PeerStores.fetch``."""

    async def slot_digests(self, caller: str, slots: Sequence[int]) -> list[bytes]:
        """See ``PeerStores.slot_digests``."""

    async def slot_chunks(self, caller: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """See ``PeerStores.slot_chunks``."""


class ProbeRequests(Protocol):
    """What this node answers to signs of life."""

    async def pinged(self, caller: str, gossip: bytes) -> bytes:
        """Take the caller's gossip, give ours."""

    async def ping_for(self, caller: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """Ping a peer on the caller's behalf; its answer.

        Raises:
            Cluster: It gave none in time.
        """
