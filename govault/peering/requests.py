"""What a node answers to a peer's request: decoded, given to whoever does it, and encoded."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from govault.errors import InvalidRequest
from govault.limits import PEER_BATCH_CHUNKS_MAX
from govault.peering import messages
from govault.peering.frames import Frame
from govault.ports import ProbeRequests, ReplicaRequests

Answer = tuple[dict[str, Any], Sequence[bytes]]
_EPOCH_MAX = 2**53
_PROBE_S_MAX = 10.0


class PeerRequests:
    """The calls that admitted peers make."""

    def __init__(self, replicas: ReplicaRequests, probes: ProbeRequests) -> None:
        self._replicas = replicas
        self._probes = probes
        self._methods: dict[str, Callable[[str, Frame], Awaitable[Answer]]] = {
            "confirm": self._confirm,
            "missing": self._missing,
            "store": self._store,
            "fetch": self._fetch,
            "slot_digests": self._slot_digests,
            "slot_chunks": self._slot_chunks,
            "ping": self._ping,
            "ping_for": self._ping_for,
        }

    async def answer(self, caller: str, request: Frame) -> Answer:
        """Do what a peer asks.

        Raises:
            GoVaultError: It is refused, or cannot be done.
        """
        method = self._methods.get(str(request.header.get("method")))
        if method is None:
            raise InvalidRequest(
                f"this node does not know the call {str(request.header.get('method'))[:40]!r}", rule="method"
            )
        return await method(caller, request)

    async def _confirm(self, caller: str, request: Frame) -> Answer:
        epoch = messages.whole(request.header, "epoch", _EPOCH_MAX)
        missing = await self._replicas.confirm(caller, messages.unpack_ids(request.body), epoch)
        return {}, [messages.pack_ids(missing)]

    async def _missing(self, caller: str, request: Frame) -> Answer:
        return {}, [messages.pack_ids(await self._replicas.missing(caller, messages.unpack_ids(request.body)))]

    async def _store(self, caller: str, request: Frame) -> Answer:
        epoch = messages.whole(request.header, "epoch", _EPOCH_MAX)
        await self._replicas.store(caller, messages.unpack_chunks(request.body), epoch)
        return {}, ()

    async def _fetch(self, caller: str, request: Frame) -> Answer:
        chunks = await self._replicas.fetch(caller, messages.unpack_ids(request.body))
        return {}, messages.pack_chunks(chunks)

    async def _slot_digests(self, caller: str, request: Frame) -> Answer:
        return {}, await self._replicas.slot_digests(caller, messages.slots(request.header))

    async def _slot_chunks(self, caller: str, request: Frame) -> Answer:
        (slot,) = messages.slots({"slots": [request.header.get("slot")]})
        limit = messages.whole(request.header, "limit", PEER_BATCH_CHUNKS_MAX)
        after = bytes(request.body)
        if len(after) not in (0, messages.ID_BYTES):
            raise InvalidRequest("a place in a slot is a chunk id", rule="after")
        return {}, [messages.pack_ids(await self._replicas.slot_chunks(caller, slot, after, limit))]

    async def _ping(self, caller: str, request: Frame) -> Answer:
        return {}, [await self._probes.pinged(caller, _gossip(request))]

    async def _ping_for(self, caller: str, request: Frame) -> Answer:
        peer, timeout_s = request.header.get("peer"), request.header.get("timeout_s")
        if not isinstance(peer, str) or not isinstance(timeout_s, int | float) or not 0 < timeout_s <= _PROBE_S_MAX:
            raise InvalidRequest("a ping for somebody names a peer and a time", rule="ping")
        return {}, [await self._probes.ping_for(caller, peer, _gossip(request), float(timeout_s))]


def _gossip(request: Frame) -> bytes:
    if len(request.body) > messages.GOSSIP_BYTES_MAX:
        raise InvalidRequest("gossip is too long", rule="gossip")
    return bytes(request.body)
