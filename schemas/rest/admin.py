"""What the routes of upkeep answer and take: health, figures, jobs, the log, views, keys. Answers only grow."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.events.records import PartitionDigest


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_truth(value: object) -> object:
    """JSON's ``true`` is no number, whatever Python thinks."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not a truth value")
    return value


class FindingDocument(_Answer):
    """One thing worth telling: what it is, what it means, what to do."""

    severity: Literal["info", "warning", "error"]
    code: str = Field(examples=["views.lagging"])
    what: str = Field(examples=["The views are 1200 records behind the log."])
    means: str = Field(examples=["Answers are as of an earlier position, and writes wait for it."])
    todo: str = Field(examples=["Wait; if the number does not fall, look for an overloaded disk."])


class CheckDocument(_Answer):
    """One check of readiness."""

    name: str = Field(examples=["log"])
    ok: bool
    sentence: str = Field(examples=["the log answers"])


class HealthDocument(_Answer):
    """The node's health, for people."""

    status: Literal["ok", "degraded", "failing"]
    ready: bool
    checks: tuple[CheckDocument, ...]
    findings: tuple[FindingDocument, ...]


class ReadyDocument(_Answer):
    """Whether requests should come here."""

    ready: bool
    checks: tuple[CheckDocument, ...]


class AliveDocument(_Answer):
    """The process answers."""

    alive: Literal[True] = True


class SpaceStatsDocument(_Answer):
    """One space; trash counts until it is purged."""

    space: str = Field(examples=["main"])
    space_id: str
    files: int
    folders: int
    versions: int
    logical_bytes: int = Field(description="Sizes of all retained versions, added up.")


class StoreStatsDocument(_Answer):
    """This node's chunk store."""

    chunks: int
    plain_bytes: int
    stored_bytes: int
    dead_bytes: int
    packs: int
    pack_file_bytes: int
    quarantined: int
    free_disk_bytes: int


class StatsDocument(_Answer):
    """Figures of the whole vault."""

    files: int
    folders: int
    versions: int
    logical_bytes: int
    unique_bytes: int = Field(description="Plaintext of all chunks in the store, each once.")
    stored_bytes: int = Field(description="What those take in packs.")
    dedup_ratio: float | None = Field(description="Logical over unique bytes.", examples=[1.8])
    compression_ratio: float | None = Field(description="Unique over stored bytes.", examples=[2.1])
    spaces: tuple[SpaceStatsDocument, ...]
    store: StoreStatsDocument


class PeerLinkDocument(_Answer):
    """How the node that answers sees its link to another."""

    reachable: bool = Field(description="Whether it is up by the log and answers this node.")
    latency_ms: float = Field(description="Smoothed round trip.")
    bandwidth_bytes_s: int = Field(description="Of real transfers; 0 where there were none.")
    error_rate: float = Field(description="Share of calls that failed, of late, 0 to 1.")
    corruptions: int = Field(description="Chunks it gave that failed their check, since this node started.")
    reputation: float = Field(description="How far its bytes are trusted, 0 to 1; comes back slowly.")
    score: float = Field(description="How good the link is, 0 to 1.")
    silence_ms: int = Field(description="Since its last heartbeat, by the log's times.")


class PeerDocument(_Answer):
    """One node of the vault."""

    node_id: str
    public_key: str
    name: str
    zone: str
    weight: int
    admitted_ms: int
    started_ms: int
    version: str
    addresses: tuple[str, ...]
    state: str = Field(description="What the log says: admitted (never ran), up, dead or removed.", examples=["up"])
    this_node: bool
    peer_addresses: tuple[str, ...] = Field((), description="host:port where other nodes reach it.")
    incarnation: int = 0
    state_ms: int = Field(0, description="Vault time of its last change of state.")
    draining: bool = Field(False, description="Whether the next layout gives it nothing.")
    slots: int = Field(0, description="Slots that the newest layout gives it.")
    drained: bool = Field(False, description="Whether everything that it held is held by others.")
    link: PeerLinkDocument | None = Field(None, description="None of the node that answers, and where it runs alone.")


class PeersDocument(_Answer):
    """All admitted nodes."""

    peers: tuple[PeerDocument, ...]
    more: bool = False


class HoldingDocument(_Answer):
    """How many slots a node holds."""

    node_id: str
    slots: int


class LayoutStepDocument(_Answer):
    """A layout that counts still: the newest, or one before it whose data moves."""

    version: int
    changed_ms: int
    replicas: int
    write_quorum: int
    node_ids: tuple[str, ...]
    reached: tuple[str, ...] = Field(description="Nodes that have all that it gives them.")
    waiting_for: tuple[str, ...] = Field(description="Living nodes that have not.")


class LayoutDocument(_Answer):
    """Which node holds how many slots of chunk ids."""

    version: int = Field(description="0: there is no layout, this node holds everything.")
    slots: int = Field(examples=[16384])
    replicas: int
    write_quorum: int
    holders: tuple[HoldingDocument, ...]
    steps: tuple[LayoutStepDocument, ...] = Field((), description="Layouts that count, the newest last.")
    table: tuple[tuple[str, ...], ...] | None = Field(
        None, description="Per slot the ids of its holders, the best first; only with `slots`."
    )


class LinkDocument(_Answer):
    """How one node sees its link to another: as its last heartbeats told."""

    source: str
    target: str
    latency_ms: float
    bandwidth_bytes_s: int = Field(description="Of real transfers; 0 where there were none.")
    score: float = Field(description="How good the link is, 0 to 1.")


class TopologyDocument(_Answer):
    """The vault as a picture."""

    vault_id: str
    this_node: str
    log_kind: str = Field(examples=["embedded"])
    partitions: int
    peers: tuple[PeerDocument, ...]
    links: tuple[LinkDocument, ...]


class JobDocument(_Answer):
    """One job: long work that outlives the request that asked for it."""

    id: str = Field(examples=["j_01JD3V8Q6H4T9M2K7RX5WZ0ABC"])
    kind: str = Field(examples=["gc"])
    state: Literal["running", "succeeded", "failed", "cancelled"]
    actor: str
    started_ms: int
    finished_ms: int | None
    done: int = Field(description="Units done.")
    total: int | None = Field(description="Units there are; null while unknown.")
    unit: str = Field(examples=["chunks"])
    text: str = Field(description="What it is at, in words.")
    result: dict[str, Any] | None = Field(description="What came of it, once it has succeeded; by kind of job.")
    error: str
    error_code: str


class JobsDocument(_Answer):
    """The latest jobs, the newest first."""

    jobs: tuple[JobDocument, ...]
    more: bool = False


class WorkerDocument(_Answer):
    """One background worker."""

    name: str = Field(examples=["collection"])
    state: str = Field(examples=["waiting"])
    throttle: float = Field(description="Seconds of rest per second of work.")
    steps: int
    failures: int
    failures_in_a_row: int
    last_error: str
    last_error_ms: int
    busy_s: float


class WorkersDocument(_Answer):
    """All workers of this node."""

    workers: tuple[WorkerDocument, ...]
    more: bool = False


class WorkerPatch(_Request):
    """How a worker is paced."""

    throttle: float = Field(
        ge=0, le=1000, strict=True, description="Seconds of rest per second of work.", examples=[2.0]
    )


class LogPartitionDocument(_Answer):
    """One partition of the log."""

    topic: str = Field(examples=["files"])
    partition: int
    begin: int = Field(description="First kept offset.")
    end: int = Field(description="Next offset to be written.")
    applied: int | None = Field(description="Last offset folded into the views; null where no view folds the topic.")
    lag: int | None
    size_bytes: int | None


class LogStatusDocument(_Answer):
    """Every partition of the log."""

    partitions: tuple[LogPartitionDocument, ...]


class ViewPartitionDocument(_Answer):
    """Where the fold of one partition stands, with both digests."""

    topic: str = Field(examples=["files"])
    partition: int
    applied: int
    vault_time_ms: int
    history: str = Field(description="Digest of every record so far, hex.")
    view: str = Field(description="Digest of the state, hex.")
    malformed: int
    stopped: str


class ViewsDocument(_Answer):
    """The digests of all folded partitions. Equal ``digest``: equal history and state everywhere."""

    digest: str = Field(description="SHA-256 over all rows below, hex.")
    partitions: tuple[ViewPartitionDocument, ...]


class KeysDocument(_Answer):
    """The state of the vault's keys; never a key."""

    sealing_epoch: int
    sealing_epochs: tuple[int, ...]
    recovery_key_exported: bool


class RecoveryKeyDocument(_Answer):
    """The recovery key. Keep it away from this machine."""

    recovery_key: str


class CheckpointDocument(_Answer):
    """A node's signed word on its digests."""

    node_id: str
    digests: tuple[PartitionDigest, ...]
    signature: str
    public_key: str


class DigestRequest(_Request):
    """Both digests of one partition at one position, as they were signed."""

    topic: str = Field(max_length=64, examples=["files"])
    partition: Annotated[int, Field(ge=0, le=2**31), BeforeValidator(_no_truth)]
    offset: Annotated[int, Field(ge=-1, le=2**53), BeforeValidator(_no_truth)]
    history: str = Field(max_length=128)
    view: str = Field(max_length=128)


class CheckpointRequest(_Request):
    """A checkpoint to verify, as it was signed."""

    node_id: str = Field(max_length=128)
    digests: tuple[DigestRequest, ...] = Field(max_length=10_000)
    signature: str = Field(max_length=256)
    public_key: str = Field(max_length=128)


class CheckpointVerdict(_Answer):
    """Whether the signature is right and the views still say what was signed."""

    valid: bool = Field(description="Whether there is no contradiction.")
    contradictions: tuple[str, ...] = Field(description="What is wrong, in sentences.")


class BackupRequest(_Request):
    """Where a backup goes."""

    path: str = Field(
        min_length=1,
        max_length=4096,
        description="An absolute path on the node's machine: a new or empty folder.",
        examples=["/var/backups/vault-2026-11-23"],
    )
    keys: bool = Field(
        default=False, strict=True, description="Copy the keys too. Whoever has the backup can then read everything."
    )
