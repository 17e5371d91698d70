"""What a node makes of what it sees of the log and of its peers, and what follows: one table, as pure functions.

The log is the impartial observer: a node that it hears is alive whatever its peers see, and a node that does not
reach it says nothing about others.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a node sees around itself.

    Attributes:
        log_here: Whether it reaches the log.
        peers: How many others are up by the log.
        peers_reached: How many of those gave a sign of life of late.
        log_elsewhere: Whether one of those says that it reaches the log.
    """

    log_here: bool
    peers: int
    peers_reached: int
    log_elsewhere: bool


class NodeVerdict(StrEnum):
    """How this node stands."""

    WELL = "well"
    """It reaches the log: it works as usual, with the peers that it reaches."""
    ISOLATED = "isolated"
    """Others reach the log, it does not: reads only."""
    OUTAGE = "outage"
    """Nobody it hears of reaches the log: nothing is collected and no layout changes."""
    FENCED = "fenced"
    """It reaches neither log nor peers: it collects and acknowledges nothing."""

    @property
    def frozen(self) -> bool:
        """Whether collection and layouts wait: both need a log that says what holds now."""
        return self is not NodeVerdict.WELL


def judge_node(seen: Surroundings) -> NodeVerdict:
    """How a node stands. One that is alone in its vault has no peers to miss."""
    if seen.log_here:
        return NodeVerdict.WELL
    if seen.peers and not seen.peers_reached:
        return NodeVerdict.FENCED
    return NodeVerdict.ISOLATED if seen.log_elsewhere else NodeVerdict.OUTAGE


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What a node sees of a peer.

    Attributes:
        log_here: Whether the node itself reaches the log and has read it up to now.
        reached_directly: Whether the peer answers it.
        reached_through: Whether it answers others, or probes this node itself.
        heartbeat_fresh: Whether the log heard it within HEARTBEAT_SILENCE_MS_MIN.
        suspicion_ran_out: Whether it had its time to refute.
    """

    log_here: bool
    reached_directly: bool
    reached_through: bool
    heartbeat_fresh: bool
    suspicion_ran_out: bool


class PeerVerdict(StrEnum):
    """What a node makes of a peer."""

    FINE = "fine"
    DETOUR = "detour"
    """The link is broken, not the peer: go through a third."""
    UNKNOWN = "unknown"
    """Silent, and the log cannot be asked: no word against it."""
    WATCHED = "watched"
    """Silent everywhere, for a moment only."""
    SILENT = "silent"
    """Silent everywhere for long enough: say so on the log, as one witness."""


def judge_peer(seen: PeerFacts) -> PeerVerdict:
    """What to make of a peer."""
    if seen.reached_directly:
        return PeerVerdict.FINE
    if seen.reached_through:
        return PeerVerdict.DETOUR
    if not seen.log_here:
        return PeerVerdict.UNKNOWN
    if seen.heartbeat_fresh:
        return PeerVerdict.DETOUR
    return PeerVerdict.SILENT if seen.suspicion_ran_out else PeerVerdict.WATCHED
