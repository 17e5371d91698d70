"""The port where peers come in. Nobody is heard before TLS has shown that they hold the key of an admitted node.

Whoever is unknown costs one socket and a bounded time: PEER_HANDSHAKE_S_MAX for TLS, PEER_JOIN_S_MAX for a join.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from govault.errors import AccessDenied, Config, GoVaultError
from govault.limits import (
    PEER_CALL_S_MAX,
    PEER_CALLS_SERVED_AT_ONCE_MAX,
    PEER_HANDSHAKE_S_MAX,
    PEER_JOIN_S_MAX,
    PEER_MEMORY_BYTES_MAX,
    PEER_MEMORY_PER_PEER_BYTES_MAX,
    PEER_SERVED_IDLE_S,
)
from govault.peering.answering import CALLS, PROBES, answer
from govault.peering.budget import ByteBudget
from govault.peering.certificates import PeerTls
from govault.peering.doorkeeper import Doorkeeper
from govault.peering.frames import FrameError, FrameHead, Kind, encode_refusal
from govault.peering.stream import PeerStream
from govault.ports import ProbeRequests, ReplicaRequests

_BACKLOG = 512
_OUT_OF_SOCKETS_S = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerBounds:
    """How long and how much a server bears; tests take less.

    Attributes:
        idle_s: How long a member's connection may say nothing.
        call_s: How long one payload may take to arrive, one call to be answered, and one answer to leave.
    """

    handshake_s: float = PEER_HANDSHAKE_S_MAX
    join_s: float = PEER_JOIN_S_MAX
    idle_s: float = PEER_SERVED_IDLE_S
    call_s: float = PEER_CALL_S_MAX
    memory_bytes: int = PEER_MEMORY_BYTES_MAX
    memory_per_peer_bytes: int = PEER_MEMORY_PER_PEER_BYTES_MAX


class PeerServer:
    """Serves members on one listening socket, from ``start`` to ``stop``."""

    def __init__(
        self,
        *,
        tls: PeerTls,
        is_member: Callable[[str], bool],
        replicas: ReplicaRequests,
        probes: ProbeRequests,
        join_door: Callable[[PeerStream], Awaitable[None]] | None = None,
        bounds: ServerBounds | None = None,
        doorkeeper: Doorkeeper | None = None,
    ) -> None:
        """A server that does not listen yet.

        Args:
            is_member: Whether a node id is admitted and not removed, now; asked at every call.
            join_door: Serves a connection that showed no certificate; None: such are turned away.
        """
        self._tls = tls
        self._is_member = is_member
        self._replicas = replicas
        self._probes = probes
        self._join_door = join_door
        self._bounds = bounds or ServerBounds()
        self._doorkeeper = doorkeeper or Doorkeeper()
        self._memory = ByteBudget(self._bounds.memory_bytes)
        self._memory_of: dict[str, ByteBudget] = {}
        self._at_once = asyncio.Semaphore(PEER_CALLS_SERVED_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    @property
    def doorkeeper(self) -> Doorkeeper:
        """What the door counts."""
        return self._doorkeeper

    @property
    def memory_used_bytes(self) -> int:
        """Payloads that are in memory now."""
        return self._memory.used_bytes

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on; to be asked between ``start`` and ``stop``."""
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        return host, port

    def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            Config: The address cannot be had.
        """
        self._listener = listen(host, port)
        self._accepting = asyncio.create_task(self._accept(self._listener), name="peers: accept")

    async def stop(self) -> None:
        """Stop listening and drop every connection; calls in flight end unanswered."""
        tasks = [task for task in (self._accepting, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                _log.warning("cannot accept a peer: %s", error)
                await asyncio.sleep(_OUT_OF_SOCKETS_S)
                continue
            if not self._doorkeeper.admits(address[0]):
                sock.close()
                continue
            self._doorkeeper.enter(address[0])
            task = asyncio.create_task(self._welcome(sock, address[0]), name="peers: connection")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # A task that is cancelled before its first step closes nothing itself.
            task.add_done_callback(partial(_close, sock))

    async def _welcome(self, sock: socket.socket, address: str) -> None:
        """One connection, from its first byte to its last."""
        stream = PeerStream()
        unknown = contextlib.ExitStack()
        unknown.callback(self._doorkeeper.leave, address)
        with unknown:
            try:
                peer = await self._shake_hands(stream, sock)
                if peer is None:
                    await self._let_join(stream)
                elif not self._is_member(peer):
                    await self._turn_away(stream, peer)
                else:
                    unknown.pop_all().close()
                    with self._doorkeeper.connected(peer, stream):
                        await self._serve(stream, peer)
            except (OSError, TimeoutError, FrameError) as error:
                _log.debug("a peer at %s was dropped: %r", address, error)
            except Exception:  # noqa: BLE001 — the edge: a fault in serving one peer must not end the others
                _log.exception("serving a peer at %s failed", address)
            finally:
                stream.abort()
                sock.close()

    async def _shake_hands(self, stream: PeerStream, sock: socket.socket) -> str | None:
        """The node id that the other side proved; None where it showed no certificate."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(self._bounds.handshake_s):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: stream,
                sock,
                ssl=self._tls.server_context(),
                ssl_handshake_timeout=self._bounds.handshake_s,
                ssl_shutdown_timeout=1.0,
            )
        return stream.peer_node_id

    async def _let_join(self, stream: PeerStream) -> None:
        if self._join_door is None:
            return
        async with asyncio.timeout(self._bounds.join_s):
            await self._join_door(stream)

    async def _turn_away(self, stream: PeerStream, peer: str) -> None:
        async with asyncio.timeout(self._bounds.handshake_s):
            head = await stream.read_head()
            await self._refuse(stream, head, _not_a_member(peer))
            # Closing over bytes that were not read would take the refusal back on its way.
            with contextlib.suppress(ConnectionError):
                await stream.read_payload(head.payload_bytes)

    async def _serve(self, stream: PeerStream, peer: str) -> None:
        while True:
            async with asyncio.timeout(self._bounds.idle_s):
                head = await stream.read_head()
            if not self._is_member(peer):
                await self._refuse(stream, head, _not_a_member(peer))
                return
            if head.kind not in CALLS:
                raise FrameError(f"{head.kind.name} is no call of a member")
            async with contextlib.AsyncExitStack() as held:
                async with asyncio.timeout(self._bounds.call_s):
                    if head.kind not in PROBES:
                        await held.enter_async_context(self._budget_of(peer).taken(head.payload_bytes))
                        await held.enter_async_context(self._memory.taken(head.payload_bytes))
                    payload = await stream.read_payload(head.payload_bytes)
                await self._answer(stream, peer, head, payload)

    async def _answer(self, stream: PeerStream, peer: str, head: FrameHead, payload: bytearray) -> None:
        try:
            async with asyncio.timeout(self._bounds.call_s):
                if head.kind in PROBES:
                    pieces = await answer(peer, head.kind, payload, self._replicas, self._probes)
                else:
                    async with self._at_once:
                        pieces = await answer(peer, head.kind, payload, self._replicas, self._probes)
        except GoVaultError as error:
            await self._refuse(stream, head, error)
            return
        await self._write(stream, Kind.ANSWER, head.call_id, pieces)

    async def _refuse(self, stream: PeerStream, head: FrameHead, error: GoVaultError) -> None:
        await self._write(stream, Kind.REFUSED, head.call_id, [encode_refusal(error.specific_code, str(error))])

    async def _write(self, stream: PeerStream, kind: Kind, call_id: int, pieces: Sequence[bytes]) -> None:
        async with asyncio.timeout(self._bounds.call_s):
            await stream.write_frame(kind, call_id, pieces)

    def _budget_of(self, peer: str) -> ByteBudget:
        """Of one peer, so that none holds the memory of all with payloads that do not arrive."""
        return self._memory_of.setdefault(peer, ByteBudget(self._bounds.memory_per_peer_bytes))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        Config: The address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Config(f"network.peer_addr {host}:{port} is no address of this machine: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Config(
            f"cannot listen for peers on {host}:{port}: {error.strerror}. "
            "Stop what uses it, or choose another address with network.peer_addr (port 0 takes a free one)"
        ) from error
    return listener


def _close(sock: socket.socket, _: object) -> None:
    sock.close()


def _not_a_member(peer: str) -> AccessDenied:
    return AccessDenied(f"node {peer} does not belong to this vault (any more)", code="not-a-member")
