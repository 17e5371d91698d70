"""Making folders."""

from dataclasses import dataclass
from typing import NamedTuple

from govault.domain.actor import Actor
from govault.domain.position import Verdict
from govault.domain.rows import DirectoryRow, FolderRow
from govault.errors import NotFound
from govault.services.log.submit import Submitter
from govault.services.namespace.targets import Targets
from schemas.events.files import FolderMade


class MadeFolder(NamedTuple):
    """A folder that exists now, and whether this request made it."""

    space: DirectoryRow
    folder: FolderRow
    created: bool


@dataclass(frozen=True, slots=True)
class Folders:
    """Makes folders; those on the way too."""

    targets: Targets
    submitter: Submitter

    async def make(self, actor: Actor, space_name: str, path: str) -> MadeFolder:
        """Make a folder, unless it exists.

        Raises:
            AccessDenied: The actor may not write there.
            Conflict: A file has its path, or stands on the way.
            NotFound: No such space; or a repeat of a request whose folder is gone since.
        """
        space = self.targets.place(actor, space_name, path)
        outcome = await self.submitter.submit(
            actor, FolderMade(space_id=space.space_id, path=path), space.partition, subject=space.space_id
        )
        folder = self.targets.views.resolve(space.space_id, path)
        if not isinstance(folder, FolderRow):
            raise NotFound(f"the folder {path!r} was made, and has been removed or replaced since")
        return MadeFolder(space, folder, outcome.verdict is not Verdict.UNCHANGED)
