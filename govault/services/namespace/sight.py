"""What somebody sees of a space of which he may not read everything: what is his or granted to him, and the way there.

It comes from the index of what principals have, so that no list walks through what is hidden; and names of hidden
things are in no answer, cursors included.
"""

from collections.abc import Callable

from govault.domain.access import Level, is_readable_here, is_unchecked
from govault.domain.actor import Actor
from govault.domain.apply_access import ACCESS_RULES
from govault.domain.rows import DirectoryRow, Entity, EntryRow, FileRow, FolderRow
from govault.limits import PATH_DEPTH_MAX, SEEN_PER_SPACE_MAX, SEEN_SPACES_MAX
from govault.ports import Views
from govault.services.namespace.targets import Targets
from govault.services.namespace.walk import key_of


class SeenTree:
    """The part of a space that somebody sees; for one request, its answers are remembered.

    Of what was granted to him there at most SEEN_PER_SPACE_MAX things are looked at; what is in a folder that he may
    read counts as one.
    """

    def __init__(self, views: Views, targets: Targets, actor: Actor, space: DirectoryRow) -> None:
        self._views = views
        self._rows = views.files(space.partition)
        self._actor = actor
        self._space = space
        self._entities: dict[str, Entity | None] = {}
        self._readable = {space.space_id: targets.level_in(actor, space) >= Level.READ}
        self._decides = views.partition_row(space.partition).rules >= ACCESS_RULES
        self._below: dict[str, dict[str, Entity]] | None = None

    def is_empty(self) -> bool:
        """Whether nothing here is his or was granted to him. Cheap."""
        space_id = self._space.space_id
        return not self.reads(space_id) and not self._views.targets_of(space_id, self._actor.principals, 1)

    def prepare(self) -> None:
        """Look at all that was granted to him here; may take tens of milliseconds."""
        self._seen()

    def sees(self, entity: Entity) -> bool:
        """Whether he may read it, or it leads to something that he may."""
        return self.reads_row(entity) or entity.entity_id in self._seen().get(entity.parent_id, ())

    def reads(self, target_id: str) -> bool:
        """Whether he may read a folder or file, or the space as a whole."""
        known = self._readable.get(target_id)
        if known is not None:
            return known
        entity = self.entity(target_id)
        return entity is not None and self.reads_row(entity)

    def reads_row(self, entity: Entity) -> bool:
        """The same of one whose row is at hand."""
        way: list[Entity] = []
        above: Entity | None = entity
        while above is not None and above.entity_id not in self._readable and len(way) <= PATH_DEPTH_MAX:
            way.append(above)
            above = self.entity(above.parent_id) if above.parent_id != self._space.space_id else None
        # What was trash before the folder that it lay in, and outlives it, lies in nothing but the space.
        known = self._readable.get(self._space.space_id if above is None else above.entity_id, False)
        for one in reversed(way):
            known = known or (self._decides and is_readable_here(self._rows, one, self._actor.principals))
            self._readable[one.entity_id] = known
        return known

    def entry(self, space_id: str, parent_id: str, name: str) -> EntryRow | None:
        """The live entry of a name, if he sees it."""
        entry = self._views.entry(space_id, parent_id, name)
        if entry is None or self.reads(parent_id) or entry.entity_id in self._seen().get(parent_id, ()):
            return entry
        return None

    def entity(self, entity_id: str) -> Entity | None:
        """A file or folder of the space; read once."""
        if entity_id not in self._entities:
            self._entities[entity_id] = self._rows.entity(entity_id)
        return self._entities[entity_id]

    def list_folder(
        self, space_id: str, parent_id: str, after: str, limit: int
    ) -> list[tuple[EntryRow, FileRow | FolderRow]]:
        """What he sees of a folder, in key order."""
        if self.reads(parent_id):
            return self._views.list_folder(space_id, parent_id, after, limit)
        seen = self._seen().get(parent_id, {}).values()
        rows = [
            (EntryRow(space_id, parent_id, row.name, isinstance(row, FolderRow), row.entity_id), row) for row in seen
        ]
        behind = [pair for pair in rows if not after or key_of(pair[0]).encode() > after.encode()]
        return sorted(behind, key=lambda pair: key_of(pair[0]).encode())[:limit]

    def _seen(self) -> dict[str, dict[str, Entity]]:
        """Folder id → what is seen in it, for folders that he may not read."""
        if self._below is None:
            self._below = {}
            space_id, principals = self._space.space_id, self._actor.principals
            for target_id in self._views.targets_of(space_id, principals, SEEN_PER_SPACE_MAX):
                entity = None if target_id == space_id else self.entity(target_id)
                if entity is not None and self.reads_row(entity):
                    self._lead_to(entity)
        return self._below

    def _lead_to(self, entity: Entity) -> None:
        """Note the way to something, unless it is trash."""
        assert self._below is not None
        way: list[Entity] = []
        above: Entity | None = entity
        for _ in range(PATH_DEPTH_MAX + 1):
            if above is None or above.trashed_ms is not None:
                return
            way.append(above)
            if above.parent_id == self._space.space_id or above.entity_id in self._below.get(above.parent_id, ()):
                break
            above = self.entity(above.parent_id)
        for one in way:
            self._below.setdefault(one.parent_id, {})[one.entity_id] = one


class Sight:
    """What an actor sees, space by space."""

    def __init__(self, views: Views, targets: Targets, actor: Actor) -> None:
        self._views = views
        self._targets = targets
        self._actor = actor
        self.is_whole = is_unchecked(actor.name, actor.principals)
        self._trees: dict[str, SeenTree] = {}

    def tree(self, space: DirectoryRow) -> SeenTree:
        """The part of a space that the actor sees."""
        if space.space_id not in self._trees:
            self._trees[space.space_id] = SeenTree(self._views, self._targets, self._actor, space)
        return self._trees[space.space_id]

    def spaces(self) -> list[DirectoryRow]:
        """Spaces in which he has something, by name; the first SEEN_SPACES_MAX found. For one who sees not all."""
        found = (self._views.space(one) for one in self._views.spaces_of(self._actor.principals, SEEN_SPACES_MAX))
        return sorted((row for row in found if row is not None), key=lambda row: row.name)

    def filter(self) -> Callable[[FileRow], bool] | None:
        """Judges files that a search finds; None where all are seen."""
        return None if self.is_whole else self._judge

    def _judge(self, file: FileRow) -> bool:
        space = self._views.space(file.space_id)
        if space is None:
            return False
        return self.tree(space).reads_row(file)
