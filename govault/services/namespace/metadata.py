"""What people say about a file: tags, description, media type."""

from dataclasses import dataclass

from govault.domain.access import Level
from govault.domain.actor import Actor
from govault.domain.paths import CONTROL
from govault.errors import InvalidRequest
from govault.limits import DESCRIPTION_BYTES_MAX, TAG_BYTES_MAX
from govault.services.log.submit import Submitter
from govault.services.namespace.targets import ByRef, Guard, Located, Target, Targets
from schemas.events.files import MetadataChanged


@dataclass(frozen=True, slots=True)
class MetadataWish:
    """What shall change; None leaves it.

    Attributes:
        tags: Sets all; excludes ``add_tags`` and ``remove_tags``.
        media_type: Empty: the version's own again.
    """

    tags: tuple[str, ...] | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    description: str | None = None
    media_type: str | None = None

    @property
    def asks_for_something(self) -> bool:
        """Whether any change is wished."""
        return self != MetadataWish()

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            InvalidRequest: It does.
        """
        if self.tags is not None and (self.add_tags or self.remove_tags):
            raise InvalidRequest("either set all tags, or add and remove some", rule="tags-or-add-remove")
        for tag in (*(self.tags or ()), *self.add_tags):
            if not tag or CONTROL.search(tag) or len(tag.encode()) > TAG_BYTES_MAX:
                raise InvalidRequest(
                    f"{tag[:40]!r} is no tag: 1 to {TAG_BYTES_MAX} bytes without control characters", rule="tag"
                )
        if self.description is not None and len(self.description.encode()) > DESCRIPTION_BYTES_MAX:
            raise InvalidRequest(f"a description has at most {DESCRIPTION_BYTES_MAX} bytes", rule="description")


@dataclass(frozen=True, slots=True)
class Metadata:
    """Changes metadata of files."""

    targets: Targets
    submitter: Submitter

    async def change(
        self, actor: Actor, target: Target, wish: MetadataWish, guard: Guard | None = None, *, step: str = ""
    ) -> Located:
        """Change a file's metadata.

        Raises:
            NotFound: It does not live.
            AccessDenied: The actor may read it, and not write.
            Conflict: It is a folder.
            PreconditionFailed: The guard's condition does not hold, or not any more when the log decides.
            InvalidRequest: The tags contradict each other, or become too many.
        """
        wish.check()
        repeat = self.submitter.repeated(actor, step)
        if repeat is not None and (entity_id := repeat.fact("entity_id")) is not None:
            return self.targets.find(actor, ByRef(str(entity_id)))
        located, file = self.targets.file(actor, target, Level.WRITE)
        changed = MetadataChanged(
            space_id=file.space_id,
            entity_id=file.entity_id,
            base_revision=None if guard is None else guard(located),
            tags=wish.tags,
            add_tags=wish.add_tags,
            remove_tags=wish.remove_tags,
            description=wish.description,
            media_type=wish.media_type,
        )
        await self.submitter.submit(actor, changed, located.space.partition, subject=file.space_id, step=step)
        return self.targets.located(file.entity_id)
