"""Collection under random uploads, deduplication, copies, prunes, lag and crashes at any await.

Checkers: a removal never takes what the log references; an append never references what the store has not; and once
all is quiet, a collection leaves exactly what is referenced.
"""

import asyncio
import binascii
import hashlib
import os
import random
from dataclasses import dataclass

import pytest

from govault.domain.actor import Actor
from govault.domain.manifest import ChunkRef, pack, unpack
from govault.domain.rows import DirectoryRow, FileRow
from govault.errors import GoVaultError
from govault.limits import PARTS_PER_EVENT_MAX
from govault.services.contents.commits import Commits, Manifest
from govault.services.contents.in_flight import InFlight
from govault.services.log.submit import Submitter
from govault.services.maintenance.collection import Collector
from govault.services.maintenance.collection_epochs import EpochBarriers, EpochPace
from govault.services.maintenance.collection_stamps import Dereferences
from schemas.events.files import Content, EntityTrashed, SpaceOpened, TrashPurged, VersionCommitted, VersionsPruned
from schemas.ids import ChunkId, new_entity_id
from tests.simulation.maintenance.world import CHUNK_BYTES, Crashed, Disk, Log, Node
from tests.simulation.virtual_time import run_virtually

PARTITIONS = 2
UNIVERSE = [ChunkId(hashlib.blake2b(bytes([n]), digest_size=32).digest()) for n in range(12)]
LIVES = 4
LIFE_S = 120.0
ADMIN = Actor("admin")
SEEDS = int(os.environ.get("GOVAULT_SIM_N", "12"))
FIRST_SEED = int(os.environ.get("GOVAULT_SIM_SEED", "0"))


@dataclass
class Life:
    """A node with its services."""

    node: Node
    submitter: Submitter
    commits: Commits
    collector: Collector
    in_flight: InFlight


def be_born(log: Log, disk: Disk, rng: random.Random, *, waiting_max: int, mind_uploads: bool) -> Life:
    """Start a node whose views have folded some of the log, and whose store lost all stamps."""
    node = Node(log, disk, rng, [rng.randint(0, len(records)) for records in log.records])
    node.note_epoch(max(node.partition_row(p).epoch for p in node.partitions()))
    submitter = Submitter(node, node, node, node, "/vaults/v/nodes/n", outcome_wait_s=1e9)  # type: ignore[arg-type]
    dereferences = Dereferences(node, waiting_max)  # type: ignore[arg-type]
    node.dereference_hooks.append(dereferences.note)
    in_flight = InFlight()
    collector = Collector(
        log=node,
        views=node,  # type: ignore[arg-type]
        packs=node,  # type: ignore[arg-type]
        submitter=submitter,
        barriers=EpochBarriers(submitter, node, node),  # type: ignore[arg-type]
        dereferences=dereferences,
        in_flight=in_flight if mind_uploads else InFlight(),
        pace=EpochPace(node.monotonic_s, 0.0),
    )
    return Life(node, submitter, Commits(node, node, submitter), collector, in_flight)  # type: ignore[arg-type]


async def upload(life: Life, rng: random.Random) -> None:
    """One upload: some chunks, as parts or inline, sometimes slow, sometimes given up."""
    node = life.node
    space = rng.choice(node.spaces())
    manifest = life.commits.begin(space)
    with life.in_flight.held(manifest.epoch):
        chunks = [ChunkRef(rng.choice(UNIVERSE), CHUNK_BYTES) for _ in range(rng.randint(1, 5))]
        for chunk in chunks:
            await node.store(chunk.chunk_id)
            if rng.random() < 0.3:
                await node.pause(10)
        if len(chunks) > PARTS_PER_EVENT_MAX or rng.random() < 0.2:
            # As many as one event takes are logged at once, before the commit; fewer only with it.
            parts, chunks = chunks[:PARTS_PER_EVENT_MAX], chunks[PARTS_PER_EVENT_MAX:]
            await life.commits.add_parts(ADMIN, manifest, [pack([chunk]) for chunk in parts])
        await node.pause(rng.choice([0.1, 20]))
        if rng.random() < 0.15:
            return
        manifest.rest = pack(chunks)
        await commit(life, rng, space, manifest)


async def copy(life: Life, rng: random.Random) -> None:
    """A commit by reference: it stores and stamps nothing, and trusts that the source's chunks outlive it."""
    files = life.node.file_rows()
    if not files:
        return
    epochs = {row.partition: life.node.partition_row(row.partition).epoch for row in life.node.spaces()}
    number, file = rng.choice(files)
    space = rng.choice(life.node.spaces())
    chunks = list(chunks_of(life.node, number, file))
    manifest = Manifest(space, min(epochs.values()), [], pack(chunks))
    await life.node.pause(20)
    await commit(life, rng, space, manifest)


def chunks_of(node: Node, number: int, file: FileRow) -> list[ChunkRef]:
    packed = binascii.a2b_base64(file.current.manifest)
    for part_id in file.current.parts:
        part = node.files(number).packed_part(file.space_id, part_id)
        assert part is not None
        packed += binascii.a2b_base64(part)
    return list(unpack(packed))


async def commit(life: Life, rng: random.Random, space: DirectoryRow, manifest: Manifest) -> None:
    packed = b"".join((*manifest.parts, manifest.rest))
    version = VersionCommitted(
        space_id=space.space_id,
        path=f"file{rng.randint(0, 3)}",
        new_file_id=new_entity_id(1, rng.randbytes(10)),
        content=Content(sha256=hashlib.sha256(packed).hexdigest(), size_bytes=len(packed) // 36 * CHUNK_BYTES),
        epoch=0,
    )
    await life.commits.commit(ADMIN, manifest, version)
    life.node.committed += 1


async def forget(life: Life, rng: random.Random) -> None:
    """Prune versions of a file, or trash and purge it."""
    files = life.node.file_rows()
    if not files:
        return
    number, file = rng.choice(files)
    submit = life.submitter.submit
    if file.older and rng.random() < 0.5:
        data = VersionsPruned(space_id=file.space_id, file_id=file.entity_id, versions=tuple(file.older))
        await submit(ADMIN, data, number, subject=file.space_id)
        return
    await submit(ADMIN, EntityTrashed(space_id=file.space_id, entity_id=file.entity_id), number, subject=file.space_id)
    await submit(
        ADMIN, TrashPurged(space_id=file.space_id, entity_ids=(file.entity_id,)), number, subject=file.space_id
    )


async def collect(life: Life, rng: random.Random) -> None:
    if rng.random() < 0.5:
        await life.collector.collect()
    else:
        await life.collector.collect_gently(0.5)


ACTS = [upload, upload, upload, copy, forget, forget, collect]


async def act_for_ever(life: Life, rng: random.Random) -> None:
    while True:
        await life.node.pause(1)
        try:
            await rng.choice(ACTS)(life, rng)
        except GoVaultError:
            continue


async def live(life: Life, rng: random.Random, seconds: float) -> None:
    """Let it work for a while and then crash it, at whatever await everything is."""
    tasks = [asyncio.create_task(life.node.fold_for_ever(number)) for number in life.node.partitions()]
    tasks += [asyncio.create_task(act_for_ever(life, rng)) for _ in range(8)]
    tasks += [asyncio.create_task(_collect_for_ever(life, rng))]
    done, _ = await asyncio.wait(tasks, timeout=(0.1 + rng.random()) * seconds, return_when=asyncio.FIRST_EXCEPTION)
    life.node.alive = False
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException) and not isinstance(outcome, (Crashed, asyncio.CancelledError)):
            raise outcome
    assert not done, "a task ended by itself"


async def _collect_for_ever(life: Life, rng: random.Random) -> None:
    while True:
        await life.node.pause(5)
        try:
            await collect(life, rng)
        except GoVaultError:
            continue


async def settle(life: Life) -> None:
    """Without crashes or writers, collect until nothing is left to collect."""
    for number in life.node.partitions():
        while life.node.fold_next(number):
            pass
    folds = [asyncio.create_task(life.node.fold_for_ever(number)) for number in life.node.partitions()]
    await life.collector.collect()
    await life.collector.collect()
    for fold in folds:
        fold.cancel()
    await asyncio.gather(*folds, return_exceptions=True)


async def scenario(seed: int, *, waiting_max: int = 1000, mind_uploads: bool = True) -> int:
    rng = random.Random(seed)
    log, disk = Log(PARTITIONS), Disk()
    opening = be_born(log, disk, rng, waiting_max=waiting_max, mind_uploads=mind_uploads)
    for row in opening.node.spaces():
        event = opening.submitter._event(ADMIN, SpaceOpened(space_id=row.space_id, name=row.name), row.space_id, "")
        log.append(event, row.partition)
    removed = 0
    for _ in range(LIVES):
        life = be_born(log, disk, rng, waiting_max=waiting_max, mind_uploads=mind_uploads)
        await live(life, rng, LIFE_S)
        removed += life.node.removed
    last = be_born(log, disk, rng, waiting_max=waiting_max, mind_uploads=mind_uploads)
    await settle(last)
    assert log.referenced() == disk.chunks, "collection left something, or took too much"
    return removed + last.node.removed


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_collection_takes_nothing_that_is_referenced_and_in_the_end_everything_else(seed: int) -> None:
    run_virtually(scenario(seed))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS // 2))
def test_it_stays_safe_when_dereferences_come_faster_than_they_are_kept(seed: int) -> None:
    run_virtually(scenario(seed, waiting_max=1))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS // 2))
def test_it_stays_safe_without_knowing_of_uploads_in_flight(seed: int) -> None:
    run_virtually(scenario(seed, mind_uploads=False))


def test_the_model_removes_a_lot_so_that_its_checkers_have_something_to_see() -> None:
    assert sum(run_virtually(scenario(seed, mind_uploads=False)) for seed in range(3)) > 60
