"""The door for peers: takes connections, learns who calls, and answers one request after the other on each.

Whoever has not proved to be a member may only ask to join, has little time, and gives way when there are many
strangers: those first whose address has sent the most, so that strangers never keep members out. What members have in
memory is bounded in all and for each, so that none keeps the others out either.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Protocol

from govault.budget import Budget
from govault.errors import AccessDenied, Authentication, Cluster, GoVaultError, InvalidRequest
from govault.limits import (
    KIB,
    PEER_BATCH_BYTES_MAX,
    PEER_BODIES_EACH_BYTES_MAX,
    PEER_BODIES_IN_WORK_BYTES_MAX,
    PEER_CALL_S_MAX,
    PEER_CONNECTIONS_EACH_MAX,
    PEER_IDLE_S_MAX,
    PEER_STRANGERS_MAX,
)
from govault.peering.certificates import id_at_other_end
from govault.peering.frames import Frame, Kind
from govault.peering.requests import Answer
from govault.peering.strangers import Strangers
from govault.peering.stream import ByteStream
from govault.peering.wire import Wire

_log = logging.getLogger(__name__)

HANDSHAKE_S_MAX = 5.0
_STRANGER_S_MAX = 30.0
_STRANGER_FRAMES_MAX = 2
_BACKLOG = 512
_SMALL_BYTES_MAX = 64 * KIB
"""Bodies of no more wait for no memory: how many there are is bounded by connections. A probe must not seem unanswered
because of what else its sender brings, and who needs no room any more must not wait behind who waits for its room."""
_BROKEN = (OSError, ssl.SSLError, InvalidRequest, Authentication)

IsMember = Callable[[str], bool]
Conversation = Callable[[Frame], Awaitable[dict[str, Any]]]


class Requests(Protocol):
    """What answers admitted peers."""

    async def answer(self, caller: str, request: Frame) -> Answer:
        """See ``PeerRequests.answer``."""


class PeerServer:
    """Listens from ``start`` until ``stop``."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        is_member: IsMember,
        requests: Requests,
        introduce: Callable[[], Conversation],
    ) -> None:
        """Args:
        listener: Bound and listening, not blocking.
        is_member: Whether a node id belongs to the vault now; asked at every request.
        introduce: Begins a conversation with a stranger that wants to join; a ``GoVaultError`` becomes a refusal.
        """
        self._listener = listener
        self._context = context
        self._is_member = is_member
        self._requests = requests
        self._introduce = introduce
        self._bodies = Budget(PEER_BODIES_IN_WORK_BYTES_MAX)
        self._bodies_of: dict[str, Budget] = {}
        self._strangers = Strangers(PEER_STRANGERS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._members: Counter[str] = Counter()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take connections."""
        self._accepting = asyncio.create_task(self._accept(), name="peers-accept")

    async def stop(self) -> None:
        """Let everybody go. May be called twice."""
        tasks = [task for task in (self._accepting, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._listener)
            except OSError as error:
                # Out of descriptors, say: those at work give some back.
                _log.warning("no connection of a peer could be taken: %s", error)
                await asyncio.sleep(0.1)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if (leaving := self._strangers.one_to_leave()) is not None:
                leaving.cancel()
            task = loop.create_task(self._serve(connection), name="peer-connection")
            self._tasks.add(task)
            self._strangers.add(task, address[0])
            task.add_done_callback(self._ended)
            # One that is cancelled before its first step closes nothing itself.
            task.add_done_callback(partial(_close, connection))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._strangers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("serving a peer broke", exc_info=error)

    async def _serve(self, connection: socket.socket) -> None:
        wire: Wire | None = None
        caller: str | None = None
        try:
            async with asyncio.timeout(HANDSHAKE_S_MAX):
                wire = await self._shake_hands(connection)
            caller = id_at_other_end(wire.extra("ssl_object"))
            if caller is None:
                async with asyncio.timeout(_STRANGER_S_MAX):
                    await self._serve_stranger(wire)
                return
            self._check_member(caller)
            await self._serve_member(wire, caller)
        except (*_BROKEN, AccessDenied, TimeoutError) as error:
            _log.debug("a connection of %s ended: %r", caller or "a stranger", error)
        finally:
            if wire is not None:
                wire.close()
            connection.close()

    async def _shake_hands(self, connection: socket.socket) -> Wire:
        stream = ByteStream()
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: stream, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S_MAX
        )
        return Wire(stream)

    def _check_member(self, caller: str) -> None:
        if not self._is_member(caller):
            raise AccessDenied(f"{caller} is no node of this vault")

    async def _serve_stranger(self, wire: Wire) -> None:
        """Somebody without a certificate: may join, and nothing else. A few frames, then goodbye."""
        converse = self._introduce()

        async def ask(request: Frame) -> Answer:
            return await converse(request), ()

        for _ in range(_STRANGER_FRAMES_MAX):
            head = await wire.head()
            if head is None:
                return
            if head.body_bytes:
                raise InvalidRequest("a stranger has nothing to bring", rule="frame-size")
            await self._answer(wire, await wire.rest(head), ask)

    async def _serve_member(self, wire: Wire, caller: str) -> None:
        if self._members[caller] >= PEER_CONNECTIONS_EACH_MAX:
            raise AccessDenied(f"{caller} has {PEER_CONNECTIONS_EACH_MAX} connections already")
        task = asyncio.current_task()
        assert task is not None
        self._strangers.discard(task)
        self._members[caller] += 1
        try:
            while await self._serve_request(wire, caller):
                pass
        finally:
            self._members[caller] -= 1
            if not self._members[caller]:
                del self._members[caller]

    async def _serve_request(self, wire: Wire, caller: str) -> bool:
        async with asyncio.timeout(PEER_IDLE_S_MAX):
            head = await wire.head()
        if head is None:
            return False
        self._check_member(caller)
        async with asyncio.timeout(PEER_CALL_S_MAX), self._room(caller, head.body_bytes):
            request = await wire.rest(head)
            gives_bytes = PEER_BATCH_BYTES_MAX if request.header.get("method") == "fetch" else 0
            async with self._room(caller, gives_bytes):
                await self._answer(wire, request, lambda request: self._requests.answer(caller, request))
        return True

    @asynccontextmanager
    async def _room(self, caller: str, size_bytes: int) -> AsyncIterator[None]:
        """Memory for what a member brings, or is given; its own share first."""
        if size_bytes <= _SMALL_BYTES_MAX:
            yield
            return
        own = self._bodies_of.setdefault(caller, Budget(PEER_BODIES_EACH_BYTES_MAX))
        async with AsyncExitStack() as held:
            for budget in (own, self._bodies):
                await budget.take(size_bytes)
                held.callback(budget.give, size_bytes)
            yield

    async def _answer(self, wire: Wire, request: Frame, ask: Callable[[Frame], Awaitable[Answer]]) -> None:
        """Answer, or refuse; whatever goes wrong with a request of a peer's ends that request only."""
        try:
            if request.kind is not Kind.REQUEST:
                raise InvalidRequest("an answer came where a request was due", rule="frame-kind")
            header, body = await ask(request)
        except GoVaultError as error:
            await wire.send(Kind.REFUSAL, {"code": error.specific_code, "message": str(error)[:2000]})
        except Exception as error:  # noqa: BLE001 - the edge, where errors become refusals
            _log.error("a peer's request broke", exc_info=error)
            broken = Cluster("this node broke at the request; its log says why", code="cluster.broken")
            await wire.send(Kind.REFUSAL, {"code": broken.specific_code, "message": str(broken)})
        else:
            await wire.send(Kind.ANSWER, header, body)


def _close(connection: socket.socket, _: object) -> None:
    connection.close()
