"""Versions of a file: which there are, back to one, and the end of one."""

from collections.abc import Iterator
from dataclasses import dataclass

from govault.domain.access import Level
from govault.domain.actor import Actor
from govault.domain.position import Verdict
from govault.domain.rows import FileRow, VersionContent
from govault.errors import Conflict, NotFound
from govault.ports import Views
from govault.services.log.submit import Submitter
from govault.services.maintenance.purges import Purges
from govault.services.namespace.recommits import Recommits, content_of
from govault.services.namespace.targets import Located, Target, Targets
from schemas.events.files import Base, Origin, VersionCommitted
from schemas.ids import EntityId
from schemas.topics import Topic


@dataclass(frozen=True, slots=True)
class Versions:
    """The use cases of versions."""

    views: Views
    targets: Targets
    submitter: Submitter
    purges: Purges
    recommits: Recommits

    def listed(self, file: FileRow, before: int | None = None) -> Iterator[VersionContent]:
        """Retained versions, newest first, below a number."""
        for number in (file.current.number, *reversed(file.older)):
            if before is not None and number >= before:
                continue
            content = self.views.version(file, number)
            if content is not None:
                yield content

    def get(self, file: FileRow, number: int) -> VersionContent:
        """One retained version.

        Raises:
            NotFound: It never was, or was pruned.
        """
        content = self.views.version(file, number)
        if content is None:
            raise NotFound(
                f"the file {file.entity_id} has no version {number}", code="not-found.version-unknown", version=number
            )
        return content

    async def remove(self, actor: Actor, target: Target, number: int, dry_run: bool = False) -> FileRow:
        """End one version for ever. The file it was of.

        Raises:
            NotFound: The file or version is not there.
            AccessDenied: The actor may read it, and not more.
            Conflict: It is the current one.
        """
        _, file = self.targets.file(actor, target, Level.OWNER)
        if self.submitter.repeated(actor) is not None:
            return file
        self.get(file, number)
        if number == file.current.number:
            raise Conflict(
                "the current version cannot be removed; commit another one first", code="conflict.version-current"
            )
        if not dry_run:
            await self.purges.prune(actor, file, (number,), step="")
        return file

    async def restore(self, actor: Actor, target: Target, number: int, match: tuple[str, ...] = ()) -> Located:
        """Commit an old version's content as the next version. The current one again: nothing changes.

        Args:
            match: Content hashes, one of which must be the current one (If-Match); empty: no condition.

        Raises:
            NotFound: The file or version is not there.
            AccessDenied: The actor may read it, and not more.
            PreconditionFailed: The current content is none of ``match``.
        """
        located, file = self.targets.file(actor, target, Level.WRITE)
        repeat = self.submitter.find_repeat(actor, "", Topic.FILES, None)
        if repeat is not None and repeat.verdict is not Verdict.REFUSED:
            # The old version may be gone since.
            return located

        def draft(content: VersionContent, epoch: int, new_file_id: EntityId) -> VersionCommitted:
            return VersionCommitted(
                space_id=file.space_id,
                file_id=file.entity_id,
                new_file_id=new_file_id,
                base=Base(file_id=file.entity_id, version=file.current.number),
                condition="match" if match else "any",
                match_sha256=match,
                content=content_of(content),
                epoch=epoch,
                original_name=file.original_name,
                origin=Origin(how="restore", file_id=file.entity_id, version=number),
            )

        keyed = self.submitter.keyed(actor)
        await self.recommits.commit(keyed, located.space, file, number, located.space, draft)
        return self.targets.located(file.entity_id)
