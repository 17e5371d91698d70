"""Calls to peers: over kept connections, in bounded time, each told to whoever measures the links."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple, TypeVar

from govault.errors import Cluster
from govault.limits import PEER_IDLE_S, PEER_LANE_CONNECTIONS_MAX, PEER_MEMORY_BYTES_MAX
from govault.peering.budget import ByteBudget
from govault.peering.certificates import PeerTls
from govault.peering.connecting import connect_to
from govault.peering.frames import SMALL_PAYLOAD_BYTES_MAX, FrameError, Kind, decode_refusal
from govault.peering.lane import Kept, Lane
from govault.peering.stream import PeerStream
from govault.ports import Clock, LinkQualities

_PROBES = frozenset({Kind.PING, Kind.PING_FOR})
_CALL_ID_MAX = 2**32 - 1
_T = TypeVar("_T")


class _Refused(Exception):
    """The peer understood, and will not."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Lanes(NamedTuple):
    """Probes have connections of their own, so that chunks never delay a sign of life."""

    bulk: Lane
    probes: Lane


class Calls:
    """The connections to all peers."""

    def __init__(
        self,
        *,
        tls: PeerTls,
        is_member: Callable[[str], bool],
        addresses: Callable[[str], Sequence[str]],
        links: LinkQualities,
        clock: Clock,
        peers_max: int,
        memory_bytes: int = PEER_MEMORY_BYTES_MAX,
        idle_s: float = PEER_IDLE_S,
    ) -> None:
        """No connection yet; see ``PeerClient``."""
        self._tls = tls
        self._is_member = is_member
        self._addresses = addresses
        self._links = links
        self._clock = clock
        self._peers_max = peers_max
        self._memory = ByteBudget(memory_bytes)
        self._idle_s = idle_s
        self._lanes: OrderedDict[str, _Lanes] = OrderedDict()
        self._closed = False

    @property
    def connections_kept(self) -> int:
        """Open connections that carry no call."""
        return sum(lane.idle for lanes in self._lanes.values() for lane in lanes)

    async def call(
        self, peer: str, kind: Kind, pieces: Sequence[bytes], timeout_s: float, decode: Callable[[bytearray], _T]
    ) -> _T:
        """Ask a peer. A call that a kept connection lost is repeated once over a new one: every call may be.

        Raises:
            Cluster: ``cluster.unreachable``: no answer in time, no member, or nonsense; ``cluster.refused``.
        """
        if self._closed:
            raise _unreachable(peer, "this node is stopping")
        if not self._is_member(peer):
            self._forget(peer)
            raise _unreachable(peer, "it is no admitted node")
        lanes = self._lanes_of(peer)
        lane = lanes.probes if kind in _PROBES else lanes.bulk
        began_s = None
        try:
            async with asyncio.timeout(timeout_s), lane.turn(), AsyncExitStack() as held:
                began_s = self._clock.monotonic_s()
                payload, answer = await self._exchange(lane, kind, pieces, decode, held)
                took_s = self._clock.monotonic_s() - began_s
                self._links.answered(peer, took_s, _chunk_bytes(kind, pieces, payload))
                return answer
        except _Refused as error:
            self._links.failed(peer)
            raise Cluster(
                f"node {peer} refuses: {error}", code="cluster.refused", peer=peer, peer_code=error.code
            ) from error
        except (OSError, FrameError) as error:
            if began_s is None:
                raise _unreachable(peer, "too many calls to it are waiting") from error
            self._links.failed(peer)
            raise _unreachable(peer, str(error) or f"no answer within {timeout_s:g} s") from error

    def close(self) -> None:
        """Close every idle connection now, and every other when its call ends; later calls fail."""
        self._closed = True
        while self._lanes:
            self._forget(next(iter(self._lanes)))

    async def _exchange(
        self,
        lane: Lane,
        kind: Kind,
        pieces: Sequence[bytes],
        decode: Callable[[bytearray], _T],
        held: AsyncExitStack,
    ) -> tuple[bytearray, _T]:
        kept = await lane.take()
        try:
            payload, answer = await self._once(kept, kind, pieces, decode, held)
        except ConnectionError:
            if not kept.used:
                raise
            kept = await lane.take(fresh=True)
            payload, answer = await self._once(kept, kind, pieces, decode, held)
        lane.keep(kept)
        if isinstance(answer, _Refused):
            raise answer
        return payload, answer

    async def _once(
        self,
        kept: Kept,
        kind: Kind,
        pieces: Sequence[bytes],
        decode: Callable[[bytearray], _T],
        held: AsyncExitStack,
    ) -> tuple[bytearray, _T | _Refused]:
        """One attempt; the connection is in order afterwards, or gone."""
        stream = kept.stream
        call_id = kept.last_call_id = kept.last_call_id % _CALL_ID_MAX + 1
        try:
            await stream.write_frame(kind, call_id, pieces)
            head = await stream.read_head()
            if head.call_id != call_id or head.kind not in (Kind.ANSWER, Kind.REFUSED):
                raise FrameError(f"{head.kind.name} of call {head.call_id} is no answer to call {call_id}")
            if head.payload_bytes > SMALL_PAYLOAD_BYTES_MAX:
                if kind in _PROBES:
                    raise FrameError(f"a sign of life of {head.payload_bytes} bytes")
                await held.enter_async_context(self._memory.taken(head.payload_bytes))
            payload = await stream.read_payload(head.payload_bytes)
            return payload, _Refused(*decode_refusal(payload)) if head.kind is Kind.REFUSED else decode(payload)
        except BaseException:
            stream.abort()
            raise

    def _lanes_of(self, peer: str) -> _Lanes:
        found = self._lanes.get(peer)
        if found is None:

            async def connect() -> PeerStream:
                return await connect_to(self._addresses(peer), peer, self._tls.client_context())

            lanes = (Lane(connect, PEER_LANE_CONNECTIONS_MAX, self._idle_s) for _ in range(2))
            found = self._lanes[peer] = _Lanes(*lanes)
            if len(self._lanes) > self._peers_max:
                self._forget(next(iter(self._lanes)))
        self._lanes.move_to_end(peer)
        return found

    def _forget(self, peer: str) -> None:
        for lane in self._lanes.pop(peer, ()):
            lane.close()


def _unreachable(peer: str, why: str) -> Cluster:
    return Cluster(f"node {peer} cannot be reached: {why}", code="cluster.unreachable", peer=peer)


def _chunk_bytes(kind: Kind, pieces: Sequence[bytes], payload: bytearray) -> int:
    match kind:
        case Kind.STORE:
            return sum(map(len, pieces))
        case Kind.FETCH:
            return len(payload)
        case _:
            return 0
