"""Events that no view folds: checkpoints and the audit trail."""

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
