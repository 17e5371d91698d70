"""An admitted node that lies about what it holds: it costs a replica until it is found out, and never a right byte."""

import asyncio

import pytest

from govault.errors import GoVaultError
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster
from tests.simulation.virtual_time import run_virtually

CONTENT = noise(200_000)
OTHER = noise(150_000)[::-1]


@pytest.mark.parametrize("liar", ["b", "c"])
def test_what_a_liar_says_it_holds_still_gets_to_every_honest_holder(liar: str) -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        cluster[liar].manners.lies = True
        _, manifest = await cluster["a"].put(CONTENT)
        await asyncio.sleep(200)
        honest = [name for name in "abc" if name != liar]
        for chunk in manifest:
            assert cluster.holders_of(chunk.chunk_id) == honest
        for name in honest:
            assert await cluster[name].get(manifest) == CONTENT
        await cluster.close()

    run_virtually(main())


def test_content_that_a_holder_only_claims_to_have_still_is_where_it_was_at_the_honest() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        await cluster["a"].put(CONTENT)
        await asyncio.sleep(200)
        cluster["b"].manners.lies = True
        _, manifest = await cluster["a"].put(CONTENT)
        await cluster["b"].local.remove([chunk.chunk_id for chunk in manifest], 0)
        await asyncio.sleep(200)
        for chunk in manifest:
            assert cluster.holders_of(chunk.chunk_id) == ["a", "c"]
        await cluster.close()

    run_virtually(main())


def test_bytes_that_a_liar_invents_or_borrows_are_never_served_and_count_against_it() -> None:
    async def main() -> None:
        cluster = FakeCluster("abcd", quorum=3)
        cluster["b"].manners.lies = True
        manifests = [(await cluster["a"].put(content))[1] for content in (CONTENT, OTHER)]
        await asyncio.sleep(200)
        # The liar looks best to everybody, so that it is asked first.
        for node in cluster.nodes.values():
            node.links.scores = dict.fromkeys("acd", 0.5) | {"b": 1.0}
        for manifest in manifests:
            await cluster["d"].local.remove([chunk.chunk_id for chunk in manifest[::2]], 0)
        for name in "acd":
            for manifest, content in zip(manifests, (CONTENT, OTHER), strict=True):
                assert await cluster[name].get(manifest) == content
        assert ("corrupted", "b") in [call for node in cluster.nodes.values() for call in node.links.calls]
        await cluster.close()

    run_virtually(main())


def test_where_only_a_liar_is_left_a_read_fails_and_gives_no_wrong_byte() -> None:
    async def main() -> None:
        cluster = FakeCluster("abc")
        cluster["b"].manners.lies = True
        _, manifest = await cluster["a"].put(CONTENT)
        await asyncio.sleep(200)
        ids = [chunk.chunk_id for chunk in manifest]
        await cluster["a"].local.remove(ids, 0)
        cluster["c"].manners.dead = True
        got = bytearray()

        async def read() -> None:
            async for plain in cluster["a"].store.read_run(iter(manifest)):
                got.extend(plain)

        with pytest.raises(GoVaultError):
            await read()
        assert CONTENT.startswith(bytes(got))
        await cluster.close()

    run_virtually(main())
