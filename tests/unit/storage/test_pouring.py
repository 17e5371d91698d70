"""Chunks poured into an outlet: order, spans, full outlets, chunks that cannot be served, clients that go."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Lock

import pytest

from govault.domain.manifest import ChunkRef
from govault.errors import ChunkDamaged
from govault.storage.pouring import Pour
from schemas.ids import ChunkId

CHUNK_BYTES = 300_000


class Gone(Exception):
    pass


class Basin:
    """An outlet that takes at most some bytes until ``ready`` is awaited, and may lose its other side."""

    def __init__(self, room_bytes: int, gone_after_bytes: int | None = None) -> None:
        self.got = bytearray()
        self.waits = 0
        self._room_bytes = self._free = room_bytes
        self._gone_after_bytes = gone_after_bytes
        self._lock = Lock()

    def offer(self, pieces: Sequence[bytes | bytearray | memoryview], patience_s: float = 0.0) -> int:
        with self._lock:
            data = b"".join(pieces)[: self._free]
            if self._is_gone():
                return 0
            self.got += data
            self._free -= len(data)
            return len(data)

    async def ready(self) -> None:
        await asyncio.sleep(0)
        with self._lock:
            if self._is_gone():
                raise Gone
            self.waits += 1
            self._free = self._room_bytes

    def _is_gone(self) -> bool:
        return self._gone_after_bytes is not None and len(self.got) >= self._gone_after_bytes


class Chunks:
    """Plaintexts by id, every other one read into the room as an uncompressed chunk is."""

    def __init__(self, count: int) -> None:
        self.plains = {ChunkId(index.to_bytes(32, "big")): os.urandom(CHUNK_BYTES - index) for index in range(count)}
        self.content = b"".join(self.plains.values())

    def refs(self) -> list[ChunkRef]:
        return [ChunkRef(chunk_id, len(plain)) for chunk_id, plain in self.plains.items()]

    def read_into(self, chunk_id: ChunkId, room: memoryview | None) -> bytes | memoryview:
        plain = self.plains.get(chunk_id)
        if plain is None:
            raise ChunkDamaged("it is damaged")
        if room is None or len(room) < len(plain) or chunk_id[-1] % 2:
            return plain
        room[: len(plain)] = plain
        return room[: len(plain)]


@asynccontextmanager
async def pouring(chunks: Chunks, basin: Basin, threads: int = 2) -> AsyncIterator[Pour]:
    pool = ThreadPoolExecutor(threads)
    try:
        yield Pour(chunks.read_into, pool, basin)
    finally:
        pool.shutdown(wait=True)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("room_bytes", [10_000, 700_000, 1 << 30])
async def test_everything_arrives_in_order_however_little_the_outlet_takes(threads: int, room_bytes: int) -> None:
    chunks = Chunks(40)
    basin = Basin(room_bytes)
    async with pouring(chunks, basin, threads) as pour:
        assert await pour.run(iter(chunks.refs()), 0, len(chunks.content)) == len(chunks.content)
    assert bytes(basin.got) == chunks.content
    assert bool(basin.waits) == (room_bytes < len(chunks.content))


@pytest.mark.parametrize(("skip", "length"), [(1, 10), (299_999, 2), (0, 300_000), (5, 4_000_001), (250_000, 1)])
async def test_only_the_wanted_span_leaves(skip: int, length: int) -> None:
    chunks, basin = Chunks(20), Basin(1 << 30)
    async with pouring(chunks, basin) as pour:
        assert await pour.run(iter(chunks.refs()), skip, length) == length
    assert bytes(basin.got) == chunks.content[skip : skip + length]


@pytest.mark.parametrize("room_bytes", [200_000, 1 << 30])
@pytest.mark.parametrize("bad", [0, 3, 8, 19])
async def test_nothing_leaves_behind_a_chunk_that_cannot_be_served(bad: int, room_bytes: int) -> None:
    chunks, basin = Chunks(20), Basin(room_bytes)
    refs = chunks.refs()
    del chunks.plains[refs[bad].chunk_id]
    before = sum(ref.size_bytes for ref in refs[:bad])
    async with pouring(chunks, basin) as pour:
        assert await pour.run(iter(refs), 0, len(chunks.content)) == before
    assert bytes(basin.got) == chunks.content[:before]


async def test_a_chunk_of_another_size_than_the_manifest_says_is_not_served() -> None:
    chunks, basin = Chunks(3), Basin(1 << 30)
    refs = chunks.refs()
    refs[1] = ChunkRef(refs[1].chunk_id, refs[1].size_bytes + 1)
    async with pouring(chunks, basin) as pour:
        assert await pour.run(iter(refs), 0, len(chunks.content)) == refs[0].size_bytes


async def test_a_failure_that_is_no_answer_passes_and_nothing_leaves_behind_it() -> None:
    chunks, basin = Chunks(30), Basin(1 << 30)

    class Wrecked(Chunks):
        def read_into(self, chunk_id: ChunkId, room: memoryview | None) -> bytes | memoryview:
            if chunk_id[-1] == 2:
                raise ZeroDivisionError
            return chunks.read_into(chunk_id, room)

    async with pouring(Wrecked(0), basin) as pour:
        with pytest.raises(ZeroDivisionError):
            await pour.run(iter(chunks.refs()), 0, len(chunks.content))
    assert basin.got == b""


async def test_a_client_that_goes_ends_the_pour_with_what_its_outlet_raises() -> None:
    chunks, basin = Chunks(40), Basin(1 << 30, gone_after_bytes=4_000_000)
    read: list[ChunkId] = []

    def tell(refs: list[ChunkRef]) -> Iterator[ChunkRef]:
        for ref in refs:
            read.append(ref.chunk_id)
            yield ref

    async with pouring(chunks, basin) as pour:
        with pytest.raises(Gone):
            await pour.run(tell(chunks.refs()), 0, len(chunks.content))
    assert chunks.content.startswith(basin.got)
    assert len(read) < 40


async def test_a_cancelled_pour_lets_nothing_more_out() -> None:
    chunks = Chunks(40)

    class Stuck(Basin):
        async def ready(self) -> None:
            await asyncio.Event().wait()

    basin = Stuck(500_000)
    async with pouring(chunks, basin) as pour:
        running = asyncio.create_task(pour.run(iter(chunks.refs()), 0, len(chunks.content)))
        while len(basin.got) < 500_000:  # noqa: ASYNC110 (threads fill it)
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert bytes(basin.got) == chunks.content[:500_000]
