"""What people are told about repair."""

from dataclasses import dataclass

from govault.ports import RepairCounts
from govault.services.healing.counts import Repaired, RepairTally
from govault.services.healing.resync import Resync
from govault.services.healing.scrub import Scrub, ScrubState


@dataclass(frozen=True, slots=True)
class WalkStatus:
    """The walk over this node's slots that is on, or the last that ended.

    Attributes:
        running: Whether it is on.
        missing: Chunks that should be here and are not; ``lost`` are those that no node has.
        under_replicated: Chunks of this node's slots with fewer replicas than wanted.
        unsafe: Chunks of other nodes' slots that are here, and that a holder lacks or may lack.
    """

    running: bool
    slots_done: int
    slots: int
    missing: int
    lost: int
    under_replicated: int
    unsafe: int


@dataclass(frozen=True, slots=True)
class RepairStatus:
    """Repair on this node.

    Attributes:
        eta_s: Until the queue is worked off at the rate of the last minute; None where that is not known.
        scrub_share: How much of the scrub's pass is done, 0 … 1; None where none is on.
        scrub_eta_s: Until its end at its rate; None where none is on.
        drained: Whether the node can be removed without any chunk losing a replica.
    """

    paused: bool
    fenced: bool
    queue: RepairCounts
    total: Repaired
    chunks_per_s: float
    bytes_per_s: float
    bytes_per_s_max: float
    eta_s: float | None
    walk: WalkStatus
    layout_version: int
    layout_reached: bool
    drained: bool
    scrub: ScrubState
    scrub_share: float | None
    scrub_eta_s: float | None
    scrub_bytes_per_s: float


def walk_status(resync: Resync, slots: int) -> WalkStatus:
    """How far the walk is. What it counts is told only when it has ended: before, the last one's counts are."""
    walk, last = resync.walk, resync.last
    counted = last or walk
    if counted is None:
        return WalkStatus(False, 0, slots, 0, 0, 0, 0)
    done = walk.slots_done if walk is not None else counted.slots_done
    return WalkStatus(walk is not None, done, slots, counted.missing, counted.lost, counted.under, counted.unsafe)


def eta_s(queue: RepairCounts, tally: RepairTally) -> float | None:
    """Seconds until what can be repaired is."""
    left = queue.chunks - queue.lost
    if not left:
        return 0.0
    rate, _ = tally.rates()
    return left / rate if rate else None


def scrub_eta_s(scrub: Scrub) -> float | None:
    """Seconds until the pass ends."""
    current = scrub.state.current
    if not current.began_ms:
        return None
    return max(0.0, current.expected_bytes * (1 - current.share)) / scrub.bytes_per_s
