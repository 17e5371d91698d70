"""Events that no view folds: checkpoints, the audit trail, heartbeats."""

from typing import ClassVar, Literal

from schemas.events.base import EventData
from schemas.topics import Topic


class PartitionDigest(EventData):
    """Both digests of one folded partition at one position."""

    topic: str
    partition: int
    offset: int
    history: str
    view: str


class CheckpointSigned(EventData):
    """A node's word on its digests; ``signature`` is Ed25519 over the canonical JSON of ``digests``, hex."""

    TYPE: ClassVar[str] = "govault.checkpoints.checkpoint_signed.v1"
    TOPIC: ClassVar[Topic] = Topic.CHECKPOINTS
    node_id: str
    digests: tuple[PartitionDigest, ...]
    signature: str


class RequestAudited(EventData):
    """A request that was refused, or an act worth keeping, as a door saw it."""

    TYPE: ClassVar[str] = "govault.audit.request_audited.v1"
    TOPIC: ClassVar[Topic] = Topic.AUDIT
    action: str
    outcome: Literal["refused", "allowed"]
    code: str = ""
    request_id: str = ""
    address: str = ""
    subject: str = ""
    token_id: str = ""
    """Of the file token by which it was asked, or that was asked for."""


class LinkMeasured(EventData):
    """How a node sees its link to a peer.

    Attributes:
        latency_ms: Smoothed round trip.
        bandwidth_bytes_s: From real transfers; 0 where none happened.
        score: 0 (avoid) to 1 (as good as can be).
    """

    peer: str
    latency_ms: float = 0.0
    bandwidth_bytes_s: int = 0
    score: float = 1.0


class HeartbeatSent(EventData):
    """A node's word that it lives, and how it is. Every HEARTBEAT_PERIOD_S."""

    TYPE: ClassVar[str] = "govault.heartbeats.heartbeat_sent.v1"
    TOPIC: ClassVar[Topic] = Topic.HEARTBEATS
    node_id: str
    incarnation: int
    capacity_bytes: int = 0
    """Of the disk that holds the packs."""
    free_bytes: int = 0
    stored_bytes: int = 0
    chunks: int = 0
    repair_backlog: int = 0
    """Chunks in its repair queue."""
    applied: tuple[tuple[str, int, int], ...] = ()
    """(topic, partition, last applied offset) of what it folds."""
    links: tuple[LinkMeasured, ...] = ()


class ReplicasReported(EventData):
    """What happened to replicas on a node since its last report: counts and bytes, never a list of everything."""

    TYPE: ClassVar[str] = "govault.replicas.replicas_reported.v1"
    TOPIC: ClassVar[Topic] = Topic.REPLICAS
    node_id: str
    lost: int = 0
    repaired: int = 0
    repaired_bytes: int = 0
    removed: int = 0
    damaged: tuple[str, ...] = ()
    """Chunk ids that failed their check, hex; a few."""
