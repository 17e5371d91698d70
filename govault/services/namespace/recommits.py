"""Contents committed again: by copies and by restored versions. No bytes move.

Across spaces a version's manifest parts are added to the other space first. A commit then carries the lower epoch of
both partitions, read before the source: so a source that is removed meanwhile keeps its chunks until the commit
is either applied or refused as stale.
"""

from collections.abc import Callable
from dataclasses import dataclass

from govault.domain.actor import Actor
from govault.domain.position import Outcome
from govault.domain.reasons import Reason
from govault.domain.rows import DirectoryRow, FileRow, VersionContent
from govault.errors import Conflict, NotFound
from govault.limits import PARTS_PER_EVENT_MAX, SUBMIT_ATTEMPTS_MAX
from govault.ports import Clock, Randomness, Views
from govault.services.log.submit import Submitter
from schemas.events.files import Content, ManifestPartsAdded, VersionCommitted
from schemas.ids import EntityId, new_entity_id

_RETRIED = frozenset({Reason.STALE_EPOCH.value, Reason.PARTS_MISSING.value})

Draft = Callable[[VersionContent, int, EntityId], VersionCommitted]
"""The commit of a retained content, under an epoch, with an id for a new file."""


@dataclass(frozen=True, slots=True)
class Recommits:
    """Commits contents that the vault retains."""

    views: Views
    submitter: Submitter
    clock: Clock
    randomness: Randomness

    async def commit(
        self,
        actor: Actor,
        source: DirectoryRow,
        file: FileRow,
        version: int | None,
        space: DirectoryRow,
        draft: Draft,
        step: str = "",
    ) -> Outcome:
        """Commit a version of a file in a space; again under a newer epoch where collection moved on.

        Args:
            source: The file's space.
            version: None: the current one when the commit is drafted.

        Raises:
            NotFound: The version is not retained.
            Conflict: What ``apply`` refuses.
        """
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            epoch = min(self.views.partition_row(place.partition).epoch for place in (source, space))
            content = self._retained(file, version)
            committed = draft(content, epoch, new_entity_id(self.clock.time_ms(), self.randomness.token(10)))
            try:
                if source.space_id != space.space_id:
                    await self._add_parts(actor, source, content, space, epoch, f"{step}:parts{attempt}")
                return await self.submitter.submit(
                    actor,
                    committed,
                    space.partition,
                    subject=space.space_id,
                    step=f"{step}:{attempt}" if attempt else step,
                )
            except Conflict as error:
                if error.details.get("reason") not in _RETRIED:
                    raise
        raise Conflict("collection moved on again and again meanwhile; repeat the request", code="conflict.busy")

    def _retained(self, file: FileRow, version: int | None) -> VersionContent:
        """A version as it is retained right now."""
        now = self.views.entity(file.entity_id)
        number = file.current.number if version is None else version
        content = self.views.version(now, number) if isinstance(now, FileRow) else None
        if content is None:
            raise NotFound(
                f"the file {file.entity_id} has no version {number}", code="not-found.version-unknown", version=number
            )
        return content

    async def _add_parts(
        self, actor: Actor, source: DirectoryRow, content: VersionContent, space: DirectoryRow, epoch: int, step: str
    ) -> None:
        reader = self.views.files(source.partition)
        distinct = list(dict.fromkeys(content.parts))
        for start in range(0, len(distinct), PARTS_PER_EVENT_MAX):
            wanted = distinct[start : start + PARTS_PER_EVENT_MAX]
            found = (reader.packed_part(source.space_id, part_id) for part_id in wanted)
            packed = tuple(one for one in found if one is not None)
            if len(packed) < len(wanted):
                raise NotFound("the version was removed while it was copied", code="not-found.version-unknown")
            added = ManifestPartsAdded(space_id=space.space_id, parts=packed, epoch=epoch)
            await self.submitter.submit(actor, added, space.partition, subject=space.space_id, step=f"{step}:{start}")


def content_of(content: VersionContent, media_type: str = "") -> Content:
    """The same content, to be committed again."""
    return Content(
        sha256=content.sha256,
        size_bytes=content.size_bytes,
        inline_manifest=content.manifest or None,
        parts=content.parts,
        kind="symlink" if content.kind == "symlink" else "file",
        executable=content.executable,
        mtime_ns=content.mtime_ns,
        media_type=media_type or content.media_type,
    )
