"""Uploads: bytes flow into the chunk store while they come, and become a version in one commit at the end.

Until the commit nothing of an upload is visible: an aborted one leaves no file and no event but manifest parts, which
collection releases.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from govault.domain.access import is_unchecked
from govault.domain.actor import Actor
from govault.domain.ownership import Growth
from govault.domain.position import Outcome
from govault.domain.rows import DirectoryRow, Entity, FileRow
from govault.errors import Cluster, IdempotencyMismatch, StorageFull, TooLarge
from govault.limits import EARLY_JUDGEMENT_BYTES_MIN, SUBMIT_ATTEMPTS_MAX, UPLOADS_AT_ONCE_MAX, UPLOADS_WAIT_S
from govault.ports import ChunkStore, Clock, Ingest, Ingested, Randomness, Views
from govault.services.contents.commits import RETRIED, Commits, Manifest, step_of
from govault.services.contents.in_flight import InFlight
from govault.services.contents.media_types import sniff
from govault.services.contents.upload_terms import (
    NO_BYTES_SHA256,
    SYMLINK_MEDIA_TYPE,
    Uploaded,
    UploadWish,
    uploaded,
    verify,
    version_of,
)
from govault.services.log.submit import Submitter, accepted
from govault.services.namespace.targets import Targets
from schemas.events.files import Base, Content, VersionCommitted
from schemas.ids import new_entity_id
from schemas.topics import Topic


@dataclass(slots=True)
class Uploads:
    """Takes contents in."""

    views: Views
    targets: Targets
    store: ChunkStore
    submitter: Submitter
    commits: Commits
    clock: Clock
    randomness: Randomness
    in_flight: InFlight = field(default_factory=InFlight)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_AT_ONCE_MAX))

    async def put(self, actor: Actor, wish: UploadWish, body: AsyncIterator[bytes], size_max: int) -> Uploaded:
        """Store a content and commit it as the next version at its path.

        Args:
            body: The bytes as they come; its exceptions (the client went away) pass through, and nothing is kept.
            size_max: The largest content that is taken.

        Raises:
            NotFound: No such space, as far as the actor may know.
            AccessDenied: The actor may not write there.
            PreconditionFailed: The condition does not hold, before or after the bytes came.
            DigestMismatch: The bytes are not those announced. Nothing was kept.
            TooLarge: More than ``size_max``.
            StorageFull: No room.
            QuotaExceeded: The space may not hold as much, or the file's owner not own as much.
            Conflict: A folder has the path, or a file stands on the way.
        """
        space = self.targets.place(actor, wish.space, wish.path)
        repeat = self.repeat(actor, space)
        if repeat is not None:
            return await self._answer_repeat(repeat, wish, body, actor)
        self._refuse_size(wish, size_max)
        await self._refuse_early(actor, wish, space)
        async with self.place():
            return await self._take_in(actor, wish, space, body, size_max)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the UPLOADS_AT_ONCE_MAX places for uploads under way.

        Raises:
            Cluster: None became free in time.
        """
        if self._room.locked():
            await self._wait_for_room()
        else:
            await self._room.acquire()
        try:
            yield
        finally:
            self._room.release()

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(UPLOADS_WAIT_S):
                await self._room.acquire()
        except TimeoutError as error:
            raise Cluster(f"{UPLOADS_AT_ONCE_MAX} uploads are under way; repeat later", code="cluster.busy") from error

    async def _take_in(
        self, actor: Actor, wish: UploadWish, space: DirectoryRow, body: AsyncIterator[bytes], size_max: int
    ) -> Uploaded:
        manifest = self.commits.begin(space)
        with self.in_flight.held(manifest.epoch):
            return await self._store_and_commit(actor, wish, space, manifest, body, size_max)

    async def _store_and_commit(
        self,
        actor: Actor,
        wish: UploadWish,
        space: DirectoryRow,
        manifest: Manifest,
        body: AsyncIterator[bytes],
        size_max: int,
    ) -> Uploaded:
        base = self.base(space, wish.path, wish.file_id)
        ingest = self.store.begin(self.commits.asked(space))
        try:
            sha512 = await self._flow(actor, wish, manifest, ingest, body, size_max)
            ingested = await ingest.finish()
        except BaseException:
            await ingest.abort()
            raise
        verify(wish.digests, bytes.fromhex(ingested.sha256), sha512)
        if parts := ingest.take_parts():
            await self.commits.add_parts(actor, manifest, parts)
        manifest.rest = ingested.packed
        version = self.version(wish, space, ingested, base)
        told = self.told(actor, ingested)
        outcome = await self.commits.commit(actor, manifest, version)
        return uploaded(outcome, wish, told, version.content.media_type, base)

    async def _flow(
        self,
        actor: Actor,
        wish: UploadWish,
        manifest: Manifest,
        ingest: Ingest,
        body: AsyncIterator[bytes],
        size_max: int,
    ) -> bytes | None:
        """Move the bytes; their SHA-512 where the client announced one (the store itself knows the SHA-256)."""
        sha512 = hashlib.sha512() if "sha-512" in wish.digests else None
        async for data in self.bounded(body, size_max):
            if sha512 is not None:
                sha512.update(data)
            await ingest.write(data)
            if parts := ingest.take_parts():
                await self.commits.add_parts(actor, manifest, parts)
        return sha512.digest() if sha512 is not None else None

    def told(self, actor: Actor, ingested: Ingested) -> Ingested:
        """What the actor is told of what was taken in; to be asked before the commit.

        Whether others have a content is not his to find out by uploading it: where he can read no file that has it,
        all of it counts as new, and as stored without compression.
        """
        if not ingested.size_bytes or is_unchecked(actor.name, actor.principals):
            return ingested
        if self.targets.files_with(actor, ingested.sha256, 1):
            return ingested
        return ingested._replace(new_bytes=ingested.size_bytes, stored_bytes=ingested.size_bytes)

    async def bounded(self, body: AsyncIterator[bytes], size_max: int) -> AsyncIterator[bytes]:
        """The same bytes, as long as there are not too many.

        Raises:
            TooLarge: There are.
        """
        size_bytes = 0
        async for data in body:
            size_bytes += len(data)
            if size_bytes > size_max:
                raise _too_large(size_max)
            yield data

    def version(self, wish: UploadWish, space: DirectoryRow, ingested: Ingested, base: Base | None) -> VersionCommitted:
        """The commit of what was taken in, but for manifest and epoch."""
        name = wish.path.rpartition("/")[2]
        is_link = wish.kind == "symlink"
        content = Content(
            sha256=ingested.sha256,
            size_bytes=ingested.size_bytes,
            kind=wish.kind,
            executable=wish.executable,
            mtime_ns=wish.mtime_ns,
            media_type=SYMLINK_MEDIA_TYPE if is_link else sniff(ingested.head, name, wish.declared_type),
        )
        return version_of(wish, space, content, base, self.new_file_id())

    def new_file_id(self) -> str:
        """An id for the file that a commit may make."""
        return new_entity_id(self.clock.time_ms(), self.randomness.token(10))

    def base(self, space: DirectoryRow, path: str, file_id: str | None = None) -> Base | None:
        """The version that the writer sees now, of a file or at the path."""
        seen = self._seen(space, path, file_id)
        return Base(file_id=seen.entity_id, version=seen.current.number) if isinstance(seen, FileRow) else None

    def _seen(self, space: DirectoryRow, path: str, file_id: str | None) -> Entity | None:
        return self.views.resolve(space.space_id, path) if file_id is None else self.views.entity(file_id)

    def _refuse_size(self, wish: UploadWish, size_max: int) -> None:
        if wish.announced_bytes is not None and wish.announced_bytes > size_max:
            raise _too_large(size_max)

    async def _refuse_early(self, actor: Actor, wish: UploadWish, space: DirectoryRow) -> None:
        """Refuse before the bytes flow what would be refused after. Small bodies are judged once, at the end."""
        announced = wish.announced_bytes
        if announced is not None and announced < EARLY_JUDGEMENT_BYTES_MIN:
            return
        content = Content(sha256=NO_BYTES_SHA256, size_bytes=0)
        early = version_of(wish, space, content, None, self.new_file_id())
        epoch = self.views.partition_row(space.partition).epoch
        grown = self.submitter.refuse_early(actor, early.model_copy(update={"epoch": epoch}), space.partition)
        if announced is not None:
            self._refuse_growth(actor, wish, space, announced, [one.owner for one in grown])
        await self.refuse_full_disk(announced)

    def _refuse_growth(
        self, actor: Actor, wish: UploadWish, space: DirectoryRow, size_bytes: int, owners: Sequence[str]
    ) -> None:
        """Judge an announced length; ``owners``: whom a new file would belong to."""
        seen = self._seen(space, wish.path, wish.file_id)
        if isinstance(seen, FileRow):
            if seen.current.size_bytes == size_bytes:
                return  # The bytes to come may be those that stand there already, which adds nothing.
            owners = [seen.owner]
        self.submitter.refuse_growth(actor, space.space_id, space.partition, size_bytes)
        for owner in owners:
            self.submitter.refuse_owned(actor, Growth(owner, size_bytes, 0))

    async def refuse_full_disk(self, announced_bytes: int | None) -> None:
        """Refuse a content that the disk certainly has no room for.

        Raises:
            StorageFull: Even deduplicated and compressed contents need room to come in.
        """
        if announced_bytes is None or announced_bytes < EARLY_JUDGEMENT_BYTES_MIN:
            return
        free = (await self.store.stats()).free_disk_bytes
        if announced_bytes > free:
            raise StorageFull(
                f"the content has {announced_bytes} bytes and the disk has {free} left; free space and repeat",
                free_disk_bytes=free,
            )

    def is_repeat(self, actor: Actor, space: str) -> bool:
        """Whether the outcome of this very request is kept: then its condition is not asked again.

        Raises:
            IdempotencyMismatch: The key was used for another request before.
        """
        return actor.idempotency_key is not None and self.repeat(actor, self.targets.space(space)) is not None

    def repeat(self, actor: Actor, space: DirectoryRow) -> Outcome | None:
        """What came of this very request before: the last of its attempts that was decided.

        None also where another attempt was due after that, which a crash or a silent log has cut off: it goes on.
        """
        found: Outcome | None = None
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            # A key that was used for a request elsewhere is noticed before the bytes come.
            place = None if attempt == 0 else space.partition
            outcome = self.submitter.find_repeat(actor, step_of(attempt), Topic.FILES, place)
            if outcome is None:
                return None if found is not None and found.reason in RETRIED else found
            found = outcome
        return found

    async def _answer_repeat(
        self, outcome: Outcome, wish: UploadWish, body: AsyncIterator[bytes], actor: Actor
    ) -> Uploaded:
        """The first outcome again, if the bytes are the same; they are read, but not stored."""
        sha256, size_bytes = hashlib.sha256(), 0
        async for data in body:
            sha256.update(data)
            size_bytes += len(data)
        return self.repeated(actor, outcome, wish, sha256.hexdigest(), size_bytes)

    def repeated(self, actor: Actor, outcome: Outcome, wish: UploadWish, sha256: str, size_bytes: int) -> Uploaded:
        """The first outcome again.

        Raises:
            GoVaultError: It was a refusal.
            IdempotencyMismatch: The bytes are others than before.
        """
        accepted(outcome, self.submitter.event_id(actor, ""))
        if sha256 != outcome.fact("etag"):
            raise IdempotencyMismatch("this Idempotency-Key was used for other bytes before; use a new key")
        file = self.views.entity(str(outcome.fact("file_id")))
        content = self.views.version(file, int(outcome.fact("version") or 0)) if isinstance(file, FileRow) else None
        again = Ingested(sha256, size_bytes, 0, b"", 0, 0, b"")
        return uploaded(outcome, wish, again, content.media_type if content is not None else "")


def _too_large(size_max: int) -> TooLarge:
    return TooLarge(f"the content is larger than the {size_max} bytes this vault takes", limit_bytes=size_max)
