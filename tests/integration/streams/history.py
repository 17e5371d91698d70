"""Events folded straight into views, without a broker."""

import base64
import hashlib
import random
from pathlib import Path

from govault.domain.manifest import ChunkRef, pack
from govault.domain.position import Position
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events.base import EventData
from schemas.events.directory import SpaceCreated
from schemas.events.files import Content, SpaceOpened, VersionCommitted
from schemas.ids import ChunkId, EntityId, new_entity_id, new_event_id, new_space_id
from schemas.topics import Topic
from streams.records import Record, headers_of
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews

MAC_KEY, DIGEST_KEY = b"m" * 32, b"d" * 32
IDENTITY = VaultIdentity("vault-of-the-test", 3, FoldKeys(MAC_KEY, DIGEST_KEY))


def fresh_views(root: Path) -> RocksViews:
    """Views in a folder; the same ones when opened again."""
    return RocksViews(Generation(root / "views", IDENTITY), IDENTITY)


class History:
    """Makes events of one space and folds them."""

    def __init__(self, views: RocksViews, seed: int, partition: int = 1) -> None:
        self.views = views
        self.partition = partition
        self.file_ids: list[EntityId] = []
        self.records: list[Record] = []
        self._rng = random.Random(seed)
        self.space_id = new_space_id(1, self._rng.randbytes(10))
        self.fold(SpaceCreated(space_id=self.space_id, name="main", partition=partition))
        self.fold(SpaceOpened(space_id=self.space_id, name="main"))

    def fold(self, data: EventData) -> Record:
        """Fold the next event of its topic."""
        record = self.record(data)
        self.records.append(record)
        self.views.fold(record)
        return record

    def record(self, data: EventData) -> Record:
        """The next record of the event's topic, as a writer would make it."""
        partition = self.partition if data.TOPIC is Topic.FILES else 0
        at = Position(data.TOPIC, partition, self.views.next_offset(data.TOPIC, partition))
        time_ms = 1_700_000_000_000 + at.offset * 10
        event = Event(
            new_event_id(time_ms, self._rng.randbytes(10)), data, "admin", "/vaults/v", time_ms, self.space_id
        )
        key, value = event.subject.encode(), encode(event)
        return Record(at, time_ms, key, value, tuple(headers_of(data.TOPIC, partition, key, value, MAC_KEY)))

    def commit(self, path: str, size_bytes: int, *, media_type: str = "text/plain", tags: tuple[str, ...] = ()) -> None:
        """Commit a file of that size."""
        digest = hashlib.sha256(f"{path} {size_bytes}".encode())
        manifest = base64.b64encode(pack([ChunkRef(ChunkId(digest.digest()), size_bytes)])).decode()
        content = Content(
            sha256=digest.hexdigest(), size_bytes=size_bytes, inline_manifest=manifest, media_type=media_type
        )
        file_id = new_entity_id(1, self._rng.randbytes(10))
        self.fold(
            VersionCommitted(
                space_id=self.space_id, path=path, new_file_id=file_id, content=content, epoch=0, tags=tags
            )
        )
        if self.views.entity(file_id) is not None:
            self.file_ids.append(file_id)
