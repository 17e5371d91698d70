"""What peers may ask of a node: everything has a bound, and a fenced node promises nothing."""

import pytest

from govault.domain.manifest import ChunkRef
from govault.errors import ChunkDamaged, Cluster, InvalidRequest
from govault.limits import EPOCHS_AHEAD_MAX, PEER_BATCH_BYTES_MAX, PEER_BATCH_CHUNKS_MAX, SLOTS
from govault.ports import SealedChunk
from schemas.ids import ChunkId
from tests.contract.storage.conformance import noise
from tests.fakes.cluster import FakeCluster
from tests.unit.services.replicas.test_reading import spread

ID = ChunkId(b"\x03" * 32)


async def test_a_peer_gets_and_gives_chunks() -> None:
    cluster = FakeCluster("ab")
    manifest: list[ChunkRef] = await spread(cluster, noise(50_000), "a")
    ids = [chunk.chunk_id for chunk in manifest]
    there, here = cluster["a"].service, cluster["b"].service
    assert await here.missing("a", ids) == ids
    await here.store("a", await there.fetch("b", ids), 4)
    assert await here.confirm("a", [*ids, ID], 3) == [ID]
    assert {chunk.epoch for chunk in cluster["b"].local.stamped(b"", 100)} == {4}
    assert await here.slot_digests("a", list(range(SLOTS))) == await there.slot_digests("b", list(range(SLOTS)))
    slot = int.from_bytes(ids[0][:2], "big") >> 2
    assert ids[0] in await here.slot_chunks("a", slot, b"", 10)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("confirm", ([ID] * (PEER_BATCH_CHUNKS_MAX + 1), 0)),
        ("confirm", ([b"short"], 0)),
        ("confirm", ([ID], -1)),
        ("confirm", ([ID], EPOCHS_AHEAD_MAX + 1)),
        ("confirm", ([ID], 1 << 40)),
        ("missing", ([b""],)),
        ("fetch", ([ID] * (PEER_BATCH_CHUNKS_MAX + 1),)),
        ("store", ([SealedChunk(ID, 10, bytes(PEER_BATCH_BYTES_MAX)), SealedChunk(ID, 10, b"x")], 0)),
        ("store", ([SealedChunk(ID, -1, b"")], 0)),
        ("store", ([SealedChunk(ID, 1 << 30, b"")], 0)),
        ("slot_digests", ([SLOTS],)),
        ("slot_digests", ([0] * (SLOTS + 1),)),
        ("slot_chunks", (-1, b"", 10)),
        ("slot_chunks", (0, b"", 0)),
        ("slot_chunks", (0, b"", PEER_BATCH_CHUNKS_MAX + 1)),
        ("slot_chunks", (0, bytes(33), 10)),
    ],
)
async def test_what_is_out_of_bounds_is_refused(method: str, arguments: tuple[object, ...]) -> None:
    service = FakeCluster("ab")["a"].service
    with pytest.raises(InvalidRequest):
        await getattr(service, method)("b", *arguments)


async def test_rubbish_is_refused_and_not_kept() -> None:
    node = FakeCluster("ab")["a"]
    with pytest.raises(ChunkDamaged):
        await node.service.store("b", [SealedChunk(ID, 10, noise(200))], 0)
    assert node.local.missing([ID]) == [ID]


async def test_a_fenced_node_still_gives_but_promises_nothing() -> None:
    cluster = FakeCluster("ab")
    manifest = await spread(cluster, noise(5000), "a")
    node = cluster["a"]
    node.map.fenced = True
    ids = [chunk.chunk_id for chunk in manifest]
    sealed = await node.service.fetch("b", ids)
    assert len(sealed) == len(ids)
    for promise in (node.service.confirm("b", ids, 0), node.service.store("b", sealed, 0)):
        with pytest.raises(Cluster) as caught:
            await promise
        assert caught.value.specific_code == "cluster.fenced"
