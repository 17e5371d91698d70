"""A vault's log on a real embedded broker, and someone who writes into it."""

import base64
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from govault.domain.manifest import ChunkRef, pack
from govault.domain.position import Outcome, Position
from schemas.envelope import Event
from schemas.events.base import EventData
from schemas.events.directory import SpaceCreated
from schemas.events.files import Content, SpaceOpened, VersionCommitted
from schemas.ids import ChunkId, EventId, SpaceId, new_entity_id, new_event_id, new_space_id
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from streams.streams import Streams, StreamsSettings
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity

MAC_KEY, DIGEST_KEY = b"m" * 32, b"d" * 32
PARTITIONS = 2
WAIT_S = 20.0


def settings_for(broker: EmbeddedBroker, root: Path, vault_id: str = "vault-of-the-test") -> StreamsSettings:
    """Settings of a node on this broker, with its views in ``root``."""
    credentials = broker.credentials
    connection = Connection(broker.bootstrap, username=credentials.user, password=credentials.password)
    vault = VaultIdentity(vault_id, PARTITIONS, FoldKeys(MAC_KEY, DIGEST_KEY))
    return StreamsSettings(connection, root / "views", "node-of-the-test", vault)


def content_of(text: str) -> Content:
    """The content of a file with one chunk."""
    digest = hashlib.sha256(text.encode())
    manifest = pack([ChunkRef(ChunkId(digest.digest()), len(text))])
    return Content(sha256=digest.hexdigest(), size_bytes=len(text), inline_manifest=base64.b64encode(manifest).decode())


def event(data: EventData, subject: str) -> Event:
    """An event by the admin."""
    now_ms = int(time.time() * 1000)
    return Event(new_event_id(now_ms, os.urandom(10)), data, "admin", "/vaults/v/nodes/n", now_ms, subject)


@dataclass
class Writer:
    """Writes events through the streams of a node and waits for their outcomes."""

    streams: Streams
    space_id: SpaceId
    partition: int = 1

    @classmethod
    async def with_space(cls, streams: Streams, name: str = "main") -> "Writer":
        """A writer in a new space."""
        writer = cls(streams, new_space_id(1, os.urandom(10)))
        created = SpaceCreated(space_id=writer.space_id, name=name, partition=writer.partition)
        await writer.outcome(event(created, writer.space_id)._replace(), partition=0)
        await writer.write(SpaceOpened(space_id=writer.space_id, name=name))
        return writer

    async def write(self, data: EventData) -> Outcome:
        """Append an event of the space and wait for its outcome."""
        return await self.outcome(event(data, self.space_id), self.partition)

    async def outcome(self, written: Event, partition: int) -> Outcome:
        """Append an event and wait for its outcome."""
        position = await self.streams.log.append(written, partition)
        return await self.streams.views.wait_outcome(position, written.id, WAIT_S)

    def commit(self, path: str, text: str = "content") -> VersionCommitted:
        """The commit of a small file."""
        return VersionCommitted(
            space_id=self.space_id,
            path=path,
            new_file_id=new_entity_id(1, os.urandom(10)),
            content=content_of(text),
            epoch=0,
        )

    async def append_only(self, data: EventData) -> tuple[EventId, Position]:
        """Append an event of the space without waiting for its outcome."""
        written = event(data, self.space_id)
        return written.id, await self.streams.log.append(written, self.partition)


def digests(streams: Streams) -> list[tuple[str, int, int, str, str]]:
    """Position and both digests of every partition."""
    return [(row.topic.value, row.partition, row.applied, row.history, row.view) for row in streams.views.status()]
