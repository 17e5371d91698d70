"""One partition in memory and a writer that makes well-formed events: the stage of the domain's tests."""

import base64
import hashlib
from typing import Any

from govault.domain.manifest import ChunkRef, pack
from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Outcome
from govault.domain.rows import Entity, FileRow
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.files import (
    Content,
    EntityRestored,
    EntityTrashed,
    EntryMoved,
    FolderMade,
    SpaceOpened,
    TrashPurged,
    VersionCommitted,
)
from schemas.ids import ChunkId, EntityId, EventId, SpaceId, new_entity_id, new_event_id, new_space_id

SPACE = new_space_id(1, b"space-----")
OTHER_SPACE = new_space_id(2, b"space-----")
START_MS = 1_700_000_000_000
STEP_MS = 1000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def chunk_id(plain: bytes) -> ChunkId:
    return ChunkId(hashlib.blake2b(plain, digest_size=32).digest())


def packed(*plains: bytes) -> str:
    """The base64 of a packed run over these pieces."""
    return base64.b64encode(pack(ChunkRef(chunk_id(plain), len(plain)) for plain in plains)).decode()


def content_of(*pieces: bytes, **fields: Any) -> Content:
    """A content of these chunks, with an inline manifest."""
    whole = b"".join(pieces)
    return Content(
        sha256=sha256(whole), size_bytes=len(whole), inline_manifest=packed(*pieces) if whole else None, **fields
    )


def event_of(data: EventData, number: int, **envelope: Any) -> Event:
    base = Event(
        id=EventId(new_event_id(number, b"writing---")),
        data=data,
        actor="admin",
        source="/vaults/v/nodes/n",
        time_ms=number,
        subject=getattr(data, "space_id", "-"),
    )
    return base._replace(**envelope)


class Writer:
    """Writes events at growing offsets and times, and folds each at once."""

    def __init__(self, *, open_space: bool = True) -> None:
        self.state = MemoryPartition()
        self.offset = -1
        self.now_ms = START_MS
        self.log: list[tuple[int, int, Event]] = []
        if open_space:
            assert self.write(SpaceOpened(space_id=SPACE, name="main")).reason == ""

    def write(self, data: EventData, **envelope: Any) -> Outcome:
        return self.append(event_of(data, self.offset + 2, **envelope))

    def append(self, event: Event) -> Outcome:
        self.offset += 1
        self.now_ms += STEP_MS
        self.log.append((self.offset, self.now_ms, event))
        applied = self.state.apply(event, self.offset, self.now_ms)
        assert applied is not None
        return applied.outcome

    # --- the usual events ----------------------------------------------------------------------------------

    def new_id(self) -> EntityId:
        return new_entity_id(self.offset + 2, b"file------")

    def put(self, path: str | None, *pieces: bytes, space_id: SpaceId = SPACE, **fields: Any) -> Outcome:
        fields.setdefault("content", content_of(*pieces))
        fields.setdefault("epoch", self.state.partition().epoch)
        fields.setdefault("new_file_id", self.new_id())
        return self.write(VersionCommitted(space_id=space_id, path=path, **fields))

    def mkdir(self, path: str) -> Outcome:
        return self.write(FolderMade(space_id=SPACE, path=path))

    def move(self, entity_id: str, to_path: str, **fields: Any) -> Outcome:
        return self.write(EntryMoved(space_id=SPACE, entity_id=entity_id, to_path=to_path, **fields))

    def trash(self, entity_id: str, **fields: Any) -> Outcome:
        return self.write(EntityTrashed(space_id=SPACE, entity_id=entity_id, **fields))

    def restore(self, entity_id: str, **fields: Any) -> Outcome:
        return self.write(EntityRestored(space_id=SPACE, entity_id=entity_id, **fields))

    def purge(self, *entity_ids: str) -> Outcome:
        return self.write(TrashPurged(space_id=SPACE, entity_ids=entity_ids))

    # --- looking -------------------------------------------------------------------------------------------

    def at(self, path: str) -> Entity | None:
        """What stands at a path."""
        parent_id: str = SPACE
        entity: Entity | None = None
        for name in path.split("/"):
            entry = self.state.entry(SPACE, parent_id, name)
            if entry is None:
                return None
            entity = self.state.entity(entry.entity_id)
            parent_id = entry.entity_id
        return entity

    def file(self, path: str) -> FileRow:
        found = self.at(path)
        assert isinstance(found, FileRow)
        return found

    def id_at(self, path: str) -> str:
        found = self.at(path)
        assert found is not None, path
        return found.entity_id

    def row(self, entity_id: str) -> Entity:
        found = self.state.entity(entity_id)
        assert found is not None
        return found
