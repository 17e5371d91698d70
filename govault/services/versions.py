"""Versions of a file: which there are, back to one, and the end of one."""

from collections.abc import Iterator
from dataclasses import dataclass

from govault.domain.actor import Actor
from govault.domain.reasons import Reason
from govault.domain.rows import FileRow, VersionContent
from govault.errors import Conflict, NotFound
from govault.limits import SUBMIT_ATTEMPTS_MAX
from govault.ports import Clock, Randomness, Views
from govault.services.copies import content_of
from govault.services.purges import Purges
from govault.services.submit import Submitter
from govault.services.targets import Located, Target, Targets
from schemas.events.files import Base, Origin, VersionCommitted
from schemas.ids import new_entity_id

_RETRIED = frozenset({Reason.STALE_EPOCH.value, Reason.PARTS_MISSING.value})


@dataclass(frozen=True, slots=True)
class Versions:
    """The use cases of versions."""

    views: Views
    targets: Targets
    submitter: Submitter
    purges: Purges
    clock: Clock
    randomness: Randomness

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
            Conflict: It is the current one.
        """
        _, file = self.targets.file(actor, target)
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
            PreconditionFailed: The current content is none of ``match``.
        """
        located, file = self.targets.file(actor, target)
        actor = self.submitter.keyed(actor)
        for attempt in range(SUBMIT_ATTEMPTS_MAX):
            epoch = self.views.partition_row(located.space.partition).epoch
            content = self.get(file, number)
            committed = VersionCommitted(
                space_id=file.space_id,
                file_id=file.entity_id,
                new_file_id=new_entity_id(self.clock.time_ms(), self.randomness.token(10)),
                base=Base(file_id=file.entity_id, version=file.current.number),
                condition="match" if match else "any",
                match_sha256=match,
                content=content_of(content),
                epoch=epoch,
                original_name=file.original_name,
                origin=Origin(how="restore", file_id=file.entity_id, version=number),
            )
            try:
                await self.submitter.submit(
                    actor,
                    committed,
                    located.space.partition,
                    subject=file.space_id,
                    step=f"restore:{attempt}" if attempt else "",
                )
                return self.targets.located(file.entity_id)
            except Conflict as error:
                if error.details.get("reason") not in _RETRIED:
                    raise
        raise Conflict("collection moved on again and again while it was restored; repeat it", code="conflict.busy")
