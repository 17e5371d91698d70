"""Two ends of a vault's peer transport on loopback: members, strangers, and people who mean harm."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from govault.domain.join_token import Introducer, JoinToken, secret_of
from govault.errors import AccessDenied
from govault.node.world import SystemClock, SystemRandomness
from govault.peering.certificates import id_of_key, make_contexts
from govault.peering.client import PeerClient
from govault.peering.frames import Frame
from govault.peering.joining import Candidate, new_introductions
from govault.peering.requests import PeerRequests
from govault.peering.server import PeerServer
from govault.ports import LinkQuality, SealedChunk
from schemas.ids import ChunkId

AUTHORITY = b"a" * 32
TOKENS = b"t" * 32


@dataclass
class Links:
    """Keeps what the client says of a link."""

    said: list[tuple[str, str]] = field(default_factory=list)
    carried_bytes: int = 0

    def answered(self, peer: str, took_s: float, size_bytes: int = 0) -> None:
        self.said.append((peer, "answered"))
        self.carried_bytes += size_bytes

    def failed(self, peer: str) -> None:
        self.said.append((peer, "failed"))

    def corrupted(self, peer: str) -> None:
        self.said.append((peer, "corrupted"))

    def of(self, peer: str) -> LinkQuality:
        return LinkQuality()

    def best_first(self, peers: Sequence[str]) -> list[str]:
        return list(peers)


@dataclass
class Shelf:
    """``ReplicaRequests`` and ``ProbeRequests`` on a dict."""

    chunks: dict[ChunkId, SealedChunk] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    failure: Exception | None = None

    async def confirm(self, caller: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        self.callers.append(caller)
        self.epochs.append(epoch)
        if self.failure is not None:
            raise self.failure
        if self.hold is not None:
            await self.hold.wait()
        return [chunk for chunk in chunks if chunk not in self.chunks]

    async def missing(self, caller: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        return [chunk for chunk in chunks if chunk not in self.chunks]

    async def store(self, caller: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        self.epochs.append(epoch)
        self.chunks.update({chunk.chunk_id: chunk for chunk in chunks})

    async def fetch(self, caller: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        return [self.chunks[chunk] for chunk in chunks if chunk in self.chunks]

    async def slot_digests(self, caller: str, slots: Sequence[int]) -> list[bytes]:
        return [slot.to_bytes(16, "big") for slot in slots]

    async def slot_chunks(self, caller: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        return sorted(chunk for chunk in self.chunks if chunk > after)[:limit]

    async def pinged(self, caller: str, gossip: bytes) -> bytes:
        return gossip[::-1]

    async def ping_for(self, caller: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        return peer.encode() + gossip


@dataclass
class Gate:
    """Lets in whoever knows the secret of a token that is open."""

    open_tokens: set[bytes] = field(default_factory=set)
    admitted: list[Candidate] = field(default_factory=list)

    def secret(self, token_id: bytes, node_id: str) -> bytes:
        if token_id not in self.open_tokens:
            raise AccessDenied("the join token is unknown, spent or revoked; ask for a new one", code="join.refused")
        return secret_of(token_id, TOKENS)

    async def admit(self, token_id: bytes, candidate: Candidate) -> dict[str, Any]:
        self.open_tokens.discard(token_id)
        self.admitted.append(candidate)
        return {"root": "ab" * 32, "vault_id": "v"}


@dataclass
class End:
    """One node's end.

    Attributes:
        members: Whom it takes for members; shared by all ends of a test.
    """

    key: Ed25519PrivateKey
    members: set[str]
    places: dict[str, list[str]]
    shelf: Shelf = field(default_factory=Shelf)
    gate: Gate = field(default_factory=Gate)
    links: Links = field(default_factory=Links)
    authority: bytes = AUTHORITY
    elsewhere: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.node_id = id_of_key(self.key.public_key())
        self.contexts = make_contexts(self.key, self.authority)
        self.client = PeerClient(
            self.contexts.client, lambda peer: self.places.get(peer, []), self.links, SystemClock(), 8, self.elsewhere
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = int(self.listener.getsockname()[1])
        self.server = PeerServer(
            self.listener,
            self.contexts.server,
            lambda node_id: node_id in self.members,
            PeerRequests(self.shelf, self.shelf),
            new_introductions(self.node_id, self.gate, SystemRandomness()),
        )

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def token(self) -> JoinToken:
        """A join token that is open here."""
        token_id = SystemRandomness().token(16)
        self.gate.open_tokens.add(token_id)
        return JoinToken(token_id, secret_of(token_id, TOKENS), (Introducer(self.node_id, (self.address,)),), "v")


@asynccontextmanager
async def ends(count: int) -> AsyncIterator[list[End]]:
    """So many members of one vault, listening."""
    members: set[str] = set()
    places: dict[str, list[str]] = {}
    made = [End(Ed25519PrivateKey.generate(), members, places) for _ in range(count)]
    for end in made:
        members.add(end.node_id)
        places[end.node_id] = [end.address]
        end.server.start()
    try:
        yield made
    finally:
        for end in made:
            await end.client.close()
            await end.server.stop()


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
__all__ = ["AUTHORITY", "Answering", "End", "Frame", "Gate", "Links", "Shelf", "ends"]
