"""The topics of a vault: what each carries and how long it is kept. Names here are without the prefix."""

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """Every topic of a vault; the log's name is ``<prefix>.<value>``."""

    DIRECTORY = "directory"
    FILES = "files"
    ACCOUNTS = "accounts"
    PEERS = "peers"
    KEYS = "keys"
    SESSIONS = "sessions"
    HEARTBEATS = "heartbeats"
    REPLICAS = "replicas"
    AUDIT = "audit"
    CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class TopicSpec:
    """How a topic is created and what every start verifies of it.

    Attributes:
        partitions: The count at creation; None where the vault's configuration says (``.files``).
        retention_ms: -1 keeps for ever.
        compacted: Whether only the last record of a key is kept.
        folded: Whether views fold it (and so its digests count).
    """

    topic: Topic
    partitions: int | None = 1
    retention_ms: int = -1
    compacted: bool = False
    folded: bool = False


_DAY_MS = 86_400_000

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(Topic.DIRECTORY, folded=True),
    TopicSpec(Topic.FILES, partitions=None, folded=True),
    TopicSpec(Topic.ACCOUNTS, folded=True),
    TopicSpec(Topic.PEERS, folded=True),
    TopicSpec(Topic.KEYS, compacted=True),
    TopicSpec(Topic.SESSIONS, retention_ms=30 * _DAY_MS),
    TopicSpec(Topic.HEARTBEATS, retention_ms=_DAY_MS),
    TopicSpec(Topic.REPLICAS, retention_ms=30 * _DAY_MS),
    TopicSpec(Topic.AUDIT, retention_ms=90 * _DAY_MS),
    TopicSpec(Topic.CHECKPOINTS),
)
FOLDED_TOPICS: tuple[Topic, ...] = tuple(spec.topic for spec in TOPICS if spec.folded)
