"""``PeerStores`` and ``PeerProbes`` over TLS: a few kept connections a peer, one call at a time on each."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from govault.errors import Authentication, Cluster, GoVaultError, InvalidRequest
from govault.limits import PEER_CALL_S_MAX
from govault.peering import messages
from govault.peering.connections import Connections
from govault.peering.frames import Frame, Kind
from govault.ports import Clock, LinkQualities, SealedChunk
from schemas.ids import ChunkId

_BROKEN = (OSError, ssl.SSLError, InvalidRequest, Authentication)


class PeerClient:
    """Calls peers. Every call ends within its time; what fails is told to the link's quality."""

    def __init__(
        self,
        context: ssl.SSLContext,
        addresses: Callable[[str], Sequence[str]],
        links: LinkQualities,
        clock: Clock,
        peers_max: int,
        elsewhere: Sequence[str] = (),
    ) -> None:
        """Args:
        context: See ``PeerContexts.client``.
        addresses: Where a member can be reached now (host:port, the best first); empty where it is none.
        peers_max: To how many peers connections are kept.
        elsewhere: Addresses to look for a member at when it is at none of its own.
        """
        self._connections = Connections(context, addresses, peers_max, elsewhere)
        self._links = links
        self._clock = clock

    async def close(self) -> None:
        """Let all connections go."""
        self._connections.close()

    # --- PeerStores ------------------------------------------------------------------------------------------

    async def confirm(self, peer: str, chunks: Sequence[ChunkId], epoch: int) -> list[ChunkId]:
        answer = await self._call(peer, {"method": "confirm", "epoch": epoch}, [messages.pack_ids(chunks)])
        return self._ids(peer, answer)

    async def missing(self, peer: str, chunks: Sequence[ChunkId]) -> list[ChunkId]:
        answer = await self._call(peer, {"method": "missing"}, [messages.pack_ids(chunks)])
        return self._ids(peer, answer)

    async def store(self, peer: str, chunks: Sequence[SealedChunk], epoch: int) -> None:
        await self._call(peer, {"method": "store", "epoch": epoch}, messages.pack_chunks(chunks))

    async def fetch(self, peer: str, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        answer = await self._call(peer, {"method": "fetch"}, [messages.pack_ids(chunks)])
        found: list[SealedChunk] = self._understood(peer, messages.unpack_chunks, answer.body)
        return found

    async def slot_digests(self, peer: str, slots: Sequence[int]) -> list[bytes]:
        answer = await self._call(peer, {"method": "slot_digests", "slots": list(slots)}, ())
        found: list[bytes] = self._understood(peer, messages.unpack_digests, answer.body, len(slots))
        return found

    async def slot_chunks(self, peer: str, slot: int, after: bytes, limit: int) -> list[ChunkId]:
        header = {"method": "slot_chunks", "slot": slot, "limit": limit}
        answer = await self._call(peer, header, [after] if after else ())
        return self._ids(peer, answer)

    # --- PeerProbes ------------------------------------------------------------------------------------------

    async def ping(self, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        return bytes((await self._call(peer, {"method": "ping"}, [gossip], timeout_s, probe=True)).body)

    async def ping_through(self, proxy: str, peer: str, gossip: bytes, timeout_s: float) -> bytes:
        header = {"method": "ping_for", "peer": peer, "timeout_s": timeout_s}
        return bytes((await self._call(proxy, header, [gossip], timeout_s, probe=True)).body)

    # --- calling ---------------------------------------------------------------------------------------------

    async def _call(
        self,
        peer: str,
        header: dict[str, Any],
        body: Sequence[bytes],
        timeout_s: float = PEER_CALL_S_MAX,
        *,
        probe: bool = False,
    ) -> Frame:
        began_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._connections.ask(peer, header, body, probe=probe)
        except (*_BROKEN, TimeoutError) as error:
            self._links.failed(peer)
            why = f"no answer in {timeout_s:g} s" if isinstance(error, TimeoutError) else str(error) or repr(error)
            raise Cluster(f"the node {peer} cannot be reached: {why}", code="cluster.unreachable", peer=peer) from error
        if answer.kind is Kind.REFUSAL:
            raise _refusal(peer, answer.header)
        carried = max(len(answer.body), sum(map(len, body)))
        self._links.answered(peer, self._clock.monotonic_s() - began_s, carried)
        return answer

    def _ids(self, peer: str, answer: Frame) -> list[ChunkId]:
        found: list[ChunkId] = self._understood(peer, messages.unpack_ids, answer.body)
        return found

    def _understood(self, peer: str, decode: Callable[..., Any], *arguments: object) -> Any:
        try:
            return decode(*arguments)
        except InvalidRequest as error:
            self._links.failed(peer)
            said = f"the node {peer} answers nonsense: {error}"
            raise Cluster(said, code="cluster.unreachable", peer=peer) from error


def _refusal(peer: str, header: dict[str, Any]) -> GoVaultError:
    code, message = str(header.get("code", ""))[:100], str(header.get("message", ""))[:2000]
    return Cluster(f"the node {peer} refuses: {message}", code="cluster.refused", peer=peer, reason=code)
