"""A vault with very many files, produced straight to the log: no bytes are stored, only events."""

import base64
import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from govault.domain.actor import system
from govault.domain.manifest import ChunkRef, pack
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events.base import EventData
from schemas.events.directory import SpaceCreated
from schemas.events.files import Content, SpaceOpened, VersionCommitted
from schemas.ids import ChunkId, SpaceId, new_entity_id, new_event_id, new_space_id
from schemas.topics import Topic
from streams.connection import Connection
from streams.records import headers_of

FILES_PER_FOLDER = 1_000
EVERY_TENTH_WORD = "quarterly"
"""A word in the names of a tenth of all files."""
ONLY_WORD = "philharmonic"
"""A word in the name of one file."""
_WORDS = (
    "report",
    "budget",
    "summary",
    "invoice",
    "draft",
    "final",
    "meeting",
    "notes",
    "picture",
    "holiday",
    "archive",
    "backup",
    "project",
    "design",
    "review",
    "letter",
    "contract",
    "sketch",
    "music",
    "lecture",
    "thesis",
    "chapter",
    "data",
    "sample",
    "result",
    "figure",
    "table",
    "index",
    "catalogue",
    "protocol",
)
_KINDS = (
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("py", "text/x-python"),
)
_BATCH_BYTES = 512 * 1024
_ACTOR = system("bench").name
"""Somebody who may do everything: a new vault's spaces refuse the commits of anybody unknown."""


@dataclass(frozen=True)
class Fixture:
    """What was produced.

    Attributes:
        partition: The ``.files`` partition of each space, by position in ``spaces``.
    """

    spaces: tuple[SpaceId, ...]
    partitions: tuple[int, ...]
    files: int
    took_s: float


async def produce_files(connection: Connection, mac_key: bytes, files: int, partitions: int, seed: int = 1) -> Fixture:
    """Append a space to each partition, with ``files`` files spread over them evenly."""
    rng = random.Random(seed)
    spaces = tuple(new_space_id(1, rng.randbytes(10)) for _ in range(partitions))
    began = time.perf_counter()
    producer = AIOKafkaProducer(
        acks="all",
        max_batch_size=_BATCH_BYTES,
        max_request_size=2 * _BATCH_BYTES,
        **connection.client_settings("govault-fixture"),
    )
    await producer.start()
    try:
        for number, space_id in enumerate(spaces):
            created = SpaceCreated(space_id=space_id, name=f"bench-{number}", partition=number)
            await _send(producer, connection, mac_key, Topic.DIRECTORY, 0, space_id, iter([created]), rng)
            events = _files(space_id, number, files // partitions, rng)
            await _send(producer, connection, mac_key, Topic.FILES, number, space_id, events, rng)
    finally:
        await producer.stop()
    return Fixture(spaces, tuple(range(partitions)), files // partitions * partitions, time.perf_counter() - began)


def _files(space_id: SpaceId, number: int, count: int, rng: random.Random) -> Iterator[EventData]:
    yield SpaceOpened(space_id=space_id, name=f"bench-{number}")
    for at in range(count):
        digest = hashlib.sha256(f"{number}/{at}".encode())
        size_bytes = rng.randrange(1, 5_000_000)
        ending, media_type = rng.choice(_KINDS)
        words = [rng.choice(_WORDS), rng.choice(_WORDS)]
        if at % 10 == 0:
            words.append(EVERY_TENTH_WORD)
        if at == count // 2 and number == 0:
            words.append(ONLY_WORD)
        folder = at // FILES_PER_FOLDER
        yield VersionCommitted(
            space_id=space_id,
            path=f"area-{folder % 40:02d}/folder-{folder:04d}/{'-'.join(words)}_{at:07d}.{ending}",
            new_file_id=new_entity_id(at, rng.randbytes(10)),
            content=Content(
                sha256=digest.hexdigest(),
                size_bytes=size_bytes,
                inline_manifest=base64.b64encode(pack([ChunkRef(ChunkId(digest.digest()), size_bytes)])).decode(),
                media_type=media_type,
                mtime_ns=1_700_000_000_000_000_000 + at,
            ),
            epoch=0,
            original_name=f"{at:07d}.{ending}",
            tags=("bench",) if at % 100 == 0 else None,
        )


async def _send(
    producer: AIOKafkaProducer,
    connection: Connection,
    mac_key: bytes,
    topic: Topic,
    partition: int,
    subject: str,
    events: Iterator[EventData],
    rng: random.Random,
) -> None:
    name, key = connection.topic_name(topic), subject.encode()
    batch = producer.create_batch()
    sent = []
    for at, data in enumerate(events):
        event = Event(new_event_id(at, rng.randbytes(10)), data, _ACTOR, "/vaults/bench/nodes/bench", 1, subject)
        value = encode(event)
        headers = headers_of(topic, partition, key, value, mac_key)
        while batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            sent.append(await producer.send_batch(batch, name, partition=partition))
            batch = producer.create_batch()
            if len(sent) >= 8:
                await sent.pop(0)
    sent.append(await producer.send_batch(batch, name, partition=partition))
    for one in sent:
        await one
