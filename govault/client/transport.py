"""HTTP to one node: connections, retries under one Idempotency-Key, outcomes asked for later, bounded waits."""

import asyncio
import random
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from govault.client.problems import ProtocolError, Unreachable, error_of
from govault.errors import GoVaultError, NotFound, OutcomePending

ATTEMPTS_MAX = 6
BACKOFF_FIRST_S = 0.2
BACKOFF_S_MAX = 5.0
RETRY_AFTER_S_MAX = 30.0
TURN_S_MAX = 300.0
"""How long a request waits for its turn where the node says that there were too many; longer than all attempts."""
CONNECT_S = 10.0
KEEPALIVE_S = 4.0
"""Less than a node keeps an idle connection: else a request may meet the end of the one it was given."""
IDLE_S = 120.0
"""No byte sent or received for this long: the attempt is over."""
OUTCOME_S = 120.0
SMALL_ANSWER_BYTES_MAX = 64 * 1024 * 1024
_TOO_MANY = 429
_RETRY_STATUSES = frozenset({502, 503, 504})
_MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})

TokenSource = Callable[[], Awaitable[str]]
ChunkSource = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True)
class Body:
    """A request body that streams.

    Attributes:
        open: Begins the content anew at each call.
        size_bytes: None where it is not known before the end.
        replayable: Whether ``open`` gives the same bytes again.
    """

    open: ChunkSource
    size_bytes: int | None = None
    replayable: bool = True


@dataclass(frozen=True)
class Answer:
    """A whole answer of a status below 400."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        """The JSON document in it.

        Raises:
            ProtocolError: It holds none.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ProtocolError(f"the node's answer (status {self.status}) is not JSON: is this a GoVault?") from error


@dataclass
class Transport:
    """A session with one node. ``async with`` opens and closes its connections.

    Attributes:
        url: Of the node, e.g. ``http://127.0.0.1:8080``.
        token: A token that stays the same, or what gives the one of now: asked before every request.
        connections: Bound of requests at the same time.
        ca_file: Certificates to trust instead of the system's.
    """

    url: str
    token: "str | TokenSource | None" = field(default=None, repr=False)
    connections: int = 64
    ca_file: str | None = None
    user_agent: str = "govault-client"
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _met: bool = field(default=False, init=False, repr=False)

    async def __aenter__(self) -> Self:
        self.url = self.url.rstrip("/")
        tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        headers = {"user-agent": self.user_agent, "accept-encoding": "identity"}
        if isinstance(self.token, str):
            headers["authorization"] = f"Bearer {self.token}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.connections, ssl=tls, keepalive_timeout=KEEPALIVE_S),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=CONNECT_S, sock_read=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=1 << 20,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self,
        method: str,
        route: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        document: object = None,
        body: Body | bytes | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send a request until it is answered; repeats carry the same Idempotency-Key, so it happens once.

        Args:
            route: Percent-encoded path.
            query: Fields; None leaves one out.
            document: A JSON body.
            key: The Idempotency-Key; made where a mutating request has none.

        Raises:
            GoVaultError: What the node answered, or ``Unreachable``.
        """
        sent = dict(headers or {})
        if document is not None:
            body = orjson.dumps(document)
            sent["content-type"] = "application/json"
        if method in _MUTATING:
            sent["idempotency-key"] = key or secrets.token_hex(16)
        attempts = 1 if isinstance(body, Body) and not body.replayable else ATTEMPTS_MAX
        pause_s = BACKOFF_FIRST_S
        for attempt in range(1, attempts + 1):
            retry_after_s: float | None = None
            try:
                answer = await self._in_turn(method, self._address(route, query), sent, body)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                failure: GoVaultError = self._unreachable(error)
                if isinstance(error, aiohttp.ClientConnectorError) and not self._met:
                    raise failure from error
            except aiohttp.ClientError as error:
                raise ProtocolError(f"{self.url} does not speak HTTP as expected: {error}") from error
            else:
                self._met = True
                if answer.status == 202 and "/outcomes/" in (location := answer.headers.get("location", "")):
                    outcome = await self.wait_outcome(location)
                    if isinstance(body, Body) and not body.replayable:
                        # It cannot be asked again: the answer is the outcome's own document.
                        return outcome
                    # The key gives the first outcome again, as the answer it would have been.
                    failure, retry_after_s = OutcomePending(f"{location} is known, and the node does not say so"), 0.0
                elif answer.status < 400:
                    return answer
                else:
                    failure = error_of(answer.status, answer.body, answer.headers)
                    if answer.status not in _RETRY_STATUSES:
                        raise failure
                    retry_after_s = _retry_after_s(answer.headers)
            if attempt == attempts:
                raise failure
            await asyncio.sleep(retry_after_s if retry_after_s is not None else pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, BACKOFF_S_MAX)
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        route: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        document: object = None,
        idle: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose body is read piece by piece; tried again only where the node says to come later.

        Args:
            idle: Whether silence of ``IDLE_S`` ends it; not so where the body may pause for as long as it likes.

        Raises:
            GoVaultError: What the node answered instead, or ``Unreachable`` (also while the body is read).
        """
        sent = dict(headers or {}) | await self._authorization()
        data = None
        if document is not None:
            data = orjson.dumps(document)
            sent["content-type"] = "application/json"
        try:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=IDLE_S if idle else None)
            waited_s = 0.0
            while True:
                async with self._live().request(
                    method, self._address(route, query), headers=sent, data=data, allow_redirects=False, timeout=timeout
                ) as response:
                    self._met = True
                    if response.status < 400:
                        yield response
                        return
                    told = _plain(response)
                    failure = error_of(response.status, await _whole_body(response), told)
                if response.status != _TOO_MANY or waited_s >= TURN_S_MAX:
                    raise failure
                waited_s += await _wait_for_turn(told)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
            raise self._unreachable(error) from error
        except aiohttp.ClientError as error:
            raise ProtocolError(f"{self.url} does not speak HTTP as expected: {error}") from error

    async def _in_turn(
        self, method: str, address: URL, headers: Mapping[str, str], body: Body | bytes | None
    ) -> Answer:
        """One attempt; a refusal because there were too many is none, where the body can be sent again."""
        waited_s = 0.0
        while True:
            answer = await self._once(method, address, headers, body)
            replayable = not isinstance(body, Body) or body.replayable
            if answer.status != _TOO_MANY or waited_s >= TURN_S_MAX or not replayable:
                return answer
            waited_s += await _wait_for_turn(answer.headers)

    async def _once(self, method: str, address: URL, headers: Mapping[str, str], body: Body | bytes | None) -> Answer:
        session = self._live()
        sent = dict(headers) | await self._authorization()
        broken: list[GoVaultError] = []
        try:
            async with asyncio.timeout(None) as idle:
                data: object = body
                if isinstance(body, Body):
                    if body.size_bytes is not None:
                        sent["content-length"] = str(body.size_bytes)
                    data = _watched(body, idle, broken)
                _put_off(idle)
                async with session.request(method, address, headers=sent, data=data, allow_redirects=False) as response:
                    return Answer(response.status, _plain(response), await _whole_body(response))
        except aiohttp.ClientError:
            if broken:
                # It is the body that failed, not the connection: sending it again would not help.
                raise broken[0] from None
            raise

    async def wait_outcome(self, route: str) -> Answer:
        """Ask for an outcome until it is known.

        Raises:
            OutcomePending: Not in time.
        """
        route = URL(route).raw_path
        try:
            async with asyncio.timeout(OUTCOME_S):
                pause_s = BACKOFF_FIRST_S
                while True:
                    try:
                        return await self.request("GET", route)
                    except NotFound:
                        # Not decided yet: the node keeps no outcome before there is one.
                        await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, BACKOFF_S_MAX)
        except TimeoutError as error:
            event_id = route.rpartition("/")[2]
            raise OutcomePending(
                f"the outcome of {event_id} is not known after {OUTCOME_S:.0f} s; ask again later: {route}",
                event_id=event_id,
            ) from error

    async def _authorization(self) -> dict[str, str]:
        if self.token is None or isinstance(self.token, str):
            return {}
        return {"authorization": f"Bearer {await self.token()}"}

    def _live(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the client is not open: use it inside 'async with'")
        return self._session

    def _address(self, route: str, query: Mapping[str, str | int | None] | None) -> URL:
        address = URL(self.url + route, encoded=True)
        fields = {name: str(value) for name, value in (query or {}).items() if value is not None}
        return address.with_query(fields) if fields else address

    def _unreachable(self, error: BaseException) -> Unreachable:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return Unreachable(
            f"no node answers at {self.url} ({why}); start one with 'govault start', or name another with --url",
            url=self.url,
        )


async def _watched(body: Body, idle: asyncio.Timeout, broken: list[GoVaultError]) -> AsyncIterator[bytes]:
    """A body's bytes; its own error goes to ``broken`` too, for what sends it tells of a lost connection instead."""
    try:
        async for chunk in body.open():
            _put_off(idle)
            yield chunk
    except GoVaultError as error:
        broken.append(error)
        raise
    _put_off(idle)


def _put_off(idle: asyncio.Timeout) -> None:
    idle.reschedule(asyncio.get_running_loop().time() + IDLE_S)


async def _whole_body(response: aiohttp.ClientResponse) -> bytes:
    """A small body; one beyond the bound is no answer of a node."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > SMALL_ANSWER_BYTES_MAX:
            raise ProtocolError(f"the answer is larger than {SMALL_ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _plain(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


async def _wait_for_turn(headers: Mapping[str, str]) -> float:
    """Wait as long as told, and a little at random, so that many at once do not meet again. At least 1 s is counted."""
    told_s = _retry_after_s(headers)
    wait_s = (1.0 if told_s is None else told_s) * random.uniform(1.0, 1.25)
    await asyncio.sleep(wait_s)
    return max(1.0, wait_s)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    return min(float(text), RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else None
