"""Readers that want the same remote chunks at the same time cause one transfer, and do not depend on one another."""

import asyncio
from collections.abc import Sequence

import pytest

from govault.domain.manifest import ChunkRef
from govault.errors import ChunkMissing, Cluster
from govault.limits import FETCH_HEDGE_S_MAX
from govault.ports.replicas import SealedChunk
from schemas.ids import ChunkId
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster
from tests.simulation.virtual_time import run_virtually
from tests.unit.services.replicas.test_reading import spread

CONTENT = noise(3_000_000)
ABSENT = ChunkRef(ChunkId(b"\x05" * 32), 10)


def fetches(cluster: FakeCluster) -> tuple[int, int]:
    """How many calls for chunks peers had, and how many chunks those were for."""
    counts = [count for _, what, count in cluster.calls if what == "fetch"]
    return len(counts), sum(counts)


async def read(cluster: FakeCluster, manifest: Sequence[ChunkRef]) -> bytes:
    return await cluster["a"].get(list(manifest))


def test_ten_readers_of_a_content_cause_the_requests_of_one() -> None:
    async def main(readers: int) -> tuple[int, int]:
        cluster = FakeCluster("abc", replicas=1, quorum=1)
        manifest = await spread(cluster, CONTENT, "b", "c")
        contents = await asyncio.gather(*(read(cluster, manifest) for _ in range(readers)))
        assert contents == [CONTENT] * readers
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return fetches(cluster)

    assert run_virtually(main(10)) == run_virtually(main(1))


def test_readers_that_overlap_share_what_they_have_in_common() -> None:
    async def main() -> None:
        cluster = FakeCluster("ab", replicas=1, quorum=1)
        manifest = await spread(cluster, CONTENT, "b")
        plain = {chunk: await cluster["b"].local.read(chunk) for chunk in manifest}
        parts = [manifest[:30], manifest[20:60], manifest[10:50]]
        for part, content in zip(parts, await asyncio.gather(*(read(cluster, part) for part in parts)), strict=True):
            assert content == b"".join(plain[chunk] for chunk in part)
        assert fetches(cluster)[1] == 60
        await cluster.close()

    run_virtually(main())


@pytest.mark.parametrize("leaving", [0, 1])
def test_a_reader_that_is_cancelled_does_not_fail_the_others(leaving: int) -> None:
    async def main() -> None:
        cluster = FakeCluster("ab", replicas=1, quorum=1)
        cluster["b"].manners.delay_s = 0.01
        manifest = (await spread(cluster, CONTENT, "b"))[:20]
        readers = [asyncio.create_task(cluster["a"].store.read(manifest[0])) for _ in range(3)]
        await asyncio.sleep(0.005)
        readers[leaving].cancel()
        got = await asyncio.gather(*readers, return_exceptions=True)
        assert isinstance(got.pop(leaving), asyncio.CancelledError)
        assert got == [await cluster["b"].local.read(manifest[0])] * 2
        assert fetches(cluster) == (1, 1)
        await cluster.close()

    run_virtually(main())


def test_a_transfer_that_everybody_left_is_given_up_and_a_newcomer_begins_anew() -> None:
    async def main() -> None:
        cluster = FakeCluster("ab", replicas=1, quorum=1)
        cluster["b"].manners.delay_s = 0.01
        manifest = await spread(cluster, CONTENT, "b")
        readers = [asyncio.create_task(read(cluster, manifest)) for _ in range(3)]
        await asyncio.sleep(0.005)
        for reader in readers:
            reader.cancel()
        newcomer = asyncio.create_task(read(cluster, manifest))
        await asyncio.wait(readers)
        assert await newcomer == CONTENT
        await cluster.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())


def test_who_joins_gets_its_chunk_when_it_is_there_whatever_the_transfer_still_waits_for() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc", replicas=1, quorum=1)
        manifest = await spread(cluster, CONTENT, "b")
        cluster["c"].manners.silent = True
        cluster["a"].links.scores = {"b": 1.0, "c": 0.1}
        begun = asyncio.create_task(read(cluster, [manifest[0], manifest[1], ABSENT, manifest[2]]))
        await asyncio.sleep(FETCH_HEDGE_S_MAX)
        started_s = asyncio.get_running_loop().time()
        assert await cluster["a"].store.read(manifest[2]) == await cluster["b"].local.read(manifest[2])
        assert asyncio.get_running_loop().time() - started_s < 0.1
        assert not begun.done()
        with pytest.raises(Cluster):
            await begun
        assert fetches(cluster)[1] < 10
        await cluster.close()

    run_virtually(main())


def test_what_nobody_has_is_missing_for_all_and_everybody_was_asked_once() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcde")
        reads = [cluster["a"].store.read(ABSENT) for _ in range(4)]
        errors = await asyncio.gather(*reads, return_exceptions=True)
        assert [type(error) for error in errors] == [ChunkMissing] * 4
        assert fetches(cluster) == (4, 4)
        with pytest.raises(ChunkMissing):
            await cluster["a"].store.read(ABSENT)
        assert fetches(cluster) == (8, 8), "what failed once is asked for again"
        await cluster.close()

    run_virtually(main())


def test_a_holder_that_reads_what_it_misses_for_many_stores_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        cluster = FakeCluster("ab", replicas=2)
        manifest = (await spread(cluster, CONTENT, "b"))[:5]
        stored: list[ChunkId] = []
        node = cluster["a"]
        healthy = node.local.store_sealed

        async def counted(chunks: Sequence[SealedChunk], epoch: int) -> None:
            stored.extend(chunk.chunk_id for chunk in chunks)
            await asyncio.sleep(0.01)
            await healthy(chunks, epoch)

        monkeypatch.setattr(node.local, "store_sealed", counted)
        await asyncio.gather(*(read(cluster, manifest) for _ in range(5)))
        await asyncio.sleep(1)
        assert sorted(stored) == sorted(chunk.chunk_id for chunk in manifest)
        await cluster.close()

    run_virtually(main())
