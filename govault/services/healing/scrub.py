"""Scrub: every chunk is read and verified again and again, a whole pass a period, so that rot is found while replicas
are there to repair it. What fails is quarantined by the store, which tells ``Notices``.
"""

import asyncio
from dataclasses import dataclass, replace

import orjson

from govault.limits import MIB
from govault.ports import ChunkStore, Clock, RepairQueue, StoreMaintenance, Views
from govault.services.healing.budget import ByteBudget

_NOTE = "scrub"
_PAGE = 64
_LOOK_S = 30.0
_RATE_BYTES_PER_S_MIN = 64 * 1024
_STATS_EVERY_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class ScrubPass:
    """A pass over all chunks, or how far it is.

    Attributes:
        began_ms: Wall clock; 0 where none is on.
        damaged: Referenced chunks that failed.
        after: Chunk id, hex, of the last that was verified.
        expected_bytes: Live bytes of the store, when last looked at.
        asked: Whether somebody asked for it: then it is not slowed to the period.
    """

    began_ms: int = 0
    after: str = ""
    chunks: int = 0
    read_bytes: int = 0
    damaged: int = 0
    expected_bytes: int = 0
    asked: bool = False

    @property
    def share(self) -> float:
        """How much of it is done, 0 … 1; ids are spread evenly, so the last one tells."""
        return int(self.after[:8].ljust(8, "0"), 16) / 2**32 if self.after else 0.0


@dataclass(frozen=True, slots=True)
class ScrubState:
    """What is kept of scrubbing.

    Attributes:
        last_began_ms: When the last whole pass began, wall clock; 0 where none has ended.
        finished_ms: When it ended.
        found: Damaged chunks that it found.
    """

    current: ScrubPass = ScrubPass()
    passes: int = 0
    last_began_ms: int = 0
    finished_ms: int = 0
    found: int = 0


class Scrub:
    """A worker (``maintenance.workers.Worker``). Its cursor survives restarts.

    Attributes:
        paused: Until it is false again nothing is read.
    """

    name = "scrub"

    def __init__(
        self,
        *,
        store: ChunkStore,
        packs: StoreMaintenance,
        views: Views,
        queue: RepairQueue,
        clock: Clock,
        period_s: float,
        bytes_per_s_max: float,
    ) -> None:
        """Args:
        period_s: For a whole pass, if the cap allows.
        bytes_per_s_max: The cap.
        """
        self._store = store
        self._packs = packs
        self._views = views
        self._queue = queue
        self._clock = clock
        self._period_s = period_s
        self._bytes_per_s_max = bytes_per_s_max
        self._budget = ByteBudget(bytes_per_s_max, clock.monotonic_s)
        self._looked_bytes = -_STATS_EVERY_BYTES
        self._wake = asyncio.Event()
        self.paused = False
        self.state = _decode(queue.note(_NOTE))

    @property
    def bytes_per_s(self) -> float:
        """The rate that it goes at."""
        return self._budget.bytes_per_s

    def run_now(self) -> None:
        """Go on with the pass, or begin one, as fast as the cap allows."""
        current = self.state.current
        began_ms = current.began_ms or self._clock.time_ms()
        self._keep(replace(self.state, current=replace(current, asked=True, began_ms=began_ms)))
        self._budget.set_rate(self._bytes_per_s_max)
        self._wake.set()

    async def work(self) -> bool:
        """Verify a page of chunks, or end the pass."""
        self._wake.clear()
        if self.paused or not await self._may_go_on():
            return False
        current = self.state.current
        await self._pace(current)
        page = self._packs.stamped(bytes.fromhex(self.state.current.after), _PAGE)
        if not page:
            self._finish()
            return False
        for chunk in page:
            await self._budget.take(chunk.stored_bytes)
            sound = await self._packs.verify(chunk.chunk_id)
            # What collection has removed since the page was read is missing too, and not damaged.
            damaged = not sound and self._views.chunk_referenced(chunk.chunk_id)
            current = replace(
                self.state.current,
                after=chunk.chunk_id.hex(),
                chunks=self.state.current.chunks + 1,
                read_bytes=self.state.current.read_bytes + chunk.stored_bytes,
                damaged=self.state.current.damaged + damaged,
            )
            self.state = replace(self.state, current=current)
            if self.paused:
                break
        self._keep(self.state)
        return not self.paused

    async def wait_for_work(self) -> None:
        """Return after a while, or when a pass was asked for."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _may_go_on(self) -> bool:
        """Whether a pass is on, or is begun now: a period after the last one began, or where none ever ended."""
        if self.state.current.began_ms:
            return True
        now_ms = self._clock.time_ms()
        # A clock that went back must not put the next pass off.
        waited_ms = now_ms - self.state.last_began_ms
        if 0 <= waited_ms < self._period_s * 1000 or not (await self._store.stats()).chunks:
            return False
        self._keep(replace(self.state, current=ScrubPass(began_ms=now_ms)))
        return True

    async def _pace(self, current: ScrubPass) -> None:
        if current.read_bytes - self._looked_bytes < _STATS_EVERY_BYTES and current.read_bytes >= self._looked_bytes:
            expected_bytes = current.expected_bytes
        else:
            expected_bytes = (await self._store.stats()).stored_bytes
            self._looked_bytes = current.read_bytes
            self.state = replace(self.state, current=replace(self.state.current, expected_bytes=expected_bytes))
        steady = max(expected_bytes / self._period_s, _RATE_BYTES_PER_S_MIN)
        cap = self._bytes_per_s_max
        self._budget.set_rate(cap if self.state.current.asked else min(steady, cap))

    def _finish(self) -> None:
        ended = self.state.current
        self._keep(ScrubState(ScrubPass(), self.state.passes + 1, ended.began_ms, self._clock.time_ms(), ended.damaged))
        self._looked_bytes = -_STATS_EVERY_BYTES

    def _keep(self, state: ScrubState) -> None:
        self.state = state
        current = state.current
        kept = {name: getattr(current, name) for name in ScrubPass.__dataclass_fields__}
        row = {
            "current": kept,
            "passes": state.passes,
            "last_began_ms": state.last_began_ms,
            "finished_ms": state.finished_ms,
            "found": state.found,
        }
        self._queue.keep(_NOTE, orjson.dumps(row))


def _decode(raw: bytes | None) -> ScrubState:
    if raw is None:
        return ScrubState()
    row = orjson.loads(raw)
    return ScrubState(
        ScrubPass(**row["current"]), row["passes"], row["last_began_ms"], row["finished_ms"], row["found"]
    )
