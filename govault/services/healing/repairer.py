"""Works the repair queue off: for each chunk the facts, the decision, the deed, until nothing is left to do."""

import asyncio
from collections.abc import Sequence
from typing import assert_never

from govault.domain.healing import AskLater, Drop, Fetch, Later, Nothing, Push, decide
from govault.errors import GoVaultError
from govault.limits import REPAIR_BACKOFF_S_MAX, REPAIR_BACKOFF_S_MIN, REPAIR_BATCH_CHUNKS, REPAIR_LANES_MAX
from govault.ports import ClusterMap, RepairEntry, RepairQueue
from govault.services.healing.knowing import Knowing, Known
from govault.services.healing.transfers import Transfers

_LOOK_S = 5.0
_FENCED_S = 10.0
_ROUNDS_MAX = 64
"""Each round rules out a peer or settles a chunk; a store that loses what it just took must not go on for ever."""


class Repairer:
    """A worker (``govault.services.workers.Worker``) with a few lanes, each on chunks of its own.

    Attributes:
        paused: Until it is false again nothing is moved.
    """

    name = "repair"

    def __init__(
        self, cluster: ClusterMap, queue: RepairQueue, knowing: Knowing, transfers: Transfers, lanes: int
    ) -> None:
        """Args:
        lanes: Batches at once, 1 … REPAIR_LANES_MAX.
        """
        self._cluster = cluster
        self._queue = queue
        self._knowing = knowing
        self._transfers = transfers
        self._lanes = max(1, min(lanes, REPAIR_LANES_MAX))
        self.paused = False

    async def work(self) -> bool:
        """One batch a lane.

        Raises:
            GoVaultError: This node itself is at fault, e.g. has no room: what was tried is tried again later.
        """
        if self.paused or self._cluster.fenced:
            return False
        entries = self._queue.take(self._lanes * REPAIR_BATCH_CHUNKS)
        batches = [entries[at : at + REPAIR_BATCH_CHUNKS] for at in range(0, len(entries), REPAIR_BATCH_CHUNKS)]
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._repair(batch)) for batch in batches]
        for lane in lanes:
            if (failure := lane.result()) is not None:
                raise failure
        return bool(entries)

    async def wait_for_work(self) -> None:
        """Return when the next chunk's time has come, or a little earlier or later."""
        due_s = self._queue.next_due_s()
        idle = due_s is None or self.paused or self._cluster.fenced
        await asyncio.sleep(_LOOK_S if idle or due_s is None else min(_LOOK_S, max(0.05, due_s)))

    async def _repair(self, batch: Sequence[RepairEntry]) -> GoVaultError | None:
        known = self._knowing.of([entry.chunk_id for entry in batch])
        try:
            await self._knowing.ask_holders(known)
            for _ in range(_ROUNDS_MAX):
                if not await self._act(known):
                    break
        except GoVaultError as error:
            for entry in batch:
                self._queue.later(entry, _backoff_s(entry), failed=True, lost=entry.lost)
            return error
        self._settle(batch, known)
        return None

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

    def _settle(self, batch: Sequence[RepairEntry], known: Known) -> None:
        done: list[RepairEntry] = []
        for entry in batch:
            action = decide(known[entry.chunk_id])
            match action:
                case Nothing() | Drop() | AskLater(Later.UNSTAMPED | Later.GRACE):
                    # Replicas that are not wanted any more are collection's business.
                    done.append(entry)
                case AskLater(Later.FENCED):
                    self._queue.later(entry, _FENCED_S, failed=False, lost=entry.lost)
                case AskLater(reason):
                    self._queue.later(entry, _backoff_s(entry), failed=True, lost=reason is Later.LOST)
                case Fetch() | Push():
                    self._queue.later(entry, _backoff_s(entry), failed=True, lost=entry.lost)
                case _:
                    assert_never(action)
        self._queue.done(done)


def _backoff_s(entry: RepairEntry) -> float:
    return min(REPAIR_BACKOFF_S_MIN * 2.0 ** min(entry.failures, 16), REPAIR_BACKOFF_S_MAX)
