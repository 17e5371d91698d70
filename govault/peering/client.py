"""The chunk stores and the signs of life of peers, over TLS."""

from collections.abc import Callable, Sequence

from govault.errors import InvalidRequest
from govault.limits import (
    GOSSIP_BYTES_MAX,
    PEER_BATCH_CHUNKS_MAX,
    PEER_CALL_S_MAX,
    PEER_IDLE_S,
    PEER_IDS_MAX,
)
from govault.peering import messages
from govault.peering.calls import Calls
from govault.peering.certificates import PeerTls
from govault.peering.frames import FrameError, Kind
from govault.ports import Clock, LinkQualities, SealedChunk
from schemas.ids import ChunkId


class PeerClient:
    """``PeerStores`` and ``PeerProbes``. Connects when first asked, and again wherever a peer went."""

    def __init__(
        self,
        *,
        tls: PeerTls,
        is_member: Callable[[str], bool],
        addresses: Callable[[str], Sequence[str]],
        links: LinkQualities,
        clock: Clock,
        peers_max: int,
        call_s: float = PEER_CALL_S_MAX,
        idle_s: float = PEER_IDLE_S,
    ) -> None:
        """A client without connections.

        Args:
            is_member: Whether a node id is admitted and not removed, now; asked at every call.
            addresses: host:port of a peer, the best first; asked for every new connection.
            peers_max: Peers to keep connections to.
        """
        self._call_s = call_s
        self._calls = Calls(
            tls=tls,
            is_member=is_member,
            addresses=addresses,
            links=links,
            clock=clock,
            peers_max=peers_max,
            idle_s=idle_s,
        )

    @property
    def connections_kept(self) -> int:
        """Open connections that carry no call."""
        return self._calls.connections_kept

    def close(self) -> None:
        """Close every connection; calls in flight end first, later ones fail."""
        self._calls.close()

    # --- PeerStores ----------------------------------------------------------------------------------------------

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        """See ``PeerStores``."""
        missing: list[ChunkId] = []
        for batch in _batches(chunks):
            sent = [messages.encode_confirm(batch, epoch)]
            missing += await self._calls.call(peer, Kind.CONFIRM, sent, self._call_s, _ids_among(batch))
        return missing

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        """See ``PeerStores``."""
        missing: list[ChunkId] = []
        for batch in _batches(chunks):
            sent = [messages.encode_ids(batch)]
            missing += await self._calls.call(peer, Kind.MISSING, sent, self._call_s, _ids_among(batch))
        return missing

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See ``PeerStores``."""
        if not chunks:
            return
        if len(chunks) > PEER_BATCH_CHUNKS_MAX:
            raise InvalidRequest(f"{len(chunks)} chunks in one call; at most {PEER_BATCH_CHUNKS_MAX}", rule="batch")
        sent = messages.encode_chunks(chunks, epoch)
        await self._calls.call(peer, Kind.STORE, sent, self._call_s, _nothing)

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See ``PeerStores``."""
        if not chunks:
            return []
        asked = set(chunks[:PEER_BATCH_CHUNKS_MAX])

        def decode(payload: bytearray) -> list[SealedChunk]:
            found, _ = messages.decode_chunks(payload)
            if any(chunk.chunk_id not in asked for chunk in found):
                raise FrameError("it gave chunks that nobody asked for")
            return found

        sent = [messages.encode_ids(chunks[:PEER_BATCH_CHUNKS_MAX])]
        return await self._calls.call(peer, Kind.FETCH, sent, self._call_s, decode)

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        """See ``PeerStores``."""

        def decode(payload: bytearray) -> list[bytes]:
            return messages.decode_digests(payload, len(slots))

        return await self._calls.call(peer, Kind.SLOT_DIGESTS, [messages.encode_slots(slots)], self._call_s, decode)

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        """See ``PeerStores``; ``limit`` is at most PEER_IDS_MAX."""
        if not 1 <= limit <= PEER_IDS_MAX:
            raise InvalidRequest(f"{limit} ids in one call; 1 to {PEER_IDS_MAX}", rule="limit")

        def decode(payload: bytearray) -> list[ChunkId]:
            return messages.decode_ids(payload, limit)

        sent = [messages.encode_range(slot, after, limit)]
        return await self._calls.call(peer, Kind.SLOT_CHUNKS, sent, self._call_s, decode)

    # --- PeerProbes ----------------------------------------------------------------------------------------------

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """See ``PeerProbes``."""
        _check_gossip(gossip)
        wait_s = min(timeout_s, PEER_CALL_S_MAX)
        return await self._calls.call(peer, Kind.PING, [gossip], wait_s, messages.decode_gossip)

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        """See ``PeerProbes``."""
        _check_gossip(gossip)
        wait_s = min(timeout_s, PEER_CALL_S_MAX)
        sent = [messages.encode_ping_for(peer, gossip, wait_s)]
        return await self._calls.call(proxy, Kind.PING_FOR, sent, wait_s, messages.decode_gossip)


def _batches(chunks: Sequence[ChunkId]) -> list[Sequence[ChunkId]]:
    return [chunks[start : start + PEER_BATCH_CHUNKS_MAX] for start in range(0, len(chunks), PEER_BATCH_CHUNKS_MAX)]


def _ids_among(batch: Sequence[ChunkId]) -> Callable[[bytearray], list[ChunkId]]:
    """What a peer lacks can only be what it was asked for."""
    asked = set(batch)

    def decode(payload: bytearray) -> list[ChunkId]:
        found = messages.decode_ids(payload, len(batch))
        if any(chunk_id not in asked for chunk_id in found):
            raise FrameError("it lacks chunks that nobody asked for")
        return found

    return decode


def _nothing(payload: bytearray) -> None:
    if payload:
        raise FrameError("a longer answer than there is to give")


def _check_gossip(gossip: bytes) -> None:
    if len(gossip) > GOSSIP_BYTES_MAX:
        raise InvalidRequest(f"{len(gossip)} bytes of gossip; at most {GOSSIP_BYTES_MAX}", rule="gossip")
