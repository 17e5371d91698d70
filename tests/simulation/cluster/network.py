"""The network of a simulated cluster: delay, loss, duplicates, reordering (by delay), one-way cuts, liars."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from govault.errors import Cluster, GoVaultError
from govault.limits import PEER_CALL_S_MAX
from govault.ports import ProbeRequests, ReplicaRequests, SealedChunk
from schemas.ids import ChunkId
from tests.simulation.cluster.life import Crashed, Life

_REFUSED_AFTER_S = 0.02


@dataclass
class Endpoint:
    """What listens at a node."""

    life: Life
    replicas: ReplicaRequests
    probes: ProbeRequests


@dataclass
class Network:
    """Carries calls between nodes.

    Attributes:
        loss: Share of messages that never arrive.
        duplicates: Share of requests that are carried out twice.
        cut: (from, to) pairs between which nothing passes.
        strangers: Nodes that are refused by everybody (removed ones).
        liars: Nodes whose chunks come out damaged.
    """

    rng: random.Random
    delay_s_max: float = 0.02
    loss: float = 0.0
    duplicates: float = 0.0
    cut: set[tuple[str, str]] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    liars: set[str] = field(default_factory=set)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    bytes_carried: int = 0

    def split(self, *sides: Sequence[str]) -> None:
        """Cut everything between the sides, both ways."""
        for side in sides:
            for other in sides:
                if side is not other:
                    self.cut.update((a, b) for a in side for b in other)

    def heal(self) -> None:
        """Nothing is cut or lost any more."""
        self.cut.clear()
        self.loss = 0.0

    async def call(
        self,
        caller: str,
        life: Life,
        peer: str,
        ask: Callable[[Endpoint], Awaitable[Any]],
        timeout_s: float = PEER_CALL_S_MAX,
    ) -> Any:
        """Have something asked at a peer; errors as the ports say."""
        life.check()
        try:
            async with asyncio.timeout(timeout_s):
                await self._travel(caller, peer)
                answer = await self._ask(peer, ask)
                await self._travel(peer, caller)
        except TimeoutError:
            life.check()
            raise Cluster(f"{peer} does not answer", code="cluster.unreachable") from None
        life.check()
        return answer

    async def _travel(self, origin: str, to: str) -> None:
        await asyncio.sleep(self.rng.random() * self.delay_s_max)
        if (origin, to) in self.cut or self.rng.random() < self.loss:
            await asyncio.sleep(10 * PEER_CALL_S_MAX)
            raise TimeoutError

    async def _ask(self, peer: str, ask: Callable[[Endpoint], Awaitable[Any]]) -> Any:
        endpoint = self.endpoints.get(peer)
        if endpoint is None or not endpoint.life.alive:
            await asyncio.sleep(_REFUSED_AFTER_S)
            raise Cluster(f"{peer} refuses the connection", code="cluster.unreachable")
        await endpoint.life.pause(0.0)
        if self.rng.random() < self.duplicates:
            endpoint.life.spawn(_once(ask, endpoint), "a duplicate call")
        # The peer carries on whether or not the caller still waits.
        task = endpoint.life.spawn(_once(ask, endpoint), "a call")
        await asyncio.wait([task])
        if task.cancelled():
            raise Cluster(f"{peer} went away", code="cluster.unreachable")
        error = task.exception()
        if isinstance(error, GoVaultError):
            raise Cluster(f"{peer} refuses: {error}", code="cluster.refused")
        if error is not None:
            raise Cluster(f"{peer} broke: {error!r}", code="cluster.unreachable")
        return task.result()


async def _once(ask: Callable[[Endpoint], Awaitable[Any]], endpoint: Endpoint) -> Any:
    answer = await ask(endpoint)
    endpoint.life.check()
    return answer


class SimPeers:
    """``PeerStores`` and ``PeerProbes`` of one node over the simulated network."""

    def __init__(self, node_id: str, life: Life, network: Network) -> None:
        self._node_id = node_id
        self._life = life
        self._network = network

    async def _call(self, peer: str, ask: Callable[[Endpoint], Awaitable[Any]], timeout_s: float) -> Any:
        network, me = self._network, self._node_id
        if me in network.strangers or peer in network.strangers:
            await self._life.pause(_REFUSED_AFTER_S)
            raise Cluster(f"{peer} is no member", code="cluster.unreachable")
        try:
            return await network.call(me, self._life, peer, ask, timeout_s)
        except Crashed:
            if not self._life.alive:
                raise
            raise Cluster(f"{peer} went away", code="cluster.unreachable") from None

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        me = self._node_id
        found: list[ChunkId] = await self._call(
            peer, lambda there: there.replicas.confirm(me, list(chunks), epoch), PEER_CALL_S_MAX
        )
        return found

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        me = self._node_id
        found: list[ChunkId] = await self._call(
            peer, lambda there: there.replicas.missing(me, list(chunks)), PEER_CALL_S_MAX
        )
        return found

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        me = self._node_id
        self._network.bytes_carried += sum(len(chunk.sealed) for chunk in chunks)
        sent = [self._network_damage(me, chunk) for chunk in chunks]
        await self._call(peer, lambda there: there.replicas.store(me, sent, epoch), PEER_CALL_S_MAX)

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        me = self._node_id
        found: list[SealedChunk] = await self._call(
            peer, lambda there: there.replicas.fetch(me, list(chunks)), PEER_CALL_S_MAX
        )
        self._network.bytes_carried += sum(len(chunk.sealed) for chunk in found)
        return [self._network_damage(peer, chunk) for chunk in found]

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        me = self._node_id
        found: list[bytes] = await self._call(
            peer, lambda there: there.replicas.slot_digests(me, list(slots)), PEER_CALL_S_MAX
        )
        return found

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        me = self._node_id
        found: list[ChunkId] = await self._call(
            peer, lambda there: there.replicas.slot_chunks(me, slot, after, limit), PEER_CALL_S_MAX
        )
        return found

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        me = self._node_id
        answer: bytes = await self._call(peer, lambda there: there.probes.pinged(me, gossip), timeout_s)
        return answer

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        me = self._node_id
        answer: bytes = await self._call(
            proxy, lambda there: there.probes.ping_for(me, peer, gossip, timeout_s), timeout_s
        )
        return answer

    def _network_damage(self, sender: str, chunk: SealedChunk) -> SealedChunk:
        if sender not in self._network.liars or not chunk.sealed:
            return chunk
        at = self._network.rng.randrange(len(chunk.sealed))
        flipped = bytes([chunk.sealed[at] ^ 1 << self._network.rng.randrange(8)])
        return chunk._replace(sealed=chunk.sealed[:at] + flipped + chunk.sealed[at + 1 :])
