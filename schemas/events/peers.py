"""Events of ``.peers``: the nodes of the vault. A vault of one admits itself at first start."""

from typing import ClassVar

from schemas.events.base import EventData
from schemas.topics import Topic


class _PeersEvent(EventData):
    TOPIC: ClassVar[Topic] = Topic.PEERS


class NodeAdmitted(_PeersEvent):
    """A node belongs to the vault. ``public_key`` is raw Ed25519, hex; the node id is its SHA-256."""

    TYPE: ClassVar[str] = "govault.peers.node_admitted.v1"
    node_id: str
    public_key: str
    name: str
    zone: str = ""
    weight: int = 1


class NodeStarted(_PeersEvent):
    """A node began to run: its program version and where it can be reached."""

    TYPE: ClassVar[str] = "govault.peers.node_started.v1"
    node_id: str
    version: str
    addresses: tuple[str, ...] = ()


PeersEvent = NodeAdmitted | NodeStarted
