"""The store's one lock and what it guards: index, pack figures, chunks in flight, stamps.

Claiming, confirming and removing a chunk happen under this lock, so that a chunk is never found known by an upload
and removed by collection at once: whoever comes second sees the other's stamp or its absence.
"""

from collections.abc import Iterable, Sequence
from threading import RLock
from typing import NamedTuple

from govault.errors import Storage
from govault.storage.index import Entry, Index, IndexBatch, PackRow, change_row
from govault.storage.pack import Appended, Place
from govault.storage.segment import Claimant, Cut
from govault.storage.slot_digests import SlotDigests
from schemas.ids import ChunkId

_EMPTY_ROW = PackRow()
EPOCH_FACT = "epoch"
FLOOR_FACT = "floor"
CLEAN_FACT = "clean"


class Waiter(NamedTuple):
    """A segment that waits for a chunk in flight, with the bytes to store it itself if its owner fails."""

    segment: Claimant
    cut: Cut


class _Claim:
    """A chunk on its way into a pack."""

    __slots__ = ("owner", "waiters")

    def __init__(self, owner: Claimant) -> None:
        self.owner = owner
        self.waiters: list[Waiter] = []

    def segments(self) -> list[Claimant]:
        """All that wait for the chunk, the owner first."""
        return [self.owner, *(waiter.segment for waiter in self.waiters)]

    def settle(self, finished: list[Claimant]) -> None:
        """The chunk is durable; adds the claimants that wait for nothing else now."""
        self._settle(self.owner, finished)
        for waiter in self.waiters:
            self._settle(waiter.segment, finished)

    @staticmethod
    def _settle(claimant: Claimant, finished: list[Claimant]) -> None:
        claimant.unresolved -= 1
        if not claimant.unresolved:
            finished.append(claimant)


class Ledger:
    """State of the store. Every method may be called by any thread."""

    def __init__(self, index: Index) -> None:
        self.lock = RLock()
        self.failure: Storage | None = None
        """Why the store stopped taking writes."""
        self.epoch = 0
        self.slots = SlotDigests()
        self._claims: dict[ChunkId, _Claim] = {}
        self.adopt(index)

    def adopt(self, index: Index) -> None:
        """Go on with an index that was just opened."""
        self.index = index
        self.slots.changed_all()
        self.rows: dict[int, PackRow] = dict(index.packs())
        self.quarantined: set[ChunkId] = {chunk_id for chunk_id, _ in index.quarantined()}
        self.epoch = max(self.epoch, index.fact(EPOCH_FACT) or 0)
        self._epoch_kept = self.epoch
        self.floor = index.fact(FLOOR_FACT) or 0
        """Every stamp counts as at least this: after an unclean start the epoch that the store knew then."""
        self._forget_claimed()

    def _forget_claimed(self) -> None:
        """A rebuilt index knows removed chunks again: those on their way into a pack count where they come to lie."""
        batch = IndexBatch()
        for chunk_id in self._claims:
            entry = self.index.get(chunk_id)
            if entry is not None:
                batch.delete_entry(chunk_id)
                self.rows[entry.pack] = change_row(self.rows.get(entry.pack, _EMPTY_ROW), [entry], -1)
                batch.put_pack(entry.pack, self.rows[entry.pack])
        if batch.changes:
            self.index.write(batch)

    def check(self) -> None:
        """Refuse writes after a failure.

        Raises:
            Storage: The store has stopped.
        """
        if self.failure is not None:
            raise self.failure

    def note_epoch(self, epoch: int) -> None:
        """Raise the epoch of later stamps. For one thread, the event loop's; it never waits for the lock."""
        self.epoch = max(self.epoch, epoch)

    def _keep_epoch(self, batch: IndexBatch) -> None:
        """Add the epoch to a batch where it has risen since the index was opened."""
        if self.epoch > self._epoch_kept:
            batch.put_fact(EPOCH_FACT, self.epoch)

    # --- chunks in flight ------------------------------------------------------------------------------------

    def claim(self, segment: Claimant, cuts: Sequence[Cut], *, again: bool = False) -> list[Cut]:
        """Decide for each chunk: known (stamped), awaited, or the segment's to store. Returns the last kind.

        Args:
            again: The segment waited for these chunks already, and their owner failed.
        """
        with self.lock:
            self.check()
            unknown = self._stamp_known(cuts)
            if again:
                segment.unresolved -= len(cuts)
            return self._claim(segment, unknown)

    def claim_at_once(self, segment: Claimant, cuts: Sequence[Cut]) -> list[Cut] | None:
        """The same without waiting and without writing, for the event loop; None where that cannot be."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            if self.failure is not None:
                return None
            unknown: list[Cut] = []
            for cut in cuts:
                stamp = self.index.stamp(cut.chunk_id)
                if stamp is None:
                    unknown.append(cut)
                elif stamp < self.epoch:
                    return None
            return self._claim(segment, unknown)
        finally:
            self.lock.release()

    def _claim(self, segment: Claimant, unknown: Sequence[Cut]) -> list[Cut]:
        """Nothing here can fail: a claim without an owner at work would never end."""
        mine: list[Cut] = []
        segment.unresolved += len(unknown)
        for cut in unknown:
            claim = self._claims.get(cut.chunk_id)
            if claim is not None:
                claim.waiters.append(Waiter(segment, cut))
            else:
                self._claims[cut.chunk_id] = _Claim(segment)
                mine.append(cut)
        return mine

    def _stamp_known(self, cuts: Sequence[Cut]) -> list[Cut]:
        """Stamp what the index has; the others are returned."""
        unknown: list[Cut] = []
        stamps: IndexBatch | None = None
        for cut in cuts:
            entry = self.index.get(cut.chunk_id)
            if entry is None:
                unknown.append(cut)
            elif entry.stamp < self.epoch:
                stamps = stamps or IndexBatch()
                stamps.put_entry(cut.chunk_id, entry._replace(stamp=self.epoch))
        if stamps is not None:
            self._keep_epoch(stamps)
            self.index.write(stamps)
        return unknown

    def waiting(self) -> int:
        """How often a segment waits for a chunk of another."""
        with self.lock:
            return sum(len(claim.waiters) for claim in self._claims.values())

    def give_up(self, cuts: Iterable[Cut]) -> list[Waiter]:
        """The owner of these chunks failed: those who waited must store them themselves."""
        with self.lock:
            claims = [claim for cut in cuts if (claim := self._claims.pop(cut.chunk_id, None)) is not None]
            return [waiter for claim in claims for waiter in claim.waiters]

    def commit(self, chunks: Sequence[Appended], ends: dict[int, int], frames: dict[int, int]) -> list[Claimant]:
        """Index chunks that are durable now. Returns the segments that have everything they wait for.

        Args:
            chunks: All that was appended to their packs since the last commit, in order.
            ends: The durable end of each pack.
            frames: Frame bytes that each pack got.
        """
        finished: list[Claimant] = []
        with self.lock:
            batch = IndexBatch()
            changed = {number: self.rows.get(number, _EMPTY_ROW) for number in ends}
            placed: list[ChunkId] = []
            for chunk in chunks:
                if chunk.moved_from is None:
                    self._put(batch, chunk.chunk_id, chunk.entry)
                elif not self._move(batch, changed, chunk, chunk.moved_from):
                    continue
                placed.append(chunk.chunk_id)
            for number in ends:
                stored = [chunk.entry for chunk in chunks if chunk.entry.pack == number and chunk.moved_from is None]
                changed[number] = change_row(changed[number], stored, 1)
            for number, end in ends.items():
                frame_bytes = changed[number].frame_bytes + frames.get(number, 0)
                changed[number] = changed[number]._replace(durable_bytes=end, frame_bytes=frame_bytes)
            for number, row in changed.items():
                batch.put_pack(number, row)
            self._keep_epoch(batch)
            self.index.write(batch)
            self.slots.changed(chunk.chunk_id for chunk in chunks if chunk.moved_from is None)
            self.rows.update(changed)
            if self.quarantined:
                self.quarantined.difference_update(placed)
            for chunk in chunks:
                claim = self._claims.pop(chunk.chunk_id, None) if chunk.moved_from is None else None
                if claim is not None:
                    claim.settle(finished)
        return finished

    def drop(self, chunks: Sequence[Appended]) -> list[Claimant]:
        """Chunks will not be indexed: their bytes are dead. Returns the segments that wait in vain."""
        with self.lock:
            chunk_ids = [chunk.chunk_id for chunk in chunks if chunk.moved_from is None]
            claims = [claim for chunk_id in chunk_ids if (claim := self._claims.pop(chunk_id, None)) is not None]
            return [segment for claim in claims for segment in claim.segments()]

    def stop(self, failure: Storage) -> list[Claimant]:
        """Take no more writes. Returns the segments that wait in vain."""
        with self.lock:
            self.failure = self.failure or failure
            claims, self._claims = self._claims, {}
            return [segment for claim in claims.values() for segment in claim.segments()]

    def _put(self, batch: IndexBatch, chunk_id: ChunkId, entry: Entry) -> None:
        batch.put_entry(chunk_id, entry)
        if chunk_id in self.quarantined:
            batch.delete_quarantined(chunk_id)

    def _move(self, batch: IndexBatch, rows: dict[int, PackRow], chunk: Appended, origin: Place) -> bool:
        """Point a chunk to its copy, unless it was removed, quarantined or stored anew while it was copied."""
        current = self.index.get(chunk.chunk_id)
        if current is None or (current.pack, current.offset) != origin:
            return False
        rows[origin.pack] = change_row(rows.get(origin.pack, self.rows.get(origin.pack, _EMPTY_ROW)), [current], -1)
        entry = chunk.entry._replace(stamp=current.stamp)
        rows[entry.pack] = change_row(rows[entry.pack], [entry], 1)
        self._put(batch, chunk.chunk_id, entry)
        return True

    # --- stamps ----------------------------------------------------------------------------------------------

    def stamp(self, chunks: Iterable[ChunkId], epoch: int) -> list[ChunkId]:
        """Stamp chunks with at least ``epoch``; those that are not in the index are returned."""
        missing: list[ChunkId] = []
        with self.lock:
            self.check()
            stamp = max(self.epoch, epoch)
            batch = IndexBatch()
            for chunk_id in chunks:
                entry = self.index.get(chunk_id)
                if entry is None:
                    missing.append(chunk_id)
                elif entry.stamp < stamp:
                    batch.put_entry(chunk_id, entry._replace(stamp=stamp))
            self._keep_epoch(batch)
            self.index.write(batch)
        return missing

    # --- removal ---------------------------------------------------------------------------------------------

    def remove(self, chunks: Iterable[ChunkId], epoch_max: int) -> list[tuple[ChunkId, Entry]]:
        """Forget chunks whose stamp is still at most ``epoch_max``. Those in flight are not in the index at all.

        Of those that are quarantined the mark is forgotten: they have no bytes here, and no stamp.
        """
        removed: list[tuple[ChunkId, Entry]] = []
        with self.lock:
            self.check()
            batch = IndexBatch()
            changed: dict[int, PackRow] = {}
            unmarked: list[ChunkId] = []
            for chunk_id in dict.fromkeys(chunks):
                entry = self.index.get(chunk_id)
                if entry is None and chunk_id in self.quarantined:
                    batch.delete_quarantined(chunk_id)
                    unmarked.append(chunk_id)
                if entry is None or self.counted_stamp(entry) > epoch_max:
                    continue
                batch.delete_entry(chunk_id)
                row = changed.get(entry.pack, self.rows.get(entry.pack, _EMPTY_ROW))
                changed[entry.pack] = change_row(row, [entry], -1)
                removed.append((chunk_id, entry))
            for number, row in changed.items():
                batch.put_pack(number, row)
            self.index.write(batch)
            self.slots.changed(chunk_id for chunk_id, _ in removed)
            self.rows.update(changed)
            self.quarantined.difference_update(unmarked)
        return removed

    def counted_stamp(self, entry: Entry) -> int:
        """A chunk's stamp as it counts."""
        return max(entry.stamp, self.floor)

    def forget_pack(self, number: int) -> None:
        """A pack that holds nothing live has been unlinked."""
        with self.lock:
            batch = IndexBatch()
            batch.delete_pack(number)
            self.index.write(batch)
            self.rows.pop(number, None)
