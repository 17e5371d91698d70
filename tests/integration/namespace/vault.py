"""A vault in one process for namespace tests: real services and views, and a log that folds what is appended at once."""

import base64
import hashlib
import os
from inspect import isawaitable
from pathlib import Path

from blake3 import blake3

from api.app import create_app
from api.settings import ApiSettings
from api.types import App
from govault.auth.token import TokenAuthenticator
from govault.domain.actor import Actor
from govault.domain.manifest import ChunkRef, pack
from govault.domain.position import Position
from govault.services.catalog import Services, assemble
from govault.services.submit import Submitter
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events.files import Content, VersionCommitted
from schemas.ids import ChunkId, new_entity_id
from schemas.topics import Topic
from streams.records import headers_of, record_of
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews

MAC_KEY, DIGEST_KEY = b"m" * 32, b"d" * 32
TOKEN = "token"
ACTOR = Actor("tester", ("tester",), "request")


class StepClock:
    """A clock that a test sets forward; every look at it takes a millisecond."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000

    def time_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def monotonic_s(self) -> float:
        return self.now_ms / 1000


class SystemRandomness:
    """Real randomness: ids must differ, and no test looks at them."""

    def token(self, size_bytes: int) -> bytes:
        return os.urandom(size_bytes)


class FoldingLog:
    """Appends to lists, and folds into the views before it answers."""

    def __init__(self, views: RocksViews, clock: StepClock) -> None:
        self.views, self.clock = views, clock
        self.events: list[Event] = []
        self._ends: dict[tuple[Topic, int], int] = {}

    async def append(self, event: Event, partition: int) -> Position:
        topic = event.data.TOPIC
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1
        key, value = event.subject.encode(), encode(event)
        headers = headers_of(topic, partition, key, value, MAC_KEY)
        folded = self.views.fold(record_of(topic, partition, offset, self.clock.time_ms(), key, value, headers))
        if isawaitable(folded):
            await folded
        self.events.append(event)
        return Position(topic, partition, offset)

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        return {partition: end for (of, partition), end in self._ends.items() if of is topic}


class TestVault:
    """Services on folded state, and a short way to put files in without bytes."""

    __test__ = False

    def __init__(self, folder: Path, partitions: int = 3) -> None:
        identity = VaultIdentity("v_test", partitions, FoldKeys(MAC_KEY, DIGEST_KEY))
        self.generation = Generation(folder / "views", identity)
        self.views = RocksViews(self.generation, identity)
        self.clock = StepClock()
        self.log = FoldingLog(self.views, self.clock)
        self.services: Services = assemble(
            log=self.log,
            views=self.views,
            store=_NoStore(),
            clock=self.clock,
            randomness=SystemRandomness(),
            source="/vaults/v_test/nodes/n_test",
        )

    def app(self) -> App:
        """The REST door to it."""
        return create_app(self.services, ApiSettings(), TokenAuthenticator(TOKEN))

    def close(self) -> None:
        self.generation.close()

    async def put(self, space: str, path: str, content: bytes = b"x", **more: object) -> str:
        """Commit a content at a path, as an upload does; the file's id."""
        row = self.views.space_named(space)
        assert row is not None
        chunk = ChunkRef(ChunkId(blake3(content).digest()), len(content))
        inline = base64.b64encode(pack([chunk])).decode() if content else None
        committed = VersionCommitted(
            space_id=row.space_id,
            path=path,
            new_file_id=new_entity_id(self.clock.time_ms(), os.urandom(10)),
            content=Content(
                sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), inline_manifest=inline
            ),
            epoch=self.views.partition_row(row.partition).epoch,
            **more,
        )
        submitter: Submitter = self.services.submitter
        outcome = await submitter.submit(ACTOR, committed, row.partition, subject=row.space_id)
        return str(outcome.fact("file_id"))


class _NoStore:
    """Namespace acts move no bytes: any use of the store fails the test."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the namespace used the chunk store: {name}")
