"""Uploads whose destination is known only after the bytes came: forms may say it last."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from govault.domain.actor import Actor
from govault.ports import ChunkStore, Ingested, Views
from govault.services.contents.commits import Commits, Manifest
from govault.services.contents.upload_terms import Uploaded, UploadWish, uploaded
from govault.services.contents.uploads import Uploads
from govault.services.namespace.targets import Targets


@dataclass(frozen=True, slots=True)
class FormUploads:
    """Takes a content in first and asks for its wish at the end."""

    views: Views
    targets: Targets
    store: ChunkStore
    uploads: Uploads
    commits: Commits

    async def put(
        self,
        actor: Actor,
        wish: Callable[[], UploadWish],
        body: AsyncIterator[bytes],
        size_max: int,
        announced_bytes: int | None,
    ) -> Uploaded:
        """Store a content, then commit it where the wish says.

        Args:
            wish: Called once, after the last byte; what it raises ends the upload, and nothing is kept.
            announced_bytes: An upper bound of the content's length, where one is known.

        Raises:
            As ``Uploads.put``.
        """
        await self.uploads.refuse_full_disk(announced_bytes)
        async with self.uploads.place():
            # Where it goes is not known yet, so it stands under the lowest epoch of all.
            epoch = min(self.views.partition_row(number).epoch for number in self.views.partitions())
            with self.uploads.in_flight.held(epoch):
                parts, ingested = await self._take_in(body, size_max)
                return await self._commit(actor, wish(), epoch, parts, ingested)

    async def _take_in(self, body: AsyncIterator[bytes], size_max: int) -> tuple[list[bytes], Ingested]:
        ingest = self.store.begin()
        parts: list[bytes] = []
        try:
            async for data in self.uploads.bounded(body, size_max):
                await ingest.write(data)
                parts += ingest.take_parts()
            ingested = await ingest.finish()
        except BaseException:
            await ingest.abort()
            raise
        return parts + ingest.take_parts(), ingested

    async def _commit(
        self, actor: Actor, wish: UploadWish, epoch: int, parts: list[bytes], ingested: Ingested
    ) -> Uploaded:
        space = self.targets.place(actor, wish.space, wish.path)
        repeat = self.uploads.repeat(actor, space)
        if repeat is not None:
            return self.uploads.repeated(actor, repeat, wish, ingested.sha256, ingested.size_bytes)
        base = self.uploads.base(space, wish.path)
        version = self.uploads.version(wish, space, ingested, base)
        manifest = Manifest(space, epoch, parts, ingested.packed)
        await self.commits.ensure(manifest)
        told = self.uploads.told(actor, ingested)
        outcome = await self.commits.commit(actor, manifest, version)
        return uploaded(outcome, wish, told, version.content.media_type, base)
