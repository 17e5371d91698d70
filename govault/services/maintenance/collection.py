"""Collection: chunks that nothing references leave the store, two epochs after anybody can still have counted on them.

The rule (DESIGN, 'Collection by epochs'): a chunk's stamp is the epoch in which it was last stored, confirmed or
dereferenced. It is removed only when no partition references it and every partition is EPOCHS_OF_GRACE past the stamp.

Why that is safe. A commit that lists the chunk carries an epoch e that its writer read before it stored, confirmed or
saw a reference to the chunk; so the stamp is at least e, or becomes it when that reference goes. ``apply`` refuses the
commit once its partition has passed e + 1. So when every partition folded here has reached stamp + 2, the commit is
either folded (and the chunk referenced) or refused. What the writer does next re-stamps, and the store judges each
removal against stamping, one chunk at a time.

Stamps set before this process started may be lost; all of them count as at least the epoch of the log's end at start,
which is no earlier than any epoch a previous process can have stamped with. So a node that was away, however long,
folds to the log's end before it removes anything.

In a cluster the rule holds for every node by itself, whatever it has folded so far: whoever counts on its replica has
had it stamped with an epoch of their own, and a node that lags has not come past that epoch's grace. What it confirms
is true however far behind it is. Replicas of slots that are not this node's any more (``Surplus``) go by the same
stamps and the same grace, though they are referenced, once all holders have confirmed, and so stamped, the chunk.
"""

import asyncio
from binascii import a2b_base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from govault.domain.actor import system
from govault.domain.manifest import unpack
from govault.errors import ViewsLagging
from govault.limits import COLLECTION_PAGE, EPOCHS_OF_GRACE
from govault.ports import EventLog, StampedChunk, StoreMaintenance, Views
from govault.services.contents.in_flight import InFlight
from govault.services.log.submit import Submitter
from govault.services.maintenance.collection_epochs import EpochBarriers, EpochPace
from govault.services.maintenance.collection_stamps import Dereferences
from schemas.events.files import PartsReleased
from schemas.topics import Topic

_ACTOR = system("collection")
_PARTS_PER_EVENT = 1
"""Releasing one folds up to PART_CHUNKS_MAX rows in one go: more at once would hold up everybody else."""
_IDLE_PARTS_PAGE = 256
_ESTIMATED_PARTS_MAX = 2000
_CATCH_UP_POLL_S = 0.05
_ROUNDS_MAX = 2 * EPOCHS_OF_GRACE + 3
"""Parts wait their grace, then the chunks that they held wait theirs; one more where partitions are apart at first."""


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What a collection did, or with ``dry_run`` would do.

    Attributes:
        waiting_chunks: Unreferenced, but not past their grace yet.
        plain_bytes: Of the removed chunks' plaintexts.
        stored_bytes: What they took in packs.
        freed_bytes: By which the pack files shrank.
        surplus_chunks: Those of the removed that are referenced, and belong to other nodes.
    """

    dry_run: bool = False
    epochs_opened: int = 0
    parts_released: int = 0
    removed_chunks: int = 0
    waiting_chunks: int = 0
    plain_bytes: int = 0
    stored_bytes: int = 0
    freed_bytes: int = 0
    surplus_chunks: int = 0

    def plus(self, removed: list[StampedChunk]) -> "CollectionReport":
        """With these chunks removed."""
        return replace(
            self,
            removed_chunks=self.removed_chunks + len(removed),
            plain_bytes=self.plain_bytes + sum(chunk.size_bytes for chunk in removed),
            stored_bytes=self.stored_bytes + sum(chunk.stored_bytes for chunk in removed),
        )


Said = Callable[[str, CollectionReport], None]
"""Told now and then what a collection is at."""


class SurplusReplicas(Protocol):
    """Judges replicas that are on this node and belong to others (``govault.services.healing.surplus``)."""

    def unwanted(self, chunks: Sequence[StampedChunk]) -> list[StampedChunk]:
        """Those of the chunks that nobody gives to this node any more."""

    async def droppable(self, chunks: Sequence[StampedChunk], epoch_max: int) -> list[bytes]:
        """Those of them that every holder has, durably, and stamped with this node's epoch."""

    def note_removed(self, chunks: int) -> None:
        """So many are gone."""


class Collector:
    """Collects on this node. One collection at a time; ``frozen`` holds it off altogether."""

    def __init__(
        self,
        *,
        log: EventLog,
        views: Views,
        packs: StoreMaintenance,
        submitter: Submitter,
        barriers: EpochBarriers,
        dereferences: Dereferences,
        in_flight: InFlight,
        pace: EpochPace,
        fenced: Callable[[], bool] = lambda: False,
        surplus: SurplusReplicas | None = None,
    ) -> None:
        """Args:
        pace: Says when the background may open another epoch.
        fenced: Whether this node reaches neither log nor peers: then it removes nothing.
        surplus: Judges replicas that belong to other nodes; None where there are none.
        """
        self._log = log
        self._views = views
        self._packs = packs
        self._submitter = submitter
        self._barriers = barriers
        self._dereferences = dereferences
        self._in_flight = in_flight
        self._pace = pace
        self._fenced = fenced
        self._surplus = surplus
        self._turn = asyncio.Lock()
        self._floor: int | None = None
        self._clean_at: object = None
        """How log and store stood when nothing was left to collect: until one of them moves on, nothing is."""

    @property
    def running(self) -> bool:
        """Whether a collection or a freeze is on."""
        return self._turn.locked()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """No collection while held; waits for the one that runs."""
        async with self._turn, self._packs.frozen():
            yield

    async def collect(self, said: Said = lambda text, report: None, dead_share_min: float = 0.001) -> CollectionReport:
        """Collect to the end, opening the epochs that grace needs. Safe beside uploads, and to cancel anywhere.

        Args:
            dead_share_min: Packs with at least this share (0…1) of dead bytes are rewritten.

        Raises:
            ViewsLagging: The views have not caught up since the start: nothing was removed.
        """
        async with self._turn:
            await self._set_floor()
            report = CollectionReport()
            target = self._barriers.highest() + EPOCHS_OF_GRACE
            for _ in range(_ROUNDS_MAX):
                said("releasing parts", report)
                released = report.parts_released
                report, parts_wait = await self._release_parts(report)
                if report.parts_released > released:
                    # The chunks that these parts held begin their own grace only now.
                    target = self._barriers.highest() + EPOCHS_OF_GRACE
                said("removing chunks", report)
                report = await self._remove_unreferenced(report)
                report, surplus_waits, _ = await self._remove_surplus(report)
                # What uploads in flight add meanwhile is left to the next collection: the target does not follow it.
                if self._barriers.lowest() >= target or not (parts_wait or report.waiting_chunks or surplus_waits):
                    break
                await self._barriers.open_next()
                report = replace(report, epochs_opened=report.epochs_opened + 1)
            return await self._compact(report, said, dead_share_min)

    async def collect_gently(self, dead_share_min: float) -> CollectionReport:
        """One round of the background: at most one new epoch, and only where something waits for it.

        Raises:
            ViewsLagging: The views have not caught up since the start: nothing was removed.
        """
        async with self._turn:
            await self._set_floor()
            stats = await self._barriers.store.stats()
            seen = (dict(self._views.applied()), stats.chunks, stats.stored_bytes, stats.dead_bytes)
            if seen == self._clean_at:
                return CollectionReport()
            report, parts_wait = await self._release_parts(CollectionReport())
            report = await self._remove_unreferenced(report)
            report, surplus_waits, surplus_left = await self._remove_surplus(report)
            if parts_wait or report.waiting_chunks or surplus_waits:
                if self._pace.due() and not self._fenced():
                    await self._barriers.open_next()
                    report = replace(report, epochs_opened=1)
            elif self._in_flight.oldest_epoch() is None and not (report.removed_chunks or surplus_left):
                self._clean_at = seen
            return await self._compact(report, lambda text, report: None, dead_share_min)

    async def estimate(self, said: Said = lambda text, report: None) -> CollectionReport:
        """What ``collect`` would remove if nothing else happened, grace or not. Changes nothing.

        Of very many idle parts only the first are looked into: then it is a lower bound.
        """
        report = CollectionReport(dry_run=True)
        idle, parts = await self._idle_references()
        async for page, referenced in self._pages():
            report = report.plus(
                [chunk for chunk in page if chunk.chunk_id not in referenced or self._only_idle(chunk.chunk_id, idle)]
            )
            said("counting", report)
        return replace(report, parts_released=parts)

    async def _idle_references(self) -> tuple[Counter[bytes], int]:
        """How often idle parts reference each of their chunks, and how many parts were looked into."""
        references: Counter[bytes] = Counter()
        parts = 0
        for partition in self._views.partitions():
            epoch = self._views.partition_row(partition).epoch
            for space_id, part_id in self._views.idle_parts(partition, epoch, _ESTIMATED_PARTS_MAX - parts):
                reader = self._views.files(partition)
                row, packed = reader.part(space_id, part_id), reader.packed_part(space_id, part_id)
                if row is not None and packed is not None and not row.references:
                    references.update({chunk.chunk_id for chunk in unpack(a2b_base64(packed))})
                    parts += 1
                    await asyncio.sleep(0)
        return references, parts

    def _only_idle(self, chunk_id: bytes, idle: Counter[bytes]) -> bool:
        """Whether all references of a chunk are those of idle parts."""
        if chunk_id not in idle:
            return False
        rows = (self._views.files(partition).chunk(chunk_id) for partition in self._views.partitions())
        return sum(row.references for row in rows if row is not None) <= idle[chunk_id]

    async def _set_floor(self) -> None:
        if self._floor is not None:
            return
        ends = await self._log.end_offsets(Topic.FILES)
        for _ in range(int(30 / _CATCH_UP_POLL_S)):
            applied = self._views.applied()
            if all(applied.get((Topic.FILES, p), -1) >= end - 1 for p, end in ends.items()):
                break
            await asyncio.sleep(_CATCH_UP_POLL_S)
        else:
            raise ViewsLagging("the views have not reached the log's end since the start; collection waits for them")
        self._floor = self._barriers.highest()
        self._barriers.store.note_epoch(self._floor)

    def _epoch_max(self) -> int:
        """The youngest stamp that is past its grace everywhere; -1 while not even the start is."""
        overflow = self._dereferences.take_overflow()
        if overflow is not None:
            self._floor = max(self._floor or 0, overflow, self._barriers.highest())
        epoch_max = self._barriers.lowest() - EPOCHS_OF_GRACE
        oldest = self._in_flight.oldest_epoch()
        if oldest is not None:
            epoch_max = min(epoch_max, oldest - 1)
        past_start = self._floor is not None and self._floor <= epoch_max
        return epoch_max if past_start and not self._fenced() else -1

    async def _release_parts(self, report: CollectionReport) -> tuple[CollectionReport, bool]:
        """Release the parts whose grace is over; whether others still wait."""
        released, wait = 0, False
        for partition in self._views.partitions():
            epoch = self._views.partition_row(partition).epoch
            asked: set[tuple[str, str]] = set()
            while True:
                idle = self._views.idle_parts(partition, epoch - EPOCHS_OF_GRACE, _IDLE_PARTS_PAGE)
                fresh = [part for part in idle if part not in asked]
                if not fresh:
                    break
                asked.update(fresh)
                await self._release(partition, fresh)
                released += len(fresh)
            # Those younger than grace, and not merely what was asked for above and left alone.
            young = self._views.idle_parts(partition, epoch, _IDLE_PARTS_PAGE)
            wait = wait or any(part not in asked for part in young)
        return replace(report, parts_released=report.parts_released + released), wait

    async def _release(self, partition: int, parts: list[tuple[str, str]]) -> None:
        by_space: dict[str, list[str]] = {}
        for space_id, part_id in parts:
            by_space.setdefault(space_id, []).append(part_id)
        for space_id, part_ids in by_space.items():
            for start in range(0, len(part_ids), _PARTS_PER_EVENT):
                data = PartsReleased(space_id=space_id, part_ids=tuple(part_ids[start : start + _PARTS_PER_EVENT]))
                await self._submitter.submit(_ACTOR, data, partition, subject=space_id)

    async def _remove_unreferenced(self, report: CollectionReport) -> CollectionReport:
        await self._dereferences.drain()
        waiting = 0
        async for chunks in self._unreferenced():
            # Judged in one go, without an await: what is dereferenced later was referenced here, and stays.
            epoch_max = self._epoch_max()
            due = [
                chunk.chunk_id
                for chunk in chunks
                if chunk.epoch <= epoch_max
                and chunk.chunk_id not in self._dereferences
                and not self._views.chunk_referenced(chunk.chunk_id)
            ]
            removed = await self._packs.remove(due, epoch_max) if due else []
            report = report.plus(removed)
            waiting += len(chunks) - len(removed)
        await self._forget_quarantined()
        return replace(report, waiting_chunks=waiting)

    async def _forget_quarantined(self) -> None:
        """What was damaged and is referenced no more has nothing left to be repaired, and is no finding."""
        gone = [
            chunk.chunk_id
            for chunk in self._packs.quarantined(COLLECTION_PAGE)
            if not self._views.chunk_referenced(chunk.chunk_id)
        ]
        if gone:
            await self._packs.remove(gone, self._epoch_max())

    async def _remove_surplus(self, report: CollectionReport) -> tuple[CollectionReport, bool, bool]:
        """Let go of replicas that belong to other nodes; whether some wait for grace, and whether any are left."""
        if self._surplus is None:
            return report, False, False
        waits = left = False
        async for page, referenced in self._pages():
            chunks = self._surplus.unwanted([chunk for chunk in page if chunk.chunk_id in referenced])
            if not chunks:
                continue
            epoch_max = self._epoch_max()
            young = [chunk for chunk in chunks if chunk.epoch > epoch_max]
            old = [chunk for chunk in chunks if chunk.epoch <= epoch_max]
            due = await self._surplus.droppable(old, epoch_max) if old else []
            # While the holders were asked an upload may have begun, or this node may have been fenced.
            removed = await self._packs.remove(due, min(epoch_max, self._epoch_max())) if due else []
            self._surplus.note_removed(len(removed))
            report = report.plus(removed)
            report = replace(report, surplus_chunks=report.surplus_chunks + len(removed))
            waits = waits or bool(young)
            left = left or len(removed) < len(chunks)
        return report, waits, left

    async def _unreferenced(self) -> AsyncIterator[list[StampedChunk]]:
        """Pages of chunks in the store that nothing referenced when the page was read."""
        async for page, referenced in self._pages():
            found = [chunk for chunk in page if chunk.chunk_id not in referenced]
            if found:
                yield found

    async def _pages(self) -> AsyncIterator[tuple[list[StampedChunk], set[bytes]]]:
        """Pages of the store's chunks, with the chunks of that range that something references."""
        after = b""
        while page := self._packs.stamped(after, COLLECTION_PAGE):
            first, after = after, page[-1].chunk_id
            referenced: set[bytes] = set()
            while ids := self._views.referenced_chunks(first, COLLECTION_PAGE):
                referenced.update(ids)
                first = ids[-1]
                if first >= after:
                    break
            yield page, referenced
            await asyncio.sleep(0)

    async def _compact(self, report: CollectionReport, said: Said, dead_share_min: float) -> CollectionReport:
        while freed := await self._packs.compact(dead_share_min):
            report = replace(report, freed_bytes=report.freed_bytes + freed)
            said("compacting packs", report)
        return report
