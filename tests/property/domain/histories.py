"""Random histories: events that mostly make sense, over few names, so that they meet, race and repeat."""

from base64 import b64decode
from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from govault.domain.apply_parts import part_id_of
from govault.domain.memory_state import MemoryPartition
from govault.domain.rows import Entity, FileRow, FolderRow, PartRow
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.files import (
    Base,
    Content,
    EntityRestored,
    EntityTrashed,
    EntryMoved,
    EpochOpened,
    FolderMade,
    ManifestPartsAdded,
    MetadataChanged,
    Origin,
    PartsReleased,
    Retention,
    RulesActivated,
    SpaceChanged,
    SpaceClosed,
    SpaceOpened,
    TrashPurged,
    VersionCommitted,
    VersionsPruned,
)
from schemas.ids import new_entity_id
from tests.unit.domain.writing import OTHER_SPACE, SPACE, content_of, event_of, packed, sha256

T = TypeVar("T")

NAMES = ("a", "b", "c", "é")
_SOON = 12
"""How many events back most repeats are."""
ODD_PATHS = ("a//b", "/a", "..", "a/./b", "n" * 300)
PIECES = (b"one", b"two", b"three", b"four")
TAGS = ("x", "y", "z")
RUNS: list[tuple[bytes, ...]] = [(b"one",), (b"two", b"three"), (b"one", b"four"), (b"five",)]
PARTS = [(packed(*run), part_id_of(b64decode(packed(*run))), sum(map(len, run))) for run in RUNS]
"""(packed, id, size) of a few manifest parts."""


class HistoryWriter:
    """Writes what a writer with a view might write next; now and then a stale, broken or repeated event.

    Attributes:
        state: The partition, folded as far as the history goes.
        log: (offset, append time, event).
    """

    def __init__(self, rng: Random, *, retries: bool = False) -> None:
        """Of a partition without a record yet.

        Args:
            retries: Whether what came late comes again in time, at once or later, to be decided afresh under the same
                id; and whether events come again mostly soon, and what was purged under the same file id.
        """
        self.rng = rng
        self.retries = retries
        self.state = MemoryPartition()
        self.log: list[tuple[int, int, Event]] = []
        self.now_ms = 1_000_000
        self.offset = -1

    def step(self) -> Event:
        """Write one event and fold it. Offsets may have gaps, append times may run backwards."""
        self.offset += 1 if self.offset < 0 else self.rng.choice((1, 1, 1, 2))
        self.now_ms += self.rng.choice((0, 1, 1000, -500))
        event = self.next_event()
        self.log.append((self.offset, self.now_ms, event))
        self.state.apply(event, self.offset, self.now_ms)
        return event

    def next_event(self) -> Event:
        if self.offset <= 0:
            return event_of(SpaceOpened(space_id=SPACE, name="main"), 1)
        if len(self.log) > 1 and self.one_in(12):
            _, _, repeated = self.rng.choice(self.log[-_SOON:] if self.retries and self.one_in(2) else self.log)
            return repeated if self.one_in(2) else repeated._replace(request_hash="another")
        envelope: dict[str, Any] = {}
        if self.retries and (late := self.late()) is not None:
            return late._replace(not_after_ms=self.now_ms + self.rng.choice((0, 2_000, 60_000)))
        if self.one_in(10 if self.retries else 30):
            envelope["not_after_ms"] = self.now_ms + self.rng.choice((-1, 0, 10_000))
        return event_of(self.next_data(), self.offset + 2, **envelope)

    def late(self) -> Event | None:
        """The event before if it came late, now and then one of those before it."""
        _, _, event = self.rng.choice(self.log[-_SOON:]) if self.one_in(6) else self.log[-1]
        return event if event.not_after_ms is not None and event.not_after_ms < self.now_ms else None

    def next_data(self) -> EventData:
        kinds = [self.commit] * 10 + [self.move] * 4 + [self.trash] * 2 + [self.restore] * 2 + [self.purge] * 2
        kinds += [self.folder, self.metadata, self.prune, self.parts, self.parts, self.release, self.epoch, self.other]
        return self.rng.choice(kinds)()

    # --- one of each ---------------------------------------------------------------------------------------

    def commit(self) -> EventData:
        file = self.any_of([row for row in self.state.rows(FileRow) if row.trashed_ms is None])
        by_id = file is not None and self.one_in(4)
        base = None if file is None else Base(file_id=file.entity_id, version=file.current.number)
        matching = (file.current.sha256,) if file is not None else (sha256(b"?"),)
        return VersionCommitted(
            space_id=self.space(file if by_id else None),
            path=None if by_id else self.path(),
            file_id=file.entity_id if by_id and file is not None else None,
            new_file_id=self.new_id(),
            base=base if self.one_in(2) else None,
            condition=self.rng.choice(("any", "any", "any", "any", "absent", "match")),
            match_sha256=matching if self.one_in(2) else (),
            content=self.content(),
            epoch=max(0, self.state.partition().epoch - self.rng.choice((0, 0, 0, 0, 1, 2))),
            tags=self.tags() if self.one_in(4) else None,
            origin=Origin(how="copy", file_id=self.fresh_id(), version=1) if self.one_in(5) else None,
        )

    def new_id(self) -> str:
        if self.retries and self.one_in(5):
            ids = [event.data.new_file_id for _, _, event in self.log if isinstance(event.data, VersionCommitted)]
            return self.any_of(ids) or self.fresh_id()
        return self.an_id() if self.one_in(20) else self.fresh_id()

    def content(self) -> Content:
        attributes: dict[str, Any] = {
            "executable": self.one_in(4),
            "mtime_ns": self.rng.choice((None, None, 1, 2)),
            "kind": "symlink" if self.one_in(8) else "file",
        }
        known = {row.part_id for row in self.state.rows(PartRow)}
        parts = [part for part in PARTS if part[1] in known or self.one_in(10)]
        if not parts or self.one_in(2):
            return content_of(*(self.rng.choice(PIECES) for _ in range(self.rng.randrange(3))), **attributes)
        listed = [self.rng.choice(parts) for _ in range(1 + self.rng.randrange(3))]
        whole = "".join(part_id for _, part_id, _ in listed)
        return Content(
            sha256=sha256(whole.encode()),
            size_bytes=sum(size for _, _, size in listed) + self.one_in(20),
            parts=tuple(part_id for _, part_id, _ in listed),
            **attributes,
        )

    def folder(self) -> EventData:
        return FolderMade(space_id=self.space(), path=self.path())

    def move(self) -> EventData:
        entity = self.an_entity()
        return EntryMoved(
            space_id=self.space(entity), entity_id=self.id_of(entity), to_path=self.path(), replace=self.one_in(2)
        )

    def trash(self) -> EventData:
        entity = self.an_entity()
        return EntityTrashed(space_id=self.space(entity), entity_id=self.id_of(entity))

    def restore(self) -> EventData:
        roots = [row for row in self.entities() if row.trashed_ms is not None]
        entity = self.an_entity() if self.one_in(5) else self.any_of(roots)
        return EntityRestored(
            space_id=self.space(entity),
            entity_id=self.id_of(entity),
            to_path=self.path() if self.one_in(3) else None,
            replace=self.one_in(2),
        )

    def purge(self) -> EventData:
        ids = [self.an_id() for _ in range(self.rng.randrange(4))]
        if self.one_in(2):
            # Folders made later are mostly inside earlier ones, so this is often children first.
            ids = [row.entity_id for row in (*self.state.rows(FileRow), *reversed(self.state.rows(FolderRow)))]
        return TrashPurged(space_id=self.space(), entity_ids=tuple(ids))

    def metadata(self) -> EventData:
        entity = self.any_of(self.state.rows(FileRow)) if not self.one_in(5) else self.an_entity()
        return MetadataChanged(
            space_id=self.space(entity),
            entity_id=self.id_of(entity),
            base_revision=self.rng.choice((None, None, None, 0, 1)),
            tags=self.tags() if self.one_in(2) else None,
            add_tags=self.tags(),
            remove_tags=self.tags(),
            description=self.rng.choice((None, "", "said")),
        )

    def prune(self) -> EventData:
        file = self.any_of([row for row in self.state.rows(FileRow) if row.older])
        versions = [number for number in (file.older if file else ()) if self.one_in(2)]
        versions += [self.rng.randrange(5)] if self.one_in(4) else []
        return VersionsPruned(space_id=self.space(file), file_id=self.id_of(file), versions=tuple(versions))

    def parts(self) -> EventData:
        chosen = [self.rng.choice(PARTS) for _ in range(1 + self.rng.randrange(3))]
        epoch = max(0, self.state.partition().epoch - self.rng.choice((0, 0, 0, 2)))
        return ManifestPartsAdded(space_id=self.space(), parts=tuple(text for text, _, _ in chosen), epoch=epoch)

    def release(self) -> EventData:
        return PartsReleased(space_id=self.space(), part_ids=tuple(row.part_id for row in self.state.rows(PartRow)))

    def epoch(self) -> EventData:
        return EpochOpened(epoch=self.state.partition().epoch + self.rng.choice((1, 1, 1, 2)))

    def other(self) -> EventData:
        return self.rng.choice(
            (
                SpaceOpened(space_id=OTHER_SPACE, name="other"),
                SpaceOpened(space_id=OTHER_SPACE, name="other"),
                SpaceChanged(space_id=SPACE, retention=Retention(keep_last=1 + self.rng.randrange(3))),
                SpaceClosed(space_id=OTHER_SPACE, force=self.one_in(4)),
                SpaceClosed(space_id=SPACE),
                RulesActivated(rules=1),
            )
        )

    # --- choosing ------------------------------------------------------------------------------------------

    def one_in(self, count: int) -> bool:
        return self.rng.randrange(count) == 0

    def any_of(self, rows: Sequence[T]) -> T | None:
        return self.rng.choice(rows) if rows else None

    def path(self) -> str:
        if self.one_in(25):
            return self.rng.choice(ODD_PATHS)
        return "/".join(self.rng.choice(NAMES) for _ in range(1 + self.rng.randrange(4)))

    def tags(self) -> tuple[str, ...]:
        return tuple(self.rng.choice(TAGS) for _ in range(self.rng.randrange(3))) + (("",) if self.one_in(20) else ())

    def space(self, entity: Entity | None = None) -> str:
        if entity is not None and not self.one_in(20):
            return entity.space_id
        return OTHER_SPACE if self.one_in(6) else SPACE

    def entities(self) -> list[Entity]:
        return [*self.state.rows(FileRow), *self.state.rows(FolderRow)]

    def an_entity(self) -> Entity | None:
        return self.any_of(self.entities())

    def an_id(self) -> str:
        return self.id_of(self.an_entity())

    def id_of(self, entity: Entity | None) -> str:
        return self.fresh_id() if entity is None else entity.entity_id

    def fresh_id(self) -> str:
        return new_entity_id(self.offset + 2, b"history---")
