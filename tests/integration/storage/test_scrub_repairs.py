"""Rot on a real disk: flipped bits in packs are found by the scrub, repaired from a replica, and never served."""

import asyncio
import random
import shutil
from pathlib import Path

from govault.domain.layout import encode_table, placement_of
from govault.domain.rows import LayoutRow
from govault.errors import ChunkDamaged, ChunkMissing
from govault.limits import SLOTS
from govault.ports import NodeStore, SealedChunk
from govault.services.healing.assembly import Healing, HealingPorts, HealingSettings, assemble_healing
from govault.services.maintenance.workers import Workers
from govault.storage.repair_queue import StoredRepairQueue
from schemas.ids import ChunkId
from tests.fakes.database import MemoryDatabase
from tests.fakes.peer_stores import FixedMap, MemoryPeers, Network, PlainLinks, node_row
from tests.integration.storage.vault import Contents, opened, packs
from tests.simulation.healing.world import LoopClock, SharedViews

FLIPPED_BITS = 1000
SETTINGS = HealingSettings(repair_bytes_per_s=1e9, scrub_bytes_per_s=1e9, lanes=2)


class OneOther(MemoryPeers):
    """The other holder: a real store beside this one."""

    def __init__(self, other: NodeStore) -> None:
        super().__init__("a", Network({}))
        self._other = other

    async def fetch(self, peer: str, chunks: list[ChunkId]) -> list[SealedChunk]:  # type: ignore[override]
        return await self._other.sealed(chunks)

    async def missing(self, peer: str, chunks: list[ChunkId]) -> list[ChunkId]:  # type: ignore[override]
        return [ChunkId(chunk_id) for chunk_id in self._other.missing(chunks)]


def healing_of(store: NodeStore, other: NodeStore, views: SharedViews) -> Healing:
    table = encode_table([[0, 1]] * SLOTS)
    views.layouts_ = [LayoutRow(1, 2, 2, ("a", "b"), table, 0, ("a", "b"))]
    rows = {name: node_row(name) for name in "ab"}
    clock = LoopClock()
    ports = HealingPorts(
        cluster=FixedMap("a", placement_of(views.layouts_, "a"), rows),
        views=views,  # type: ignore[arg-type]
        view_upkeep=views,  # type: ignore[arg-type]
        store=store,
        packs=store,
        replicas=store,
        peers=OneOther(other),
        links=PlainLinks(),
        log=views,
        clock=clock,
        randomness=views,
        queue=StoredRepairQueue(MemoryDatabase(), clock.monotonic_s),
    )
    return assemble_healing(ports, views, SETTINGS)  # type: ignore[arg-type]


Record = tuple[int, int, int]
"""Pack, offset, size in bytes. Small chunks share one."""


def flip(root: Path, records: list[Record], rng: random.Random) -> set[Record]:
    """Flip a thousand bits in records; the records that were hit."""
    by_number = {int(path.stem): path for path in packs(root)}
    hit: dict[tuple[int, int], Record] = {}
    while len(hit) < FLIPPED_BITS:
        number, offset, size_bytes = record = rng.choice(records)
        hit[number, offset + rng.randrange(size_bytes)] = record
    for number, position in hit:
        with by_number[number].open("r+b") as file:
            file.seek(position)
            byte = file.read(1)[0]
            file.seek(position)
            file.write(bytes([byte ^ 1 << rng.randrange(8)]))
    return set(hit.values())


async def test_a_thousand_flipped_bits_are_all_found_and_repaired_and_none_is_served(tmp_path: Path) -> None:
    contents, rng = Contents(), random.Random(1)
    here, there = tmp_path / "a", tmp_path / "b"
    async with opened(here, pack_bytes_max=2_000_000, chunk_bytes_mean=16_384) as store:
        for number in range(60):
            await contents.put(store, rng.randbytes(600_000 + number))
    shutil.copytree(here, there)
    chunk_ids = [ChunkId(chunk_id) for chunk_id in contents.chunk_ids()]
    async with opened(here) as store, opened(there) as other:
        entries = [store._ledger.index.get(chunk_id) for chunk_id in chunk_ids]
        live = [(entry.pack, entry.offset, entry.extent_bytes) for entry in entries if entry is not None]
        assert len(live) == len(chunk_ids)
        # The other half stays sound: nothing is quarantined beside what was hit.
        records = flip(here, live[: len(live) // 2], rng)
        hit = {chunk_id for chunk_id, record in zip(chunk_ids, live, strict=True) if record in records}
        assert len(hit) < len(chunk_ids)
        views = SharedViews()
        views.refer(chunk_ids)
        healing = healing_of(store, other, views)
        damaged: set[ChunkId] = set()

        def on_damage(chunk_id: ChunkId, reason: str) -> None:
            damaged.add(chunk_id)
            healing.notices.damaged(chunk_id, reason)

        store.on_damage(on_damage)
        served_wrong = 0
        running = asyncio.create_task(Workers(LoopClock(), healing.workers, throttle=0.0).run())
        reading = asyncio.create_task(_read_for_ever(store, contents, rng))
        try:
            healing.run(scrub=True)
            async with asyncio.timeout(120):
                while not healing.scrub.state.passes or healing.queue.counts().chunks:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            for task in (running, reading):
                task.cancel()
            _, served_wrong = await asyncio.gather(running, reading, return_exceptions=True)  # type: ignore[assignment]
        assert isinstance(served_wrong, asyncio.CancelledError), served_wrong
        assert damaged == hit
        assert healing.tally.total.repaired == len(hit)
        assert (await store.stats()).quarantined == 0
        await contents.check(store)
        assert all([await store.verify(chunk_id) for chunk_id in chunk_ids])


async def _read_for_ever(store: NodeStore, contents: Contents, rng: random.Random) -> None:
    """A reader beside the scrub: it gets what was put, or an error."""
    while True:
        content, manifest = rng.choice(contents.kept)
        at = rng.randrange(len(manifest))
        start = sum(chunk.size_bytes for chunk in manifest[:at])
        try:
            plain = await store.read(manifest[at])
        except (ChunkDamaged, ChunkMissing):
            continue
        assert plain == content[start : start + manifest[at].size_bytes]
        await asyncio.sleep(0.001)
