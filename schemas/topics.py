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
        key: What the key of its records is.
        carries: What it is for.
    """

    topic: Topic
    partitions: int | None = 1
    retention_ms: int = -1
    compacted: bool = False
    folded: bool = False
    key: str = ""
    carries: str = ""


_DAY_MS = 86_400_000

TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(Topic.DIRECTORY, folded=True, key="space name", carries="Spaces: name, id, the partition each lives in."),
    TopicSpec(
        Topic.FILES,
        partitions=None,
        folded=True,
        key="space id; the partition's own events (epochs, rules) have a word of their own",
        carries="All that happens inside spaces, each in its one partition: tree, commits, manifests, trash, epochs.",
    ),
    TopicSpec(Topic.ACCOUNTS, folded=True, key="account id", carries="Accounts, groups, API tokens."),
    TopicSpec(Topic.PEERS, folded=True, key="node id", carries="Nodes: admission, starts, addresses."),
    TopicSpec(
        Topic.KEYS,
        compacted=True,
        key="account or space id",
        carries="Wrapped keys of sealed fields; a tombstone destroys one.",
    ),
    TopicSpec(Topic.SESSIONS, retention_ms=30 * _DAY_MS, key="account id", carries="Refresh families."),
    TopicSpec(
        Topic.HEARTBEATS,
        retention_ms=_DAY_MS,
        key="node id",
        carries="Load, capacity, applied positions, view digests.",
    ),
    TopicSpec(Topic.REPLICAS, retention_ms=30 * _DAY_MS, key="node id", carries="Replicas lost or repaired, batched."),
    TopicSpec(
        Topic.AUDIT, retention_ms=90 * _DAY_MS, key="whom or what it is about", carries="Reads, refusals, logins."
    ),
    TopicSpec(Topic.CHECKPOINTS, key="node id", carries="Digests, signed."),
)
FOLDED_TOPICS: tuple[Topic, ...] = tuple(spec.topic for spec in TOPICS if spec.folded)
COMPACTED_TOPICS: frozenset[Topic] = frozenset(spec.topic for spec in TOPICS if spec.compacted)
