"""The history of one file or folder, as far as the folded state still tells it. The log itself tells all."""

from collections.abc import Iterator
from dataclasses import dataclass

from govault.domain.rows import Entity, FileRow, VersionContent
from govault.ports import Views


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened.

    Attributes:
        what: ``created``, ``committed``, ``pruned``, ``metadata-changed``, ``trashed``.
        at_ms: Vault time; None where the state keeps none.
        version: Of ``committed`` and ``pruned``.
        content: Of ``committed``, where the version is retained.
        revision: Of ``metadata-changed``: how often it was.
        path: Of ``trashed``: where it was.
    """

    what: str
    at_ms: int | None = None
    actor: str | None = None
    version: int | None = None
    content: VersionContent | None = None
    revision: int | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Reads what the views keep of the past of one thing."""

    views: Views

    def of(self, entity: Entity) -> Iterator[Fact]:
        """Newest first: trash, metadata, every version that ever was, creation.

        Version numbers are dense, so a number that is not retained was committed and pruned.
        """
        if entity.trashed_ms is not None:
            yield Fact("trashed", entity.trashed_ms, entity.trashed_by, path=entity.trashed_path)
        if isinstance(entity, FileRow):
            yield from self._of_file(entity)
        yield Fact("created", entity.created_ms)

    def _of_file(self, file: FileRow) -> Iterator[Fact]:
        if file.revision:
            yield Fact("metadata-changed", revision=file.revision)
        retained = set(file.older)
        for number in range(file.current.number, 0, -1):
            if number != file.current.number and number not in retained:
                yield Fact("pruned", version=number)
                continue
            content = self.views.version(file, number)
            if content is not None:
                yield Fact("committed", content.committed_ms, content.actor, version=number, content=content)
