"""Fold the records of one partition, in order, into staged rows; a batch takes them with position and digests."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from govault.domain.apply import apply_accounts, apply_directory, apply_files, apply_peers
from govault.domain.folding import Applied
from govault.domain.position import Outcome, Position
from govault.domain.rows import FileRow, PartitionRow
from govault.domain.rules import is_beyond, must_stop
from govault.errors import EventLog, Storage
from schemas.codec import Macs, MalformedEvent, UnknownEventType
from schemas.envelope import Event
from schemas.events.files import RulesActivated
from schemas.topics import Topic
from streams.records import Record, event_of
from streams.views import keys
from streams.views.accounts import AccountsRows
from streams.views.database import Database
from streams.views.digests import MODULUS_MASK, History
from streams.views.key_filter import KeyFilter
from streams.views.reader import DirectoryRows, FilesRows, PartitionRows, PeersRows
from streams.views.staging import StagedRows
from streams.views.sweep import OutcomeSweep

_log = logging.getLogger(__name__)

ROWS_KEPT_MAX = 512
MALFORMED_KEPT_MAX = 16

Apply = Callable[[Any, Event, Position, int], Applied]
_APPLY: dict[Topic, Apply] = {
    Topic.FILES: apply_files,
    Topic.DIRECTORY: apply_directory,
    Topic.PEERS: apply_peers,
    Topic.ACCOUNTS: apply_accounts,
}
_READERS: dict[Topic, type[PartitionRows]] = {
    Topic.FILES: FilesRows,
    Topic.DIRECTORY: DirectoryRows,
    Topic.PEERS: PeersRows,
    Topic.ACCOUNTS: AccountsRows,
}


@dataclass(frozen=True, slots=True)
class FoldKeys:
    """The vault's 32-byte keys that folding needs: of events' MACs, and of the view digests."""

    mac_key: bytes
    digest_key: bytes


class Folded(NamedTuple):
    """What folding one record did; ``outcome`` is None where the record was malformed."""

    position: Position
    outcome: Outcome | None


class PartitionFold:
    """The state of one folded partition. One task calls it; it neither waits nor blocks for long.

    Attributes:
        applied: Offset of the last record folded; what is written follows with the next batch.
        chain: Over the records folded.
        stopped: Why it folds no more, for good; empty while it does.
        referenced: Chunks that got their first reference in the partition with the last ``write``.
    """

    def __init__(
        self, database: Database, topic: Topic, partition: int, fold_keys: FoldKeys, key_filter: KeyFilter | None = None
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.prefix = keys.partition_prefix(topic, partition)
        self._database = database
        self._macs = Macs(fold_keys.mac_key, topic, partition)
        self._apply = _APPLY.get(topic)
        self.rows = StagedRows(database, self.prefix, fold_keys.digest_key, ROWS_KEPT_MAX, key_filter)
        self.reader: Any = _READERS.get(topic, PartitionRows)(self.rows)
        # Whoever has a filter fills a database that is empty, and folds nothing with it afterwards.
        self._sweep = OutcomeSweep(database, self.prefix) if key_filter is None else None
        self.applied = self._written = -1
        self.vault_time_ms = 0
        self.chain = History(fold_keys.digest_key, topic, partition)
        self.malformed = 0
        self.malformed_last: deque[int] = deque(maxlen=MALFORMED_KEPT_MAX)
        self.stopped = ""
        self.referenced: list[bytes] = []
        self._failed: Storage | None = None
        self._load_meta()
        self._history = self.chain.digest

    # --- folding ---

    def fold(self, record: Record) -> Folded | None:
        """Fold the next record; None where it was folded before, or the partition has stopped.

        Raises:
            EventLog: A record is missing before this one: the log lost some.
        """
        offset = record.position.offset
        if self.stopped or offset <= self.applied:
            return None
        if offset != self.applied + 1:
            raise EventLog(
                f"the log lacks records {self.applied + 1} to {offset - 1} of {self.topic.value}/{self.partition}; "
                "a topic that is kept for ever was shortened: restore the log from a backup (`govault recover`)",
                code="event-log.gap",
            )
        try:
            event = event_of(record, self._macs)
        except MalformedEvent as error:
            self._skip(record, str(error))
            outcome = None
        except UnknownEventType as error:
            self._stop(f"the record at {record.position} cannot be folded: {error}")
            return None
        else:
            if self._beyond_us(event):
                why = "it needs rules that this version of GoVault does not know"
                self._stop(f"the record at {record.position} cannot be folded: {why}")
                return None
            outcome = self._decide(event, record)
        self.chain.extend(record)
        self.vault_time_ms = max(self.vault_time_ms, record.time_ms)
        self.applied = offset
        return tuple.__new__(Folded, (record.position, outcome))

    def _decide(self, event: Event, record: Record) -> Outcome:
        assert self._apply is not None
        vault_time_ms = max(self.vault_time_ms, record.time_ms)
        applied = self._apply(self.reader, event, record.position, vault_time_ms)
        self.rows.stage(applied.changes, record.position.offset)
        return applied.outcome

    def _beyond_us(self, event: Event) -> bool:
        if self._apply is None:
            return True
        return type(event.data) is RulesActivated and must_stop(event.data, self.reader.partition())

    def _skip(self, record: Record, why: str) -> None:
        self.malformed += 1
        self.malformed_last.append(record.position.offset)
        _log.warning("skipped the malformed record at %s: %s", record.position, why)

    def _stop(self, why: str) -> None:
        self.stopped = f"{why}; run a newer version of GoVault"
        _log.error("folding of %s/%d stops; reads go on: %s", self.topic.value, self.partition, self.stopped)

    # --- writing ---

    @property
    def written(self) -> int:
        """The applied position of the last batch."""
        return self._written

    def write(self, logged: bool) -> list[FileRow]:
        """Write everything folded since the last call in one batch: rows, position, digests.

        Returns:
            Files whose searchable fields changed.

        Raises:
            Storage: It cannot be written. What was folded is then in no batch and stays in none: for good, until the
                partition is opened again.
        """
        if self._failed is not None:
            raise self._failed
        self.referenced = []
        if self._written == self.applied:
            return []
        batch = self._database.batch()
        outcomes = self.reader.partition().outcomes
        if self._sweep is not None:
            # Before the rows: what is put behind a removal stays, and an old outcome may be recorded anew.
            self._sweep.write_to(batch, self.applied, outcomes)
        unindexed = self.rows.write_to(batch, self.applied)
        self.rows.forget_outcomes(outcomes)
        batch.put(self.prefix + keys.META, self._meta())
        try:
            self._database.write(batch, logged)
        except Storage as failed:
            # These rows are no longer staged: a later batch would tell of a position without them.
            self._failed = failed
            raise
        self.referenced = self.rows.take_referenced()
        self.rows.forget_rows()
        self._written = self.applied
        self._history = self.chain.digest
        return unindexed

    def finish(self) -> None:
        """After the last ``write`` of a partition filled from nothing: what was kept in memory until now."""
        batch = self._database.batch()
        self.rows.write_outcomes(batch)
        self._database.write(batch, logged=False)

    @property
    def history(self) -> bytes:
        """Digest of all records up to the last batch, 32 bytes: bulk folding pauses between a record and its batch."""
        return self._history

    @property
    def epoch(self) -> int:
        """The partition's epoch, folded events included."""
        row: PartitionRow = self.reader.partition()
        return row.epoch

    @property
    def view_digest(self) -> bytes:
        """Digest of the state as of the last batch, 32 bytes."""
        return ((self.rows.rows_sum + self.rows.outcomes_sum) & MODULUS_MASK).to_bytes(32, "big")

    def _meta(self) -> bytes:
        sums = (f"{self.rows.rows_sum:064x}", f"{self.rows.outcomes_sum:064x}")
        return orjson.dumps(
            (
                (self.applied, self.vault_time_ms, self.malformed),
                (self.chain.digest.hex(), self.chain.last_record.hex(), *sums),
                tuple(self.malformed_last),
            )
        )

    def _load_meta(self) -> None:
        stored = self._database.get(self.prefix + keys.META)
        if stored is None:
            return
        numbers, hashes, skipped = orjson.loads(stored)
        self.applied, self.vault_time_ms, self.malformed = numbers
        self._written = self.applied
        self.chain.digest, self.chain.last_record = bytes.fromhex(hashes[0]), bytes.fromhex(hashes[1])
        self.rows.rows_sum, self.rows.outcomes_sum = int(hashes[2], 16), int(hashes[3], 16)
        self.malformed_last.extend(skipped)
        if self.topic is Topic.FILES and is_beyond(rules := self.reader.partition().rules):
            # A newer program ran on this folder before: what comes next this one would decide by its own rules.
            self._stop(f"a newer version folded it up to offset {self.applied} by rules {rules}, unknown to this one")
