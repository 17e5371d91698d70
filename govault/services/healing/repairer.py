"""Works the repair queue off: for each chunk the facts, the decision, the deed, until nothing is left to do."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar, assert_never

from govault.domain.healing import Action, AskLater, Drop, Fetch, Later, Nothing, Push, decide
from govault.errors import GoVaultError, StorageFull
from govault.limits import (
    COLLECTION_PAGE,
    PEER_BATCH_CHUNKS_MAX,
    REPAIR_BACKOFF_S_MAX,
    REPAIR_BACKOFF_S_MIN,
    REPAIR_BATCH_CHUNKS,
    REPAIR_LANES_MAX,
)
from govault.ports import ClusterMap, Postponed, RepairEntry, RepairQueue
from govault.services.healing.knowing import Knowing, Known
from govault.services.healing.pacing import PIECE_CHUNKS, LoopShare
from govault.services.healing.transfers import Transfers

T = TypeVar("T")

_LOOK_S = 5.0
_FENCED_S = 10.0
_FULL_S = 30.0
"""Until a node without room tries again, with one chunk: room is made by people, who then wait for what is repaired."""

_STEP_S = 1.0
_ROUNDS_MAX = 64
"""Each round rules out a peer or settles a chunk; a store that loses what it just took must not go on for ever."""


class Repairer:
    """A worker (``maintenance.workers.Worker``) with a few lanes, each on chunks of its own.

    What waits is looked at before its time where that may be of use: what failed, when a peer answers that did not; and
    when there is nothing else to do, all of it, a page at a time: what others have seen to meanwhile is done.

    Attributes:
        paused: Until it is false again nothing is moved.
    """

    name = "repair"

    def __init__(
        self,
        cluster: ClusterMap,
        queue: RepairQueue,
        knowing: Knowing,
        transfers: Transfers,
        lanes: int,
        monotonic_s: Callable[[], float],
        tell_empty: Callable[[], None],
    ) -> None:
        """Args:
        lanes: Batches at once, 1 … REPAIR_LANES_MAX.
        tell_empty: Called when nothing waits but what nobody has; must neither block nor raise.
        """
        self._cluster = cluster
        self._queue = queue
        self._knowing = knowing
        self._transfers = transfers
        self._lanes = max(1, min(lanes, REPAIR_LANES_MAX))
        self._monotonic_s = monotonic_s
        self._tell_empty = tell_empty
        self._share = LoopShare(monotonic_s)
        self._in_hand: set[bytes] = set()
        self._answered = knowing.answering()
        self._looked_s = monotonic_s()
        self._ahead = b""
        self._sooner = asyncio.Event()
        queue.on_sooner(self._sooner.set)
        self.paused = False
        self._is_full = False
        self._full_until_s = 0.0

    async def work(self) -> bool:
        """What is due, in all lanes, for about a second.

        Raises:
            GoVaultError: This node itself is at fault: what was tried is tried again later. That it has no room is
                told once, and then only looked at now and then.
        """
        self._sooner.clear()
        if self._rests:
            return False
        await self._look_again()
        until_s = self._monotonic_s() + _STEP_S
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._work_off(until_s)) for _ in range(1 if self._is_full else self._lanes)]
        for lane in lanes:
            if (failure := lane.result()) is not None:
                if self._is_known(failure):
                    return False
                raise failure
        self._is_full = False
        counts = self._queue.counts()
        if counts.chunks <= counts.lost:
            self._tell_empty()
        return self._queue.next_due_s() == 0.0 and not self._rests

    async def wait_for_work(self) -> None:
        """Return when the next chunk's time has come, when one was queued, or after a little while."""
        due_s = self._queue.next_due_s()
        if self._rests or due_s is None:
            due_s = _LOOK_S
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_LOOK_S, max(0.05, due_s))):
                await self._sooner.wait()

    def _is_known(self, failure: GoVaultError) -> bool:
        """Whether it is that there is still no room. A worker that fails again and again would wait minutes."""
        if not isinstance(failure, StorageFull):
            return False
        was_full, self._is_full = self._is_full, True
        self._full_until_s = self._monotonic_s() + _FULL_S
        return was_full

    @property
    def _rests(self) -> bool:
        return self.paused or self._cluster.fenced or self._monotonic_s() < self._full_until_s

    async def _work_off(self, until_s: float) -> GoVaultError | None:
        """One lane: batch after batch, until a moment, or until nothing is due."""
        while not self._rests and self._monotonic_s() < until_s:
            ids: set[bytes] = set()
            try:
                async with self._share.turn():
                    due = self._queue.take(REPAIR_BATCH_CHUNKS + len(self._in_hand))
                    at_once = 1 if self._is_full else REPAIR_BATCH_CHUNKS
                    batch = [entry for entry in due if entry.chunk_id not in self._in_hand][:at_once]
                    ids.update(entry.chunk_id for entry in batch)
                    self._in_hand |= ids
                if not batch:
                    return None
                if (failure := await self._repair(batch)) is not None:
                    return failure
            finally:
                self._in_hand -= ids
        return None

    # --- before its time -------------------------------------------------------------------------------------

    async def _look_again(self) -> None:
        """Now and then: see who answers again, and, with nothing else to do, what is done already."""
        if self._monotonic_s() - self._looked_s < _LOOK_S:
            return
        answering = self._knowing.answering()
        heard = await self._knowing.who_answer_again()
        if heard or not answering <= self._answered:
            await self._hasten_failed()
        self._answered = answering
        if self._queue.next_due_s() != 0.0:
            await self._look_ahead()
        self._looked_s = self._monotonic_s()

    async def _hasten_failed(self) -> None:
        after = b""
        while page := self._queue.waiting(after, COLLECTION_PAGE):
            self._queue.hasten([entry for entry in page if entry.failures])
            after = page[-1].chunk_id
            await asyncio.sleep(0)

    async def _look_ahead(self) -> None:
        """Forget a page of what waits and needs nothing more. Nothing is moved before its time."""
        page = self._queue.waiting(self._ahead, PEER_BATCH_CHUNKS_MAX)
        self._ahead = page[-1].chunk_id if len(page) == PEER_BATCH_CHUNKS_MAX else b""
        if page:
            known = await self._known(page)
            await self._knowing.ask_holders(known)
            for piece in _pieces(page):
                async with self._share.turn():
                    self._queue.done([entry for entry in piece if _is_done(decide(known[entry.chunk_id]))])

    # --- a batch ---------------------------------------------------------------------------------------------

    async def _repair(self, batch: Sequence[RepairEntry]) -> GoVaultError | None:
        known = await self._known(batch)
        try:
            await self._knowing.ask_holders(known)
            for _ in range(_ROUNDS_MAX):
                if not await self._act(known):
                    break
        except GoVaultError as error:
            if isinstance(error, StorageFull):
                # No fault of these chunks: each failure would double the time until they are tried again.
                await self._postpone([Postponed(entry, _FULL_S, False, entry.lost) for entry in batch])
            else:
                await self._postpone([Postponed(entry, _backoff_s(entry), True, entry.lost) for entry in batch])
            return error
        await self._settle(batch, known)
        return None

    async def _known(self, entries: Sequence[RepairEntry]) -> Known:
        known: Known = {}
        for piece in _pieces(entries):
            async with self._share.turn():
                known.update(self._knowing.of([entry.chunk_id for entry in piece]))
        return known

    async def _act(self, known: Known) -> bool:
        """Do what is to be done about each, peer by peer; whether anything was. What is learnt changes the facts."""
        fetches: dict[str, list[bytes]] = {}
        pushes: dict[str, list[bytes]] = {}
        for chunk_id, facts in known.items():
            action = decide(facts)
            if isinstance(action, Fetch):
                fetches.setdefault(action.sources[0], []).append(chunk_id)
            elif isinstance(action, Push):
                pushes.setdefault(action.targets[0], []).append(chunk_id)
        for peer, chunks in fetches.items():
            await self._transfers.fetch(known, peer, chunks)
        for peer, chunks in pushes.items():
            await self._transfers.push(known, peer, chunks)
        return bool(fetches or pushes)

    async def _settle(self, batch: Sequence[RepairEntry], known: Known) -> None:
        done: list[RepairEntry] = []
        postponed: list[Postponed] = []
        for entry in batch:
            action = decide(known[entry.chunk_id])
            reason = action.reason if isinstance(action, AskLater) else None
            if _is_done(action):
                done.append(entry)
            elif reason is Later.FENCED:
                postponed.append(Postponed(entry, _FENCED_S, False, entry.lost))
            else:
                lost = entry.lost if reason is None else reason is Later.LOST
                postponed.append(Postponed(entry, _backoff_s(entry), True, lost))
        for piece in _pieces(done):
            async with self._share.turn():
                self._queue.done(piece)
        await self._postpone(postponed)

    async def _postpone(self, postponed: Sequence[Postponed]) -> None:
        for piece in _pieces(postponed):
            async with self._share.turn():
                self._queue.later(piece)


def _pieces(entries: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(entries), PIECE_CHUNKS):
        yield entries[first : first + PIECE_CHUNKS]


def _is_done(action: Action) -> bool:
    match action:
        case Nothing() | Drop() | AskLater(Later.UNSTAMPED | Later.GRACE):
            # Replicas that are not wanted any more are collection's business.
            return True
        case Fetch() | Push() | AskLater():
            return False
        case _:
            assert_never(action)


def _backoff_s(entry: RepairEntry) -> float:
    return min(REPAIR_BACKOFF_S_MIN * 2.0 ** min(entry.failures, 16), REPAIR_BACKOFF_S_MAX)
