"""Healing: one idempotent decision a chunk, taken from facts (the model is Garage's ``src/block/resync.rs``).

Whoever notices something about a chunk only queues it; what is to be done is decided when its turn comes, from what
is the case then. So a notice may come twice, late or for nothing.
"""

from collections.abc import Sequence
from collections.abc import Set as AnySet
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Urgency(IntEnum):
    """In this order chunks are repaired."""

    SOLE = 0
    """At most one replica answers."""
    FEW = 1
    """Fewer than R replicas answer."""
    REST = 2


class Later(StrEnum):
    """Why a chunk is looked at again later."""

    FENCED = "fenced"
    """This node reaches neither log nor peers."""
    UNREACHABLE = "unreachable"
    """Somebody may have it who does not answer now."""
    LOST = "lost"
    """Everybody was asked, and nobody has it."""
    UNCONFIRMED = "unconfirmed"
    """A holder has not said yet that it has it."""
    UNSTAMPED = "unstamped"
    """All holders have it; they have to stamp it before this node may let go of it."""
    GRACE = "grace"
    """Somebody may still count on this node's replica."""


class ChunkFacts(NamedTuple):
    """What is known of one chunk, here and now.

    Attributes:
        referenced: Whether an applied version references it.
        wanted: Whether this node should have it: as holder, or as stand-in of one that is dead.
        serving: Whether an older layout that is not left yet gives it to this node.
        held: Whether it is here and sound: a quarantined or lost one is not.
        holders: The other holders in the newest layout, the best first.
        sources: All others who may have it, in the order in which to ask them.
        up: Those of the others that are worth calling.
        having: Those of the others who said that they have it.
        lacking: Those who said that they lack it.
        confirmed: Those of ``having`` that stamped it, durably, with this node's epoch.
        stamp: This node's own stamp of it.
        epoch_max: The youngest stamp that is past its grace; -1 while none is.
    """

    referenced: bool
    wanted: bool
    held: bool
    serving: bool = False
    fenced: bool = False
    holders: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    up: frozenset[str] = frozenset()
    having: frozenset[str] = frozenset()
    lacking: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    stamp: int = 0
    epoch_max: int = -1


class Nothing(NamedTuple):
    """All is well here."""


class Fetch(NamedTuple):
    """Get it from the first of these that has it."""

    sources: tuple[str, ...]


class Push(NamedTuple):
    """Give it to these."""

    targets: tuple[str, ...]


class Drop(NamedTuple):
    """Let go of this node's replica, if its stamp is still at most that."""

    epoch_max: int


class AskLater(NamedTuple):
    """Nothing can be done now."""

    reason: Later


Action = Nothing | Fetch | Push | Drop | AskLater


def decide(facts: ChunkFacts) -> Action:
    """What this node does about a chunk. Pure and total; doing it twice does no harm.

    A chunk that nothing references is left to collection. A replica that is not wanted here any more goes only when
    every holder has confirmed (and so stamped) the chunk, and this node's own stamp is past its grace: until then an
    upload may have counted this replica, and a holder that would let go of its own is asked to confirm to somebody.
    """
    if facts.fenced:
        return AskLater(Later.FENCED)
    if not facts.referenced:
        return Nothing()
    if not facts.held:
        return _complete(facts) if facts.wanted else Nothing()
    targets = tuple(node for node in facts.holders if node in facts.lacking and node in facts.up)
    if targets:
        return Push(targets)
    if facts.wanted or facts.serving:
        return Nothing()
    return _let_go(facts)


def _complete(facts: ChunkFacts) -> Action:
    asked = [node for node in facts.sources if node in facts.up and node not in facts.lacking]
    if asked:
        return Fetch((*(n for n in asked if n in facts.having), *(n for n in asked if n not in facts.having)))
    nobody = bool(facts.sources) and facts.lacking.issuperset(facts.sources)
    return AskLater(Later.LOST if nobody else Later.UNREACHABLE)


def _let_go(facts: ChunkFacts) -> Action:
    if not facts.holders or not (facts.having | facts.confirmed).issuperset(facts.holders):
        return AskLater(Later.UNCONFIRMED)
    if not facts.confirmed.issuperset(facts.holders):
        return AskLater(Later.UNSTAMPED)
    if facts.stamp > facts.epoch_max:
        return AskLater(Later.GRACE)
    return Drop(facts.epoch_max)


def urgency_of(replicas_left: int, replicas: int) -> Urgency:
    """How urgent a slot's chunks are where so many of R replicas answer."""
    if replicas_left <= 1:
        return Urgency.SOLE
    return Urgency.FEW if replicas_left < replicas else Urgency.REST


def stand_ins(holders: Sequence[str], gone: AnySet[str], rank: Sequence[str]) -> tuple[str, ...]:
    """Who holds a slot in place of holders that are gone: as many of the rank, the best first, that are neither."""
    needed = sum(node in gone for node in holders)
    return tuple([node for node in rank if node not in gone and node not in holders][:needed])
