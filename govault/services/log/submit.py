"""The one way from a service to the log: append an event, wait for what ``apply`` decides, name refusals."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from govault.domain.access import is_unchecked
from govault.domain.actor import Actor
from govault.domain.foretelling import foretell
from govault.domain.outcomes import Refusal
from govault.domain.ownership import Growth, growths
from govault.domain.position import Outcome, Position, Verdict
from govault.domain.quotas import QUOTA_RULES, check_growth
from govault.domain.reasons import Reason
from govault.domain.rows import OutcomeRow
from govault.errors import EventLog as EventLogError
from govault.errors import IdempotencyMismatch, OutcomePending
from govault.limits import EVENT_NOT_AFTER_S, OUTCOME_WAIT_S
from govault.ports import Clock, EventLog, Randomness, Views
from govault.services.log.refusals import refusal
from govault.services.namespace.owners import Owners
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.access import OwnerChanged
from schemas.ids import EventId, event_id_for_key, new_event_id
from schemas.topics import Topic

_FRESH = "fresh:"


@dataclass(frozen=True, slots=True)
class Submitter:
    """Writes events for the services and tells them the outcome.

    Attributes:
        source: ``/vaults/<vault id>/nodes/<node id>``, written into every event.
        outcome_wait_s: How long one submission waits for its outcome.
        is_stopped: Whether this node folds a partition no more, until a newer program runs.
        owners: What of the accounts' growth is on its way.
    """

    log: EventLog
    views: Views
    clock: Clock
    randomness: Randomness
    source: str
    outcome_wait_s: float = OUTCOME_WAIT_S
    is_stopped: Callable[[Topic, int], bool] = lambda *_: False
    owners: Owners = field(default_factory=Owners)

    async def submit(self, actor: Actor, data: EventData, partition: int, *, subject: str, step: str = "") -> Outcome:
        """Append one event and return what came of it: accepted or unchanged, never refused.

        A repeat (the actor's Idempotency-Key names an event whose outcome is kept) is answered at once with the
        first outcome. What the view at hand already refuses is not appended.

        Args:
            subject: The record's key: the space id for ``.files``.
            step: Tells the events of one request apart when it makes several.

        Raises:
            GoVaultError: The refusal, by the table in ``govault.services.log.refusals``.
            QuotaExceeded: Also where an account would own more than it may, as far as this door knows.
            IdempotencyMismatch: The key was used for another request before.
            OutcomePending: Not known in time; ``event_id`` in details.
            EventLog: Certainly not written; also where this node has stopped folding the partition.
        """
        # A client may have used its key for a request elsewhere; our own keys and further steps stay where they are.
        anywhere = not step and not (actor.idempotency_key or "").startswith(_FRESH)
        known = self.find_repeat(actor, step, data.TOPIC, None if anywhere else partition)
        if known is not None:
            return accepted(known, self.event_id(actor, step))
        if self.is_stopped(data.TOPIC, partition):
            raise EventLogError(
                f"{data.TOPIC.value}/{partition} goes by newer rules than this node's program: it serves reads, and "
                "takes writes again once a newer GoVault runs here; ask another node meanwhile",
                code="event-log.newer-rules",
            )
        event = self._event(actor, data, subject, step)
        # Nothing is waited for between this judgement and what is held by it, so that no other write comes between.
        grown = self._refuse_early(actor, event, partition, event.id)
        with self.owners.held(event.id, partition, grown, event.not_after_ms or 0):
            outcome = await self._decided(event, partition)
        return accepted(outcome, event.id)

    async def _decided(self, event: Event, partition: int) -> Outcome:
        try:
            position = await self.log.append(event, partition)
            return await self.views.wait_outcome(position, event.id, self.outcome_wait_s)
        except OutcomePending as error:
            raise OutcomePending(str(error), event_id=event.id) from error

    def find_repeat(self, actor: Actor, step: str, topic: Topic, partition: int | None) -> Outcome | None:
        """The kept outcome of this very request, refusals included; None where it is new, came late or has no key.

        Args:
            partition: None where it cannot be known before: what the request names may be gone since it was done.

        Raises:
            IdempotencyMismatch: The key was used for another request before.
        """
        if actor.idempotency_key is None:
            return None
        event_id = self.event_id(actor, step)
        if topic is Topic.FILES and partition is not None:
            row = self.views.files(partition).outcome(event_id)
        else:
            row = self.views.find_outcome(event_id)
        if row is None:
            return None
        if row.request_hash != actor.request_hash:
            raise IdempotencyMismatch(
                "this Idempotency-Key was used for another request before; use a new key for a new request",
                event_id=row.event_id,
            )
        if row.reason == Reason.EXPIRED:
            # What came too late is no answer to a request made again in time (``govault.domain.apply``).
            return None
        return outcome_of(row, topic, -1 if partition is None else partition)

    def repeated(self, actor: Actor, step: str = "") -> Outcome | None:
        """The outcome that this very request had before, wherever; None where it is new or carries no key.

        The first event of every request has the empty step, so a key that another request used is noticed here.

        Raises:
            GoVaultError: It was refused.
            IdempotencyMismatch: The key was used for another request before.
        """
        known = self.find_repeat(actor, step, Topic.FILES, None)
        return None if known is None else accepted(known, self.event_id(actor, step))

    def keyed(self, actor: Actor) -> Actor:
        """The actor with a key for this request, so that several calls of one use case name the same events."""
        if actor.idempotency_key is not None:
            return actor
        return replace(actor, idempotency_key=_FRESH + self.randomness.token(16).hex())

    def event_id(self, actor: Actor, step: str) -> EventId:
        """The id of the request's event: by its key, or a fresh one."""
        if actor.idempotency_key is not None:
            return event_id_for_key(actor.name, actor.idempotency_key, step)
        return new_event_id(self.clock.time_ms(), self.randomness.token(10))

    def _event(self, actor: Actor, data: EventData, subject: str, step: str) -> Event:
        now_ms = self.clock.time_ms()
        return Event(
            id=self.event_id(actor, step),
            data=data,
            actor=actor.name,
            source=self.source,
            time_ms=now_ms,
            subject=subject,
            principals=actor.principals,
            not_after_ms=now_ms + int(EVENT_NOT_AFTER_S * 1000),
            request_hash=actor.request_hash,
        )

    def refuse_early(self, actor: Actor, data: EventData, partition: int) -> list[Growth]:
        """Judge a ``.files`` event in the state of now without appending it, e.g. before a long body is read.

        Returns:
            What accounts that have a quota would own more.

        Raises:
            GoVaultError: What the log would refuse, were it asked now.
        """
        return self._refuse_early(
            actor, self._event(actor, data, "", "judged-early"), partition, self.event_id(actor, "")
        )

    def refuse_growth(self, actor: Actor, space_id: str, partition: int, added_bytes: int) -> None:
        """Judge what would be added to a space by the quota and the totals of now.

        Raises:
            QuotaExceeded: It does not fit, were the log asked now.
        """
        if self.views.partition_row(partition).rules < QUOTA_RULES:
            return
        try:
            check_growth(self.views.files(partition), space_id, added_bytes, 0, actor.name, actor.principals)
        except Refusal as refused:
            at = Position(Topic.FILES, partition, 0)
            raise refusal(Outcome(Verdict.REFUSED, at, refused.reason.value, refused.facts), "") from None

    def refuse_owned(self, actor: Actor, growth: Growth) -> None:
        """Judge what an account would own more.

        Raises:
            QuotaExceeded: It does not fit, as far as this door knows.
        """
        self.owners.refuse(self.views, actor, growth, self.clock.time_ms(), self.event_id(actor, ""))

    def _refuse_early(self, actor: Actor, event: Event, partition: int, held_for: str) -> list[Growth]:
        """Only races are left for the log to decide. The directory's few events go there unjudged.

        Returns:
            What accounts that have a quota would own more.
        """
        if event.data.TOPIC is not Topic.FILES:
            return []
        reader = self.views.files(partition)
        changes, outcome = foretell(reader, event, partition)
        if outcome.verdict is Verdict.REFUSED:
            raise refusal(outcome, event.id)
        if isinstance(event.data, OwnerChanged) and is_unchecked(actor.name, actor.principals):
            return []
        now_ms = self.clock.time_ms()
        return [one for one in growths(reader, changes) if self.owners.refuse(self.views, actor, one, now_ms, held_for)]


def accepted(outcome: Outcome, event_id: str) -> Outcome:
    """The outcome, if it is not a refusal.

    Raises:
        GoVaultError: It is one.
    """
    if outcome.verdict is Verdict.REFUSED:
        raise refusal(outcome, event_id)
    return outcome


def outcome_of(row: OutcomeRow, topic: Topic, partition: int) -> Outcome:
    """The outcome in a kept row."""
    return Outcome(Verdict(row.verdict), Position(topic, partition, row.offset), row.reason, row.facts)


def certainly_unwritten(error: Exception) -> bool:
    """Whether nothing of the submission can be in the log: then repeating it is safe without a key."""
    return isinstance(error, EventLogError) and not isinstance(error, OutcomePending)
