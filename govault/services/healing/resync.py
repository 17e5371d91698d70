"""Walks over this node's slots: what is referenced and not here is queued; co-holders are compared.

A walk begins at the start, whenever duties change (a layout, a death, a return), where notices were lost, when what the
last one found has been worked off, and once a period. When one that began under a layout finds nothing missing, this
node has reached that layout and says so; when all holders have, the layouts before are left.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from govault.domain.actor import system
from govault.domain.rows import LayoutRow
from govault.errors import GoVaultError
from govault.limits import COLLECTION_PAGE, REPAIR_SLOTS_PER_STEP, SLOTS
from govault.ports import ClusterMap, EventLog, RepairQueue, StoreMaintenance, Views
from govault.services.healing.comparing import Comparing
from govault.services.healing.duties import Duties
from govault.services.healing.notices import Notices
from govault.services.healing.pacing import PIECE_CHUNKS, LoopShare
from govault.services.healing.slot_references import referenced_by_slot
from govault.services.healing.surplus import Surplus
from govault.services.log.submit import Submitter
from schemas.events.peers import LayoutReached
from schemas.topics import FOLDED_TOPICS, Topic

_ACTOR = system("repair")
_LOOK_S = 5.0
_CATCH_UP_LOOKS = 50
_SOON_S = 1.0
_REPEAT_S = 30.0
"""Between a walk that found what others may lack and the next."""


@dataclass(slots=True)
class Walk:
    """One walk, or how far it is.

    Attributes:
        duties: The version of the duties it goes by; another one makes it begin anew.
        caught_up: Whether the views had applied all that the log held when it began.
        again: Whether what failed before is worth another try: others answer now than did then.
        missing: Referenced chunks that should be here and are not; ``lost`` are those that nobody has.
        under: Referenced chunks of this node's slots with fewer replicas than wanted.
        unsafe: Chunks that are not wanted here, and that a holder lacks or may lack.
    """

    duties: int
    layout: int
    caught_up: bool
    again: bool
    slots: Iterator[int]
    slots_done: int = 0
    after: bytes = b""
    scanning: bool = True
    missing: int = 0
    lost: int = 0
    under: int = 0
    unsafe: int = 0
    began_s: float = 0.0
    ended_s: float = 0.0

    @property
    def took_s(self) -> float:
        """From its first step to its last."""
        return self.ended_s - self.began_s


class Resync:
    """A worker (``maintenance.workers.Worker``)."""

    name = "resync"

    def __init__(
        self,
        *,
        cluster: ClusterMap,
        duties: Duties,
        views: Views,
        packs: StoreMaintenance,
        queue: RepairQueue,
        notices: Notices,
        comparing: Comparing,
        surplus: Surplus,
        submitter: Submitter,
        log: EventLog,
        monotonic_s: Callable[[], float],
        period_s: float,
    ) -> None:
        self._cluster = cluster
        self._duties = duties
        self._views = views
        self._packs = packs
        self._queue = queue
        self._notices = notices
        self._comparing = comparing
        self._surplus = surplus
        self._submitter = submitter
        self._log = log
        self._monotonic_s = monotonic_s
        self._share = LoopShare(monotonic_s)
        self._period_s = period_s
        self._asked = True
        self._wake = asyncio.Event()
        self.walk: Walk | None = None
        """The walk that is on."""
        self.last: Walk | None = None
        """The last that came to its end."""

    def ask(self) -> None:
        """Walk soon. Never blocks, never raises."""
        self._asked = True
        self._wake.set()

    def look(self) -> None:
        """See soon whether to walk: duties may have changed (``ViewsMaintenance.on_peers``), or all is worked off.

        Never blocks, never raises.
        """
        self._wake.set()

    async def work(self) -> bool:
        """A few slots, or the decision whether to walk at all."""
        self._wake.clear()
        await self._duties.refresh()
        if self._notices.take_overflow():
            self._asked = True
        if self.walk is not None and self.walk.duties != self._duties.version:
            self.walk = None
        if self.walk is None:
            if not self._due():
                return False
            self.walk = await self._begin()
        await self._step(self.walk)
        return True

    async def wait_for_work(self) -> None:
        """Return after a short while, or when something calls for a walk."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _due(self) -> bool:
        last = self.last
        if self._asked or last is None or last.duties != self._duties.version:
            return True
        idle_s = self._monotonic_s() - last.ended_s
        counts = self._queue.counts()
        if idle_s >= self._period_s:
            return True
        worked_off = counts.chunks <= counts.lost
        if worked_off and last.missing > last.lost:
            # All of it was repaired: this walk is the one that may say so.
            return idle_s >= max(_SOON_S, last.took_s)
        if not last.caught_up and self._has_to_say():
            # It may have overlooked what was not applied yet, and so says nothing.
            return idle_s >= max(_REPEAT_S, last.took_s)
        return worked_off and last.unsafe > 0 and idle_s >= _REPEAT_S

    async def _begin(self) -> Walk:
        self._asked = False
        caught_up = await self._caught_up()
        slots = iter(list(self._duties.walked_slots()))
        again = self.last is None or self.last.duties != self._duties.version
        return Walk(
            self._duties.version, self._duties.layout_version, caught_up, again, slots, began_s=self._monotonic_s()
        )

    async def _caught_up(self) -> bool:
        """Whether the views reach, soon, what the log holds now."""
        try:
            async with asyncio.timeout(_LOOK_S):
                ends = {topic: await self._log.end_offsets(topic) for topic in FOLDED_TOPICS}
        except (TimeoutError, GoVaultError):
            return False
        for _ in range(_CATCH_UP_LOOKS):
            if self._applied(ends):
                return True
            await asyncio.sleep(_LOOK_S / _CATCH_UP_LOOKS)
        return False

    def _applied(self, ends: dict[Topic, dict[int, int]]) -> bool:
        applied = self._views.applied()
        return all(
            applied.get((topic, partition), -1) >= end - 1
            for topic, found in ends.items()
            for partition, end in found.items()
        )

    async def _step(self, walk: Walk) -> None:
        slots = [slot for _, slot in zip(range(REPAIR_SLOTS_PER_STEP), walk.slots, strict=False)]
        if slots:
            try:
                await self._look_at(walk, slots)
            except BaseException:
                # They are looked at again: a walk that left some out would say too much when it ends.
                walk.slots = chain(slots, walk.slots)
                raise
            walk.slots_done += len(slots)
        elif walk.scanning:
            await self._scan(walk)
        else:
            await self._end(walk)

    async def _look_at(self, walk: Walk, slots: list[int]) -> None:
        """What is missing here, and what is missing at co-holders."""
        lacking = await self._comparing.compare(slots)
        answering = self._duties.answering()
        found_missing = found_lost = found_under = 0
        for slot, page in referenced_by_slot(self._views.referenced_chunks, slots, PIECE_CHUNKS):
            async with self._share.turn():
                everybody = all(peer in answering for peer in self._duties.other_holders(slot))
                mine = page if self._duties.wants(slot) else [one for one in page if self._duties.wants_chunk(one)]
                missing = self._packs.missing(mine)
                if missing:
                    self._queue.add(missing, self._duties.urgency(slot), again=walk.again)
                    found_missing += len(missing)
                    found_lost += len(self._queue.lost(missing))
                short = lacking.get(slot, set())
                found_under += len(short.union(missing).intersection(mine)) if everybody else len(mine)
        walk.missing += found_missing
        walk.lost += found_lost
        walk.under += found_under

    async def _scan(self, walk: Walk) -> None:
        """A page of this node's own chunks: those that are not wanted here."""
        if all(self._duties.wants(slot) for slot in range(SLOTS)):
            walk.scanning = False
            return
        page = [chunk.chunk_id for chunk in self._packs.stamped(walk.after, COLLECTION_PAGE)]
        unwanted = [chunk_id for chunk_id in page if not self._duties.wants_chunk(chunk_id)]
        if unwanted:
            walk.unsafe += await self._surplus.unsafe(unwanted)
        if page:
            walk.after = page[-1]
        walk.scanning = bool(page)

    async def _end(self, walk: Walk) -> None:
        if walk.missing <= walk.lost and walk.caught_up:
            await self._reach(walk.layout)
        walk.ended_s = self._monotonic_s()
        self.walk, self.last = None, walk

    async def _reach(self, version: int) -> None:
        """Say, once, that this node has all that a layout gives it."""
        newest, me = self._newest(), self._cluster.node_id
        if newest is None or newest.version != version or me not in newest.node_ids or me in newest.reached:
            return
        await self._submitter.submit(_ACTOR, LayoutReached(node_id=me, version=version), 0, subject="layout")

    def _has_to_say(self) -> bool:
        """Whether somebody waits for what a walk finds out: that the newest layout is reached, or this node drained."""
        newest = self._newest()
        return newest is not None and self._cluster.node_id not in newest.reached

    def _newest(self) -> LayoutRow | None:
        layouts = self._views.peers().layouts()
        return layouts[-1] if layouts else None

    def is_drained(self) -> bool:
        """Whether no layout needs this node, and every referenced chunk that it has is at all its holders."""
        last, placement = self.last, self._cluster.placement
        if placement.newest is None or last is None or last.duties != self._duties.version or self._asked:
            return False
        tables = (placement.newest, *placement.before)
        return (
            not any(self._cluster.node_id in table.node_ids for table in tables) and last.unsafe == 0 and last.caught_up
        )
