"""Uploads: bytes flow into the chunk store while they come, and become a version in one commit at the end.

Until the commit nothing of an upload is visible: an aborted one leaves no file and no event but manifest parts, which
collection releases.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from govault.domain.actor import Actor
from govault.domain.position import Outcome, Verdict
from govault.domain.rows import DirectoryRow, FileRow
from govault.errors import Cluster, DigestMismatch, IdempotencyMismatch, StorageFull, TooLarge
from govault.limits import EARLY_JUDGEMENT_BYTES_MIN, SUBMIT_ATTEMPTS_MAX, UPLOADS_AT_ONCE_MAX, UPLOADS_WAIT_S
from govault.ports import ChunkStore, Clock, Ingest, Ingested, Randomness, Views
from govault.services.commits import Commits, Manifest, step_of
from govault.services.in_flight import InFlight
from govault.services.media_types import sniff
from govault.services.submit import Submitter, accepted
from govault.services.targets import Targets
from schemas.events.files import Base, Content, VersionCommitted
from schemas.ids import new_entity_id
from schemas.topics import Topic

Result = Literal["created", "version", "touched", "unchanged"]
DIGESTS = ("sha-256", "sha-512")
SYMLINK_MEDIA_TYPE = "inode/symlink"
_NO_BYTES_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class UploadWish:
    """What a client asks for beside the bytes.

    Attributes:
        condition: ``any``, ``absent`` (If-None-Match: *) or ``match`` (If-Match: one of ``match_sha256``).
        digests: Announced digests of the whole content by name (``DIGESTS``), verified before the commit.
        announced_bytes: The content's length where the client told it.
        declared_type: The client's media type; the bytes have the first word.
        tags: None leaves those of an existing file alone; so does a description of None.
    """

    space: str
    path: str
    condition: Literal["any", "absent", "match"] = "any"
    match_sha256: tuple[str, ...] = ()
    digests: Mapping[str, bytes] = field(default_factory=dict)
    announced_bytes: int | None = None
    declared_type: str = ""
    kind: Literal["file", "symlink"] = "file"
    executable: bool = False
    mtime_ns: int | None = None
    original_name: str = ""
    tags: tuple[str, ...] | None = None
    description: str | None = None


class Uploaded(NamedTuple):
    """What came of an upload.

    Attributes:
        result: ``created`` (a new file), ``version`` (a next one), ``touched`` (the bytes were there already, only
            what is said about them changed) or ``unchanged``.
        new_bytes: Plain bytes of chunks that the vault did not have; ``stored_bytes``: what those take in packs.
    """

    file_id: str
    version: int
    etag: str
    path: str
    space: str
    size_bytes: int
    media_type: str
    result: Result
    chunks: int
    new_bytes: int
    stored_bytes: int


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
            PreconditionFailed: The condition does not hold, before or after the bytes came.
            DigestMismatch: The bytes are not those announced. Nothing was kept.
            TooLarge: More than ``size_max``.
            StorageFull: No room.
            Conflict: A folder has the path, or a file stands on the way.
        """
        space = self.targets.space(wish.space)
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
        base = self.base(space, wish.path)
        ingest = self.store.begin()
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
        outcome = await self.commits.commit(actor, manifest, version)
        return uploaded(outcome, wish, ingested, version.content.media_type, base)

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

    def base(self, space: DirectoryRow, path: str) -> Base | None:
        """The version that the writer sees at the path now."""
        seen = self.views.resolve(space.space_id, path)
        return Base(file_id=seen.entity_id, version=seen.current.number) if isinstance(seen, FileRow) else None

    def _refuse_size(self, wish: UploadWish, size_max: int) -> None:
        if wish.announced_bytes is not None and wish.announced_bytes > size_max:
            raise _too_large(size_max)

    async def _refuse_early(self, actor: Actor, wish: UploadWish, space: DirectoryRow) -> None:
        """Refuse before the bytes flow what would be refused after. Small bodies are judged once, at the end."""
        announced = wish.announced_bytes
        if announced is not None and announced < EARLY_JUDGEMENT_BYTES_MIN:
            return
        content = Content(sha256=_NO_BYTES_SHA256, size_bytes=0)
        early = version_of(wish, space, content, None, self.new_file_id())
        epoch = self.views.partition_row(space.partition).epoch
        self.submitter.refuse_early(actor, early.model_copy(update={"epoch": epoch}), space.partition)
        await self.refuse_full_disk(announced)

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
        """What came of this very request before: the last of its attempts that was decided."""
        found: Outcome | None = None
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            outcome = self.submitter.find_repeat(actor, step_of(attempt), Topic.FILES, space.partition)
            if outcome is None:
                break
            found = outcome
        return found

    async def _answer_repeat(
        self, outcome: Outcome, wish: UploadWish, body: AsyncIterator[bytes], actor: Actor
    ) -> Uploaded:
        """The first outcome again, if the bytes are the same; they are read, but not stored."""
        accepted(outcome, self.submitter.event_id(actor, ""))
        sha256, size_bytes = hashlib.sha256(), 0
        async for data in body:
            sha256.update(data)
            size_bytes += len(data)
        if sha256.hexdigest() != outcome.fact("etag"):
            raise IdempotencyMismatch("this Idempotency-Key was used for other bytes before; use a new key")
        file = self.views.entity(str(outcome.fact("file_id")))
        content = self.views.version(file, int(outcome.fact("version") or 0)) if isinstance(file, FileRow) else None
        again = Ingested(sha256.hexdigest(), size_bytes, 0, b"", 0, 0, b"")
        return uploaded(outcome, wish, again, content.media_type if content is not None else "")


def version_of(
    wish: UploadWish, space: DirectoryRow, content: Content, base: Base | None, new_file_id: str
) -> VersionCommitted:
    """The commit that a wish asks for, but for manifest and epoch."""
    return VersionCommitted(
        space_id=space.space_id,
        path=wish.path,
        new_file_id=new_file_id,
        base=base,
        condition=wish.condition,
        match_sha256=wish.match_sha256,
        content=content,
        epoch=0,
        original_name=wish.original_name or wish.path.rpartition("/")[2],
        tags=wish.tags,
        description=wish.description,
    )


def result_of(outcome: Outcome, base: Base | None) -> Result:
    """What a commit did, seen from the version that the writer saw before."""
    if outcome.verdict is Verdict.UNCHANGED:
        return "unchanged"
    if outcome.fact("created"):
        return "created"
    is_base = base is not None and (base.file_id, base.version) == (outcome.fact("file_id"), outcome.fact("version"))
    return "touched" if is_base else "version"


def uploaded(
    outcome: Outcome, wish: UploadWish, ingested: Ingested, media_type: str, base: Base | None = None
) -> Uploaded:
    """The answer, from what was decided and what was taken in."""
    return Uploaded(
        file_id=str(outcome.fact("file_id")),
        version=int(outcome.fact("version") or 0),
        etag=str(outcome.fact("etag")),
        path=str(outcome.fact("path") or wish.path),
        space=wish.space,
        size_bytes=ingested.size_bytes,
        media_type=media_type,
        result=result_of(outcome, base),
        chunks=ingested.chunks,
        new_bytes=ingested.new_bytes,
        stored_bytes=ingested.stored_bytes,
    )


def verify(announced: Mapping[str, bytes], sha256: bytes, sha512: bytes | None) -> None:
    """Compare announced digests with the content's.

    Raises:
        DigestMismatch: One differs.
    """
    for name, actual in (("sha-256", sha256), ("sha-512", sha512)):
        given = announced.get(name)
        if given is not None and (actual is None or not hmac.compare_digest(given, actual)):
            raise DigestMismatch(
                f"the {name} of the bytes that came is not the announced one; nothing was kept, send them again",
                digest=name,
                announced=given.hex(),
                actual=actual.hex() if actual is not None else "",
            )


def _too_large(size_max: int) -> TooLarge:
    return TooLarge(f"the content is larger than the {size_max} bytes this vault takes", limit_bytes=size_max)
