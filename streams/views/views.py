"""``RocksViews``: ``Views`` and ``ViewsMaintenance`` over the generation that serves now, and the door in for folds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager

from govault.domain.folding import AccountsReader, FilesReader, PeersReader
from govault.domain.position import Outcome, Position, Verdict
from govault.domain.rows import (
    DirectoryRow,
    NodeRow,
    OutcomeRow,
    PartitionRow,
    SpaceRow,
    TotalsRow,
)
from govault.domain.space_rows import SpaceQuotaRow, SpaceReplicasRow
from govault.errors import EventLog, OutcomePending, ViewsLagging
from govault.ports import PartitionStatus
from schemas.ids import ChunkId
from schemas.topics import Topic
from streams.records import Record
from streams.views import references, tokens
from streams.views.generation import Generation, VaultIdentity
from streams.views.listeners import Listeners
from streams.views.reads import ServingReads
from streams.views.revisions import PastPartition
from streams.views.search.index import PENDING_LIVE_MAX, SearchIndex
from streams.views.waiting import PartitionWaiters

_log = logging.getLogger(__name__)

Place = tuple[Topic, int]
Progress = Callable[[int, int], None]
Rebuild = Callable[[Progress], Awaitable[None]]


class RocksViews(ServingReads):
    """This node's views. One task folds; reads come from any thread, waits from the loop's own."""

    def __init__(self, generation: Generation, vault: VaultIdentity) -> None:
        self._serving = generation
        self._vault = vault
        self._places = vault.places()
        self._waiters = {place: PartitionWaiters(generation.folds[place].applied) for place in self._places}
        self._listeners = Listeners(
            {number: fold.epoch for (topic, number), fold in generation.folds.items() if topic is Topic.FILES}
        )
        self._replicas = references.AskedReplicas()
        self._folding = asyncio.Lock()
        self._rebuild: Rebuild | None = None
        self._indexing: asyncio.Task[None] | None = None

    # --- folding ---------------------------------------------------------------------------------------------

    @property
    def serving(self) -> Generation:
        """The generation that answers now."""
        return self._serving

    def fold(self, record: Record) -> None:
        """Fold one record and write it: it is visible, and its waiters are woken, when this returns."""
        place = (record.position.topic, record.position.partition)
        self.stage(place, (record,))
        self.write(place, logged=True)

    async def follow(self, place: Place, records: Sequence[Record]) -> None:
        """Fold records of one partition, in order and in one batch, once folding is not paused."""
        async with self._folding:
            self.stage(place, records)
            self.write(place, logged=True)
        shard = self._serving.shard(place)
        if self._indexing is None and shard.search.is_due(PENDING_LIVE_MAX):
            self._indexing = asyncio.create_task(self._index(shard.search), name="search-index")

    async def _index(self, search: SearchIndex) -> None:
        # A rebuild closes a generation that it replaced only once nobody uses it.
        try:
            with self._serving.in_use():
                await search.maintain(PENDING_LIVE_MAX, logged=True)
        finally:
            self._indexing = None

    def folding_paused(self) -> AbstractAsyncContextManager[None]:
        """While held, ``follow`` waits."""
        return self._folding

    def stage(self, place: Place, records: Iterable[Record]) -> None:
        """Fold records of one partition, in order; nothing is visible before ``write``.

        Raises:
            EventLog: Records are missing before them.
        """
        fold = self._serving.folds[place].fold
        note = self._waiters[place].note
        for record in records:
            folded = fold(record)
            if folded is not None:
                note(folded.position.offset, folded.outcome)

    def write(self, place: Place, logged: bool) -> None:
        """Write what was staged in one batch and wake those who wait for it.

        Args:
            logged: See ``Database.write``; after writes without, ``flush`` before writes with.
        """
        fold = self._serving.folds[place]
        self._serving.shard(place).written(place, fold.write(logged))
        if fold.rows.take_spaces_changed() or place[0] is Topic.DIRECTORY:
            self._replicas.forget()
        self._listeners.tell(*place, fold)
        self._waiters[place].advance(fold.written)

    def flush(self) -> None:
        """Everything written is in files when this returns."""
        self._serving.flush()

    def tell_dereferenced(self, chunk_ids: Sequence[bytes], epoch: int) -> None:
        """Chunks lost their last reference in a partition: pass it on."""
        self._listeners.tell_dereferenced(chunk_ids, epoch)

    def tell_epochs(self) -> None:
        """Pass on what partitions have come to without being followed: epochs, and ``.peers``."""
        for number in self.partitions():
            self._listeners.note_epoch(number, self._serving.folds[Topic.FILES, number].epoch)
        self._listeners.tell_peers()

    def swap(self, generation: Generation) -> Generation:
        """Serve another generation, which has folded at least as far; the one before is returned, still open."""
        before, self._serving = self._serving, generation
        self._replicas.forget()
        for place, waiters in self._waiters.items():
            waiters.advance(generation.folds[place].written)
        return before

    def next_offset(self, topic: Topic, partition: int) -> int:
        """Where to read on."""
        return self._serving.folds[topic, partition].applied + 1

    async def wait_applied(self, place: Place, offset: int, timeout_s: float) -> None:
        """Return when a partition has applied the offset.

        Raises:
            TimeoutError: Not in time.
        """
        await self._waiters[place].wait(offset, timeout_s)

    async def index(self, pending_max: int, logged: bool) -> None:
        """Bring the search index up to date after records were staged in bulk."""
        for shard in self._serving.shards:
            await shard.search.maintain(pending_max, logged)

    async def stop(self) -> None:
        """Finish work in the background, flush and close. Nothing may be read afterwards."""
        if self._indexing is not None:
            await asyncio.gather(self._indexing, return_exceptions=True)
        self.close()

    def close(self) -> None:
        """Flush and close, where nothing was left running. Nothing may be read afterwards."""
        self._serving.close()

    # --- upkeep ----------------------------------------------------------------------------------------------

    def status(self) -> list[PartitionStatus]:
        """Every folded partition."""
        return [
            PartitionStatus(
                topic,
                partition,
                fold.written,
                fold.vault_time_ms,
                fold.history.hex(),
                fold.view_digest.hex(),
                fold.malformed,
                fold.stopped,
            )
            for (topic, partition), fold in self._serving.folds.items()
        ]

    def stopped(self) -> set[Place]:
        """Partitions that fold no more until a newer GoVault runs."""
        return {place for place, fold in self._serving.folds.items() if fold.stopped}

    def malformed_last(self, topic: Topic, partition: int) -> list[int]:
        """Offsets of the last records of a partition that were skipped; a few."""
        return list(self._serving.folds[topic, partition].malformed_last)

    def vault_time_ms(self, partition: int) -> int:
        """Vault time of a ``.files`` partition."""
        return self._serving.folds[Topic.FILES, partition].vault_time_ms

    def on_dereferenced(self, callback: Callable[[Sequence[bytes], int], None]) -> None:
        """Call back when a partition drops chunks."""
        self._listeners.dereferenced.append(callback)

    def on_referenced(self, callback: Callable[[Sequence[bytes], int], None]) -> None:
        """Call back when a partition takes up chunks."""
        self._listeners.referenced.append(callback)

    def on_peers(self, callback: Callable[[], None]) -> None:
        """Call back when ``.peers`` has changed."""
        self._listeners.peers.append(callback)

    def on_epoch(self, callback: Callable[[int], None]) -> None:
        """Call back when a partition opens an epoch."""
        self._listeners.epoch.append(callback)

    def rebuild_with(self, rebuild: Rebuild) -> None:
        """Say how ``rebuild`` is done: it needs the log, which the views do not know."""
        self._rebuild = rebuild

    async def rebuild(self, progress: Progress) -> None:
        """Fold everything again beside the serving generation, then swap."""
        if self._rebuild is None:
            raise EventLog("the views do not follow the log yet; try again later")
        await self._rebuild(progress)

    # --- positions and waiting -------------------------------------------------------------------------------

    def partitions(self) -> Sequence[int]:
        """The ``.files`` partitions."""
        return range(self._vault.files_partitions)

    def applied(self) -> dict[Place, int]:
        """The last applied offset of every folded partition."""
        return {place: fold.written for place, fold in self._serving.folds.items()}

    def position_token(self) -> str:
        """The applied positions as an opaque value."""
        return tokens.make_token(self._vault.vault_id, self._places, self.applied())

    async def wait_for_token(self, token: str, timeout_s: float) -> bool:
        """Return when every position of the token is applied; whether any was not at once."""
        wanted = tokens.read_token(self._vault.vault_id, self._places, token)
        if all(self._waiters[place].is_applied(offset) for place, offset in wanted.items()):
            return False
        try:
            async with asyncio.timeout(timeout_s):
                for place, offset in wanted.items():
                    await self._waiters[place].wait(offset, timeout_s)
        except TimeoutError as error:
            raise ViewsLagging(
                f"the views did not reach the position within {timeout_s:g} s; try again later", position=token
            ) from error
        return True

    async def wait_outcome(self, position: Position, event_id: str, timeout_s: float) -> Outcome:
        """The outcome of the event at a position, once applied."""
        waiters = self._waiters[place := (position.topic, position.partition)]
        try:
            await waiters.wait(position.offset, timeout_s)
        except (TimeoutError, ViewsLagging) as error:
            raise OutcomePending(
                f"event {event_id} is written at {position}, but the views did not reach it within {timeout_s:g} s; "
                "ask for its outcome later",
                event_id=event_id,
            ) from error
        outcome = waiters.outcome(position.offset)
        if outcome is not None:
            return outcome
        row = self._serving.outcomes(place).outcome(event_id)
        if row is None:
            raise OutcomePending(f"the outcome of event {event_id} is not kept any more", event_id=event_id)
        return Outcome(Verdict(row.verdict), position._replace(offset=row.offset), row.reason, row.facts)

    def find_outcome(self, event_id: str) -> OutcomeRow | None:
        """A kept outcome, whatever its partition."""
        return self._serving.find_outcome(event_id)

    # --- spaces ----------------------------------------------------------------------------------------------

    def files(self, partition: int) -> FilesReader:
        """State of one ``.files`` partition."""
        return self._serving.files[partition]

    def files_as_of(self, partition: int, offset: int) -> PastPartition:
        """One ``.files`` partition as it was when an offset had been applied."""
        return PastPartition(self._serving.database(partition), self._serving.prefixes[partition], offset)

    def space_named(self, name: str) -> DirectoryRow | None:
        """The directory's row of a space name."""
        return self._serving.directory.space_named(name)

    def space(self, space_id: str) -> DirectoryRow | None:
        """The directory's row of a space id."""
        return self._serving.directory.space(space_id)

    def spaces(self) -> Iterator[DirectoryRow]:
        """All spaces, by name."""
        return iter(list(self._serving.directory.spaces()))

    def space_settings(self, space_id: str) -> SpaceRow | None:
        """A space's settings."""
        partition = self._serving.partition_of(space_id)
        return None if partition is None else self._serving.files[partition].space(space_id)

    def space_replicas(self, space_id: str) -> SpaceReplicasRow | None:
        """What a space asks of replication."""
        return references.asked(self._serving, space_id)

    def space_quota(self, space_id: str) -> SpaceQuotaRow | None:
        """How much a space may hold."""
        partition = self._serving.partition_of(space_id)
        return None if partition is None else self._serving.files[partition].space_quota(space_id)

    def replication_asked(self) -> bool:
        """Whether any space asks something of replication."""
        return self._replicas.any(self._serving)

    def replicas_asked(self) -> frozenset[tuple[str, int]]:
        """Which spaces ask for how many replicas."""
        return self._replicas.by_space(self._serving)

    def replicas_of(self, chunk_id: ChunkId, default: int) -> int:
        """How many replicas of a chunk are wanted."""
        return self._replicas.of(self._serving, chunk_id, default)

    def totals(self, space_id: str) -> TotalsRow:
        """A space's running totals."""
        partition = self._serving.partition_of(space_id)
        return TotalsRow(space_id) if partition is None else self._serving.files[partition].totals(space_id)

    def partition_row(self, partition: int) -> PartitionRow:
        """Epoch, rules and counters of a ``.files`` partition."""
        return self._serving.files[partition].partition()

    def nodes(self) -> list[NodeRow]:
        """All nodes that were ever admitted."""
        return self._serving.peers.nodes()

    def peers(self) -> PeersReader:
        """State of ``.peers``."""
        return self._serving.peers

    def accounts(self) -> AccountsReader:
        """State of ``.accounts``."""
        return self._serving.accounts
