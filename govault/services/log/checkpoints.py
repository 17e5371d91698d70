"""Checkpoints: this node's signed word on the digests of all partitions, written to ``.checkpoints`` now and then.

Against an operator who holds the keys, only checkpoints that somebody keeps elsewhere prove anything.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Protocol

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from govault.errors import InvalidRequest
from govault.ports import Clock, EventLog, PartitionStatus, Randomness, ViewsMaintenance
from schemas.envelope import Event
from schemas.events.records import CheckpointSigned, PartitionDigest
from schemas.ids import new_event_id

_PARTITION = 0


class NodeKey(Protocol):
    """This node's Ed25519 key."""

    @property
    def node_id(self) -> str:
        """SHA-256 of the public key, hex."""

    @property
    def public_key(self) -> str:
        """32 raw bytes, hex."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


def digests_of(status: Sequence[PartitionStatus]) -> tuple[PartitionDigest, ...]:
    """The digests of every partition that holds something, in a fixed order."""
    return tuple(
        PartitionDigest(
            topic=row.topic.value, partition=row.partition, offset=row.applied, history=row.history, view=row.view
        )
        for row in sorted(status, key=lambda row: (row.topic.value, row.partition))
        if row.applied >= 0
    )


def signed_bytes(digests: Sequence[PartitionDigest]) -> bytes:
    """What a checkpoint's signature is over: canonical JSON of its digests."""
    return orjson.dumps([digest.model_dump() for digest in digests], option=orjson.OPT_SORT_KEYS)


def verify(checkpoint: CheckpointSigned, public_key: str) -> None:
    """Check a checkpoint's signature, and that the key is the one that the node's id names.

    Args:
        public_key: 32 raw bytes, hex.

    Raises:
        InvalidRequest: It is not what the node with this key signed.
    """
    message = f"the signature of the checkpoint by node {checkpoint.node_id} is wrong: it was altered"
    try:
        raw = bytes.fromhex(public_key)
        if hashlib.sha256(raw).hexdigest() != checkpoint.node_id:
            raise InvalidRequest(f"the key is not that of node {checkpoint.node_id}", rule="checkpoint-key")
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(bytes.fromhex(checkpoint.signature), signed_bytes(checkpoint.digests))
    except (InvalidSignature, ValueError) as error:
        raise InvalidRequest(message, rule="checkpoint-signature") from error


class Checkpoints:
    """Signs. It is also a worker: one checkpoint a period, where anything has changed."""

    name = "checkpoints"

    def __init__(
        self,
        log: EventLog,
        views: ViewsMaintenance,
        key: NodeKey,
        clock: Clock,
        randomness: Randomness,
        source: str,
        period_s: float,
    ) -> None:
        self._log = log
        self._views = views
        self._key = key
        self._clock = clock
        self._randomness = randomness
        self._source = source
        self._period_s = period_s
        self._latest: tuple[PartitionDigest, ...] = ()

    async def sign(self) -> CheckpointSigned:
        """Sign the digests as they are now and write the checkpoint to the log; durable when this returns."""
        digests = digests_of(self._views.status())
        signature = self._key.sign(signed_bytes(digests)).hex()
        checkpoint = CheckpointSigned(node_id=self._key.node_id, digests=digests, signature=signature)
        now_ms = self._clock.time_ms()
        event = Event(
            id=new_event_id(now_ms, self._randomness.token(10)),
            data=checkpoint,
            actor="system:checkpoints",
            source=self._source,
            time_ms=now_ms,
            subject=self._key.node_id,
        )
        await self._log.append(event, _PARTITION)
        self._latest = digests
        return checkpoint

    def contradictions(self, checkpoint: CheckpointSigned) -> list[str]:
        """Where the views, at the very position of a checkpoint, have other digests than it; in sentences.

        Partitions that stand elsewhere by now say nothing: compare against a fold up to that position.
        """
        now = {(row.topic.value, row.partition): row for row in self._views.status()}
        found: list[str] = []
        for digest in checkpoint.digests:
            row = now.get((digest.topic, digest.partition))
            if row is None or row.applied < digest.offset:
                found.append(f"{digest.topic}/{digest.partition} ends before offset {digest.offset}, which was signed")
            elif row.applied == digest.offset and (row.history, row.view) != (digest.history, digest.view):
                found.append(f"{digest.topic}/{digest.partition}@{digest.offset} has another digest than was signed")
        return found

    async def work(self) -> bool:
        """Sign, where any digest has changed since the last time."""
        if digests_of(self._views.status()) != self._latest:
            await self.sign()
        return False

    async def wait_for_work(self) -> None:
        """Return a period later."""
        await asyncio.sleep(self._period_s)
