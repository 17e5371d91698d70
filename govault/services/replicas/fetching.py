"""Chunks from other nodes: the best link first, slow ones hedged, liars found out, nobody left unasked."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from govault.budget import Budget
from govault.domain.manifest import ChunkRef
from govault.errors import GoVaultError
from govault.limits import CHUNK_MEAN_BYTES, FETCH_HEDGE_S_MAX, FETCH_HEDGE_S_MIN, FETCHING_BYTES_MAX, FETCHING_S_MAX
from govault.ports import LinkQuality, PeerStores, ReplicaStore, SealedChunk
from govault.services.replicas.candidates import Candidates
from schemas.ids import ChunkId

SIZE_UNKNOWN = 0
"""In place of a chunk's size: whatever its record says."""
_HEDGE_FACTOR = 3.0
"""A call that takes so many times what its link promises is slow."""


class Fetched(NamedTuple):
    """A chunk that a peer gave, checked against its id."""

    sealed: SealedChunk
    plain: bytes


class Fetch(NamedTuple):
    """What came of asking.

    Attributes:
        silent: Nodes that did not answer, with their errors: what is missing may be there.
    """

    found: dict[ChunkId, Fetched]
    silent: dict[str, str]


@dataclass(slots=True)
class Fetching:
    """Asks peers. Bounded: by bytes that are under way, and by time."""

    candidates: Candidates
    local: ReplicaStore
    peers: PeerStores
    _budget: Budget = field(default_factory=lambda: Budget(FETCHING_BYTES_MAX))

    async def fetch(
        self, wanted: Sequence[ChunkRef], tell_found: Callable[[Fetched], None] = lambda fetched: None
    ) -> Fetch:
        """Those of the distinct chunks that any other member has, each from one.

        Args:
            tell_found: Told each, once, as soon as it is here.

        Raises:
            Storage: This node cannot open what it gets.
        """
        size_bytes = min(sum(chunk.size_bytes or CHUNK_MEAN_BYTES for chunk in wanted), FETCHING_BYTES_MAX)
        await self._budget.take(size_bytes)
        try:
            search = _Search(self, wanted, tell_found)
            await search.run()
            return Fetch(search.found, search.silent)
        finally:
            self._budget.give(size_bytes)


@dataclass(slots=True)
class _Sought:
    """A chunk that was not found yet.

    Attributes:
        untried: Who is still to be asked.
        hopes: Calls for it that are not slow.
    """

    size_bytes: int
    untried: Iterator[str]
    hopes: int = 0


@dataclass(slots=True)
class _Call:
    peer: str
    chunks: list[ChunkId]
    slow_at_s: float
    is_slow: bool = False


class _Search:
    def __init__(self, fetching: Fetching, wanted: Sequence[ChunkRef], tell_found: Callable[[Fetched], None]) -> None:
        self._tell_found = tell_found
        self._candidates = fetching.candidates
        self._local = fetching.local
        self._peers = fetching.peers
        givers = fetching.candidates.givers
        self._sought = {chunk.chunk_id: _Sought(chunk.size_bytes, givers(chunk.chunk_id)) for chunk in wanted}
        self._calls: dict[asyncio.Task[list[Fetched]], _Call] = {}
        self.found: dict[ChunkId, Fetched] = {}
        self.silent: dict[str, str] = {}

    async def run(self) -> None:
        """Ends when all is found, or everybody has been asked, or after FETCHING_S_MAX."""
        try:
            async with asyncio.timeout(FETCHING_S_MAX):
                await self._run()
        except TimeoutError:
            self.silent.update((call.peer, "no answer in time") for call in self._calls.values())
        finally:
            calls, self._calls = self._calls, {}
            for task in calls:
                task.cancel()
            if calls:
                await asyncio.wait(calls)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._sought:
            self._ask_next(loop.time())
            if not self._calls:
                return
            slow_s = min((call.slow_at_s for call in self._calls.values() if not call.is_slow), default=None)
            timeout_s = None if slow_s is None else max(0.0, slow_s - loop.time())
            done, _ = await asyncio.wait(self._calls, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._settle(task)
            for call in self._calls.values():
                if not call.is_slow and loop.time() >= call.slow_at_s:
                    call.is_slow = True
                    self._lose_hope(call)

    def _ask_next(self, now_s: float) -> None:
        """Ask somebody for every chunk that no call promises any more."""
        due: dict[str, list[ChunkId]] = defaultdict(list)
        for chunk_id, sought in self._sought.items():
            if sought.hopes == 0 and (peer := next(sought.untried, None)) is not None:
                sought.hopes += 1
                due[peer].append(chunk_id)
        for peer, chunks in due.items():
            sizes = {chunk_id: self._sought[chunk_id].size_bytes for chunk_id in chunks}
            patience_s = patience(self._candidates.links.of(peer), sum(sizes.values()))
            task = asyncio.create_task(self._ask(peer, sizes))
            self._calls[task] = _Call(peer, chunks, now_s + patience_s)

    def _settle(self, task: asyncio.Task[list[Fetched]]) -> None:
        call = self._calls.pop(task)
        try:
            answers = task.result()
        except _NoAnswer as error:
            self.silent[call.peer] = str(error)
            answers = []
        for fetched in answers:
            if self._sought.pop(fetched.sealed.chunk_id, None) is not None:
                self.found[fetched.sealed.chunk_id] = fetched
                self._tell_found(fetched)
        if not call.is_slow:
            self._lose_hope(call)

    def _lose_hope(self, call: _Call) -> None:
        for chunk_id in call.chunks:
            if chunk_id in self._sought:
                self._sought[chunk_id].hopes -= 1

    async def _ask(self, peer: str, sizes: dict[ChunkId, int]) -> list[Fetched]:
        """What a peer has of some chunks, checked. A liar has nothing."""
        fetched: list[Fetched] = []
        left = list(sizes)
        while left:
            try:
                answer = await self._peers.fetch(peer, left)
            except GoVaultError as error:
                if fetched:
                    break
                raise _NoAnswer(str(error)) from error
            given = [chunk for chunk in answer if sizes.get(chunk.chunk_id) in (SIZE_UNKNOWN, chunk.size_bytes)]
            plains = await self._local.opened(given)
            good = [Fetched(chunk, plain) for chunk, plain in zip(given, plains, strict=True) if plain is not None]
            if len(good) < len(answer):
                self._candidates.links.corrupted(peer)
            fetched += good
            # It may have stopped early: what comes behind its last chunk is asked for again.
            last = max(
                (left.index(chunk.sealed.chunk_id) for chunk in good if chunk.sealed.chunk_id in left), default=-1
            )
            left = left[last + 1 :] if last >= 0 else []
        return fetched


class _NoAnswer(Exception):
    """The peer said nothing of use."""


def patience(link: LinkQuality, size_bytes: int) -> float:
    """Seconds after which a fetch over a link counts as slow and somebody else is asked as well."""
    transfer_s = size_bytes / link.bandwidth_bytes_s if link.bandwidth_bytes_s > 0 else 0.0
    return min(max(_HEDGE_FACTOR * (link.latency_s + transfer_s), FETCH_HEDGE_S_MIN), FETCH_HEDGE_S_MAX)
