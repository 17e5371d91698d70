"""Events of ``.peers``: who belongs to the vault, who is alive, and who holds what."""

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.events.base import EventData
from schemas.topics import Topic

Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _PeersEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.PEERS


class JoinTokenIssued(_PeersEvent):
    """Whoever shows the secret of this hash may be admitted once, before ``expires_ms`` of vault time.

    The name, zone and weight are the node's when it is admitted, unless it brings its own.
    """

    TYPE: ClassVar[str] = "govault.peers.join_token_issued.v1"
    token_hash: Sha256Hex
    expires_ms: int
    name: str = ""
    zone: str = ""
    weight: int = 1


class JoinTokenRevoked(_PeersEvent):
    """A token that nobody has spent yet opens nothing any more."""

    TYPE: ClassVar[str] = "govault.peers.join_token_revoked.v1"
    token_hash: Sha256Hex


class NodeAdmitted(_PeersEvent):
    """A node belongs to the vault. ``public_key`` is raw Ed25519, hex; the node id is its SHA-256.

    The first node of a vault admits itself; every other one spends a join token.
    """

    TYPE: ClassVar[str] = "govault.peers.node_admitted.v1"
    node_id: str
    public_key: str
    name: str
    zone: str = ""
    weight: int = 1
    token_hash: str = ""


class NodeChanged(_PeersEvent):
    """What people set of a node; None leaves a thing as it is. A draining node gets no slots in the next layout."""

    TYPE: ClassVar[str] = "govault.peers.node_changed.v1"
    node_id: str
    name: str | None = None
    zone: str | None = None
    weight: int | None = None
    draining: bool | None = None


class NodeStarted(_PeersEvent):
    """A node began to run, under a new incarnation: its program version and where it can be reached."""

    TYPE: ClassVar[str] = "govault.peers.node_started.v1"
    node_id: str
    version: str
    addresses: tuple[str, ...] = ()
    """URLs of its REST door."""
    peer_addresses: tuple[str, ...] = ()
    """host:port where peers reach it, the best first."""
    rules: int = Field(default=1, ge=1)
    """The latest rules that it decides by (``RulesActivated``); programs that did not say so knew the first."""


class NodeMoved(_PeersEvent):
    """A running node's addresses changed."""

    TYPE: ClassVar[str] = "govault.peers.node_moved.v1"
    node_id: str
    addresses: tuple[str, ...]
    peer_addresses: tuple[str, ...]


class NodeSuspected(_PeersEvent):
    """A witness cannot reach a node, itself or through others, and the log has not heard from it either.

    Enough witnesses within a while make a death; see ``govault.domain.apply_failures``.
    """

    TYPE: ClassVar[str] = "govault.peers.node_suspected.v1"
    node_id: str
    incarnation: int = Field(ge=0)
    witness: str
    silence_ms: int = Field(ge=0)
    """How long ago, by the log's times, the node's last heartbeat was appended."""


class NodeRecovered(_PeersEvent):
    """A node refutes suspicion or its death, by an incarnation above the one that was suspected."""

    TYPE: ClassVar[str] = "govault.peers.node_recovered.v1"
    node_id: str
    incarnation: int = Field(ge=1)


class NodeRemoved(_PeersEvent):
    """A node belongs to the vault no more. Its id never comes back."""

    TYPE: ClassVar[str] = "govault.peers.node_removed.v1"
    node_id: str


class LayoutChanged(_PeersEvent):
    """Which nodes hold which slots from here on: taken only over the layout it was computed from.

    ``table`` is base64 of zlib of SLOTS × width big-endian 16-bit indices into ``node_ids``, the holders of slot 0
    first, each slot's best holder first; width = min(replicas, number of node ids). ``weights`` and ``zones`` are those
    of the nodes as it was computed, in their order; in a layout without them all weights are 1.
    """

    TYPE: ClassVar[str] = "govault.peers.layout_changed.v1"
    base_version: int = Field(ge=0)
    replicas: int = Field(ge=1, le=16)
    write_quorum: int = Field(ge=1, le=16)
    node_ids: tuple[str, ...]
    table: str
    weights: tuple[int, ...] = ()
    zones: tuple[str, ...] = ()


class LayoutReached(_PeersEvent):
    """A holder has every referenced chunk of the slots that a layout gives it."""

    TYPE: ClassVar[str] = "govault.peers.layout_reached.v1"
    node_id: str
    version: int = Field(ge=1)


class SealingRootOpened(_PeersEvent):
    """New chunks are sealed under this root from here on; it is wrapped under the vault's root secret, base64."""

    TYPE: ClassVar[str] = "govault.peers.sealing_root_opened.v1"
    epoch: int = Field(ge=2)
    wrapped: str


PeersEvent = (
    JoinTokenIssued
    | JoinTokenRevoked
    | NodeAdmitted
    | NodeChanged
    | NodeStarted
    | NodeMoved
    | NodeSuspected
    | NodeRecovered
    | NodeRemoved
    | LayoutChanged
    | LayoutReached
    | SealingRootOpened
)
