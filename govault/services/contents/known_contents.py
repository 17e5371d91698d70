"""Uploads without bytes: a content that the vault holds already, and that the actor may read, named by its hash."""

import binascii
from dataclasses import dataclass

from govault.domain.actor import Actor
from govault.domain.rows import DirectoryRow, FileRow, VersionContent
from govault.errors import NotFound
from govault.ports import Ingested, Views
from govault.services.contents.commits import Commits, Manifest
from govault.services.contents.media_types import OCTETS, named_type
from govault.services.contents.upload_terms import SYMLINK_MEDIA_TYPE, Uploaded, UploadWish, uploaded, version_of
from govault.services.contents.uploads import Uploads
from govault.services.namespace.targets import Targets
from schemas.events.files import Content


@dataclass(frozen=True, slots=True)
class KnownContents:
    """Commits contents by hash. A client that hashes first sends the bytes only where this answers 404."""

    views: Views
    targets: Targets
    uploads: Uploads
    commits: Commits

    async def put(self, actor: Actor, wish: UploadWish, sha256: str) -> Uploaded:
        """Commit a known content as the next version at a path.

        Raises:
            NotFound: No file that the actor may read has it: send the bytes.
            PreconditionFailed: The condition does not hold.
            Conflict: As for an upload.
        """
        space = self.targets.place(actor, wish.space, wish.path)
        place = self._place(self._source(actor, sha256)[0])
        # The epochs are read before the source is looked at for good: should it be purged from here on, its chunks
        # outlive this commit, or the commit is refused as stale and the chunks are asked for again.
        epoch = min(self.views.partition_row(row.partition).epoch for row in (place, space))
        with self.uploads.in_flight.held(epoch):
            return await self._commit(actor, wish, sha256, space, place, epoch)

    async def _commit(
        self, actor: Actor, wish: UploadWish, sha256: str, space: DirectoryRow, place: DirectoryRow, epoch: int
    ) -> Uploaded:
        there = self.views.resolve(space.space_id, wish.path)
        base = self.uploads.base(space, wish.path)
        file, source = self._source(actor, sha256)
        if file.space_id != place.space_id:
            raise NotFound("the content has moved just now; repeat, or send the bytes", code="not-found.content")
        manifest = self._manifest(space, place, source, epoch)
        await self.commits.ensure(manifest)
        content = Content(
            sha256=sha256,
            size_bytes=source.size_bytes,
            kind=wish.kind,
            executable=wish.executable,
            mtime_ns=wish.mtime_ns,
            media_type=_media_type(wish, there if isinstance(there, FileRow) else None, source),
        )
        version = version_of(wish, space, content, base, self.uploads.new_file_id())
        outcome = await self.commits.commit(actor, manifest, version)
        taken = Ingested(sha256, source.size_bytes, sum(1 for _ in manifest.chunk_ids()), b"", 0, 0, b"")
        return uploaded(outcome, wish, taken, content.media_type, base)

    def _source(self, actor: Actor, sha256: str) -> tuple[FileRow, VersionContent]:
        for file, number in self.targets.files_with(actor, sha256, 1):
            content = self.views.version(file, number)
            if content is not None:
                return file, content
        raise NotFound(f"no file that you may read has the content {sha256}; send the bytes", code="not-found.content")

    def _place(self, file: FileRow) -> DirectoryRow:
        place = self.views.space(file.space_id)
        if place is None:
            raise NotFound("the content's space is gone; send the bytes", code="not-found.content")
        return place

    def _manifest(self, space: DirectoryRow, place: DirectoryRow, source: VersionContent, epoch: int) -> Manifest:
        reader = self.views.files(place.partition)
        found = [reader.packed_part(place.space_id, part_id) for part_id in source.parts]
        parts = [binascii.a2b_base64(packed) for packed in found if packed is not None]
        if len(parts) < len(found):
            raise NotFound("the content is being removed; send the bytes", code="not-found.content")
        logged = len(parts) if place.space_id == space.space_id else 0
        return Manifest(space, epoch, parts, binascii.a2b_base64(source.manifest), logged)


def _media_type(wish: UploadWish, there: FileRow | None, source: VersionContent) -> str:
    """The same bytes at the same path keep their type; elsewhere the source's holds, as its bytes were looked at."""
    if wish.kind == "symlink":
        return SYMLINK_MEDIA_TYPE
    if there is not None and (there.current.sha256, there.current.kind) == (source.sha256, "file"):
        return there.current.media_type
    if source.kind == "symlink" or source.media_type == OCTETS:
        return named_type(wish.path.rpartition("/")[2], wish.declared_type)
    return source.media_type
