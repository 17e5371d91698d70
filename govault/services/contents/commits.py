"""Commits: manifest parts first, then the version that lists them; again under a newer epoch where collection moved on.

Packed parts stay in memory until the commit (36 bytes a chunk), so that they can be written again when collection
released them meanwhile.
"""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from blake3 import blake3

from govault.domain.actor import Actor
from govault.domain.manifest import PACKED_CHUNK_BYTES, unpack
from govault.domain.position import Outcome
from govault.domain.reasons import Reason
from govault.domain.replication import Asked, asked_by
from govault.domain.rows import DirectoryRow
from govault.errors import Conflict, IdempotencyMismatch, TooLarge
from govault.limits import (
    CONFIRM_CHUNKS_AT_ONCE,
    INLINE_CHUNKS_MAX,
    PARTS_PER_EVENT_MAX,
    PARTS_PER_VERSION_MAX,
    SUBMIT_ATTEMPTS_MAX,
)
from govault.ports import ChunkStore, Views
from govault.services.log.submit import Submitter
from schemas.events.files import ManifestPartsAdded, VersionCommitted
from schemas.ids import ChunkId

RETRIED = frozenset({Reason.STALE_EPOCH.value, Reason.PARTS_MISSING.value})
"""Refusals after which the commit is tried again."""


@dataclass(slots=True)
class Manifest:
    """The manifest of one content, as it grows.

    Attributes:
        epoch: Under which its chunks are known to be safe from collection.
        logged: How many of the parts are in the log.
    """

    space: DirectoryRow
    epoch: int
    parts: list[bytes] = field(default_factory=list)
    rest: bytes = b""
    logged: int = 0

    @property
    def inline(self) -> bool:
        """Whether the commit itself carries it."""
        return not self.parts and len(self.rest) <= INLINE_CHUNKS_MAX * PACKED_CHUNK_BYTES

    def chunk_ids(self) -> Iterator[ChunkId]:
        """Every chunk, in order."""
        for packed in (*self.parts, self.rest):
            for chunk in unpack(packed):
                yield chunk.chunk_id


@dataclass(frozen=True, slots=True)
class Commits:
    """Writes manifests and the versions that use them."""

    views: Views
    store: ChunkStore
    submitter: Submitter

    def begin(self, space: DirectoryRow) -> Manifest:
        """An empty manifest, under the epoch that all partitions have in the view: ask before the first byte is stored.

        A chunk may count as known because some other partition references it. Where the view of that one lags, the
        reference may be gone, and the chunk past the grace of the epoch that the view of it still shows.
        """
        return Manifest(space, min(self.views.partition_row(number).epoch for number in self.views.partitions()))

    async def add_parts(self, actor: Actor, manifest: Manifest, parts: list[bytes]) -> None:
        """Write finished parts to the log while more bytes flow. Their chunks are durable already.

        Raises:
            TooLarge: The content has more parts than a version may list.
        """
        manifest.parts += parts
        if len(manifest.parts) > PARTS_PER_VERSION_MAX:
            raise TooLarge(
                f"the content has more than {PARTS_PER_VERSION_MAX} manifest parts; split it",
                parts_max=PARTS_PER_VERSION_MAX,
            )
        while len(manifest.parts) - manifest.logged >= PARTS_PER_EVENT_MAX:
            await self._log_parts(actor, manifest)

    async def commit(self, actor: Actor, manifest: Manifest, version: VersionCommitted) -> Outcome:
        """Write what is left of the manifest, then the version; until one is accepted or refused for good.

        Args:
            version: Complete but for the manifest and the epoch.

        Raises:
            GoVaultError: As ``Submitter.submit``.
        """
        actor = self.submitter.keyed(actor)
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            try:
                return await self._try(actor, manifest, version, attempt)
            except Conflict as error:
                if error.details.get("reason") not in RETRIED or attempt == SUBMIT_ATTEMPTS_MAX - 1:
                    raise
            await self._renew(manifest)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _try(self, actor: Actor, manifest: Manifest, version: VersionCommitted, attempt: int) -> Outcome:
        if manifest.inline:
            content = version.content.model_copy(update={"inline_manifest": _base64(manifest.rest) or None})
        else:
            if manifest.rest:
                manifest.parts.append(manifest.rest)
                manifest.rest = b""
            while manifest.logged < len(manifest.parts):
                await self._log_parts(actor, manifest)
            ids = tuple(blake3(part).hexdigest() for part in manifest.parts)
            content = version.content.model_copy(update={"parts": ids})
        event = version.model_copy(update={"content": content, "epoch": manifest.epoch})
        space = manifest.space
        outcome = await self.submitter.submit(
            actor, event, space.partition, subject=space.space_id, step=step_of(attempt)
        )
        if outcome.fact("etag") != content.sha256:
            # Another request with this key, and with other bytes, came first while these were on their way.
            raise IdempotencyMismatch("this Idempotency-Key was used for other bytes before; use a new key")
        return outcome

    async def _log_parts(self, actor: Actor, manifest: Manifest) -> None:
        """Write the next parts. Without the request's key: what a part's id says is in the part itself."""
        upcoming = manifest.parts[manifest.logged : manifest.logged + PARTS_PER_EVENT_MAX]
        added = ManifestPartsAdded(
            space_id=manifest.space.space_id, parts=tuple(map(_base64, upcoming)), epoch=manifest.epoch
        )
        unkeyed = replace(actor, idempotency_key=None)
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            try:
                await self.submitter.submit(
                    unkeyed, added, manifest.space.partition, subject=manifest.space.space_id, step="parts"
                )
                break
            except Conflict as error:
                if error.details.get("reason") not in RETRIED or attempt == SUBMIT_ATTEMPTS_MAX - 1:
                    raise
            # Only these parts become safe under the newer epoch, not the manifest: chunks that are stored but in no
            # part yet were not confirmed, and the commit that lists them must be judged by the epoch they are safe by.
            epoch = self.views.partition_row(manifest.space.partition).epoch
            for packed in upcoming:
                chunks = [chunk.chunk_id for chunk in unpack(packed)]
                await self._confirm(chunks, epoch, self.asked(manifest.space))
            added = added.model_copy(update={"epoch": epoch})
        manifest.logged += len(upcoming)

    async def _renew(self, manifest: Manifest) -> None:
        """Make every chunk safe under the epoch of now, and the parts due to be written again.

        Raises:
            Conflict: Chunks were collected already: only a new upload helps.
        """
        epoch = self.views.partition_row(manifest.space.partition).epoch
        await self._confirm_all(manifest, epoch)
        manifest.epoch = epoch
        manifest.logged = 0

    async def ensure(self, manifest: Manifest) -> None:
        """Have as many replicas of chunks that came without regard to the space as it asks for.

        Raises:
            Cluster: There are too few nodes now.
            Conflict: Chunks were collected already.
        """
        if self.views.replication_asked():
            await self._confirm_all(manifest, manifest.epoch)

    async def _confirm_all(self, manifest: Manifest, epoch: int) -> None:
        asked = self.asked(manifest.space)
        batch: list[ChunkId] = []
        for chunk_id in manifest.chunk_ids():
            batch.append(chunk_id)
            if len(batch) == CONFIRM_CHUNKS_AT_ONCE:
                await self._confirm(batch, epoch, asked)
                batch = []
        await self._confirm(batch, epoch, asked)

    def asked(self, space: DirectoryRow) -> Asked:
        """What a space asks of replication, as of now."""
        return asked_by(self.views.space_replicas(space.space_id))

    async def _confirm(self, chunks: list[ChunkId], epoch: int, asked: Asked) -> None:
        missing = await self.store.confirm(chunks, epoch, asked) if chunks else []
        if missing:
            raise Conflict(
                f"the upload took so long that {len(missing)} of its chunks were collected; repeat it",
                code="conflict.stale-epoch",
            )


def step_of(attempt: int) -> str:
    """The step of an attempt to commit: the first is the request itself, so that its event id can be foretold."""
    return "" if attempt == 0 else f"again:{attempt}"


def _base64(packed: bytes) -> str:
    return binascii.b2a_base64(packed, newline=False).decode()
