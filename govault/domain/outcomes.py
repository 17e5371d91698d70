"""How a decision is said: accepted, unchanged or refused with a reason; and how a repeat is answered."""

from typing import NamedTuple

from govault.domain.position import Outcome, Position, Verdict
from govault.domain.reasons import Reason
from govault.domain.rows import OutcomeRow

Fact = str | int | bool | None
Facts = tuple[tuple[str, Fact], ...]


_new = tuple.__new__
"""See ``govault.domain.apply``."""
_ACCEPTED = Verdict.ACCEPTED


class Decision(NamedTuple):
    """What ``apply`` decided on one event, before it has a position."""

    verdict: Verdict
    reason: str = ""
    facts: Facts = ()


class Refusal(Exception):
    """Ends a decision inside ``apply``, which catches it, drops the draft and records the reason."""

    def __init__(self, reason: Reason, **facts: Fact) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.facts: Facts = tuple(facts.items())


def accepted(**facts: Fact) -> Decision:
    """The event takes effect."""
    return _new(Decision, (_ACCEPTED, "", tuple(facts.items())))


def unchanged(**facts: Fact) -> Decision:
    """The event is right, and everything is already as it asks."""
    return Decision(Verdict.UNCHANGED, "", tuple(facts.items()))


def refused(refusal: Refusal) -> Decision:
    """The event changes nothing, and why."""
    return Decision(Verdict.REFUSED, refusal.reason.value, refusal.facts)


def kept(row: OutcomeRow, at: Position) -> Outcome:
    """The outcome that a row keeps, at the position where the event stood first."""
    return Outcome(Verdict(row.verdict), Position(at.topic, at.partition, row.offset), row.reason, row.facts)
