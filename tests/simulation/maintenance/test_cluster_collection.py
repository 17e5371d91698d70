"""Collection on several nodes of one log: each folds at its own pace, crashes, loses its stamps, is away, has a clock.

Checkers: no removal leaves fewer than W replicas of what the log references; nothing is appended that fewer than W
nodes have; and once all is quiet, every node has exactly what is referenced.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from govault.domain.position import Position
from govault.domain.replication import AS_LAYOUT, Asked
from govault.domain.rows import ChunkRow
from govault.errors import Cluster, GoVaultError
from govault.services.contents.commits import Commits
from govault.services.contents.in_flight import InFlight
from govault.services.log.submit import Submitter
from govault.services.maintenance.collection import Collector
from govault.services.maintenance.collection_epochs import EpochBarriers, EpochPace
from govault.services.maintenance.collection_stamps import Dereferences
from schemas.envelope import Event
from schemas.events.files import EpochOpened, SpaceOpened
from schemas.ids import ChunkId
from tests.simulation.maintenance.test_collection_model import (
    ADMIN,
    FIRST_SEED,
    PARTITIONS,
    SEEDS,
    Life,
    act_for_ever,
    collect,
)
from tests.simulation.maintenance.world import Broken, Crashed, Disk, Log, Node
from tests.simulation.virtual_time import run_virtually

QUORUM = 2
NAMES = ("a", "b", "c")
LIVES = 3
LIFE_S = 60.0


@dataclass
class Cluster3:
    """The nodes' disks, and who lives."""

    disks: dict[str, Disk] = field(default_factory=lambda: {name: Disk() for name in NAMES})
    alive: dict[str, "ClusterNode"] = field(default_factory=dict)

    def replicas(self, chunk_id: bytes) -> int:
        return sum(chunk_id in disk.chunks for disk in self.disks.values())


@dataclass
class ClusterNode(Node):
    """A node that places chunks on W nodes before it appends, and completes itself on what it folds."""

    cluster: Cluster3 = field(default_factory=Cluster3)
    name: str = ""
    clock_off_ms: int = 0
    clock_rate: float = 1.0
    placing: bool = True
    """Off: the planted bug that appends what only this node has."""

    def time_ms(self) -> int:
        return 1 + self.clock_off_ms

    def monotonic_s(self) -> float:
        return self.clock_rate * asyncio.get_running_loop().time()

    async def append(self, event: Event, partition: int) -> Position:
        await self.pause()
        position = self.log.append(event, partition)
        short = [chunk for chunk in self.log.referenced() if self.cluster.replicas(chunk) < QUORUM]
        if short:
            raise Broken(f"after {event.data.TYPE} the log references {len(short)} chunks that too few nodes have")
        await self.pause()
        return position

    def is_enough_without(self, chunk_id: bytes) -> bool:
        # A replica that an upload did not count may go, while others have what it stored: this node fetches it again.
        return self.cluster.replicas(chunk_id) >= QUORUM

    def references(self, chunk_id: bytes) -> bool:
        return any(partition.chunk(chunk_id) is not None for partition in self.state)

    async def store(self, chunk_id: bytes) -> None:
        await super().store(chunk_id)
        if not self.references(chunk_id):
            await self._place(chunk_id, self.epoch)

    async def confirm(self, chunks: Sequence[ChunkId], epoch: int, asked: Asked = AS_LAYOUT) -> list[ChunkId]:
        missing = await super().confirm(chunks, epoch)
        for chunk_id in chunks:
            if chunk_id not in missing:
                await self._place(chunk_id, max(epoch, self.epoch))
        return missing

    async def dereferenced(self, chunks: Sequence[ChunkId], epoch: int) -> None:
        await super().confirm(chunks, epoch)

    async def _place(self, chunk_id: bytes, epoch: int) -> None:
        """Until W nodes have it durably and stamped: a peer that has it is only asked to confirm."""
        durable = 1
        peers = [node for name, node in self.cluster.alive.items() if name != self.name]
        self.rng.shuffle(peers)
        for peer in peers if self.placing else ():
            await self.pause(0.3)
            if peer.alive:
                peer.disk.chunks.add(chunk_id)
                peer.stamp(chunk_id, epoch)
                durable += 1
            await self.pause(0.3)
            if durable >= QUORUM:
                return
        if self.placing:
            raise Cluster("too few replicas", code="cluster.too-few-replicas")

    async def fold_for_ever(self, number: int) -> None:
        """Some partitions lag far behind the others."""
        slow_s = self.rng.choice([0.3, 0.3, 6.0])
        while True:
            await self.pause(slow_s)
            self.fold_next(number)

    async def heal_once(self) -> None:
        """Complete this node on what it has folded."""
        ids = {row.chunk_id for partition in self.state for row in partition.rows(ChunkRow)}
        for chunk_id in ids - self.disk.chunks:
            await self.pause(0.2)
            if self.references(chunk_id) and self.cluster.replicas(chunk_id):
                self.disk.chunks.add(chunk_id)
                self.stamp(chunk_id, 0)

    async def heal_for_ever(self) -> None:
        while True:
            await self.pause(4)
            await self.heal_once()


def be_born(log: Log, cluster: Cluster3, name: str, rng: random.Random, *, placing: bool = True) -> Life:
    """Start a node behind by any number of records, without its stamps, with a clock of its own.

    Its collector knows nothing of its uploads in flight: those of others are what it must not take either.
    """
    node = ClusterNode(
        log,
        cluster.disks[name],
        rng,
        [rng.randint(0, len(records)) for records in log.records],
        cluster=cluster,
        name=name,
        clock_off_ms=rng.choice([0, 0, 10**12, 60_000]),
        clock_rate=rng.choice([1.0, 0.5, 3.0]),
        placing=placing,
    )
    node.note_epoch(max(node.partition_row(p).epoch for p in node.partitions()))
    submitter = Submitter(node, node, node, node, "/vaults/v/nodes/n", outcome_wait_s=1e9)  # type: ignore[arg-type]
    dereferences = Dereferences(node)  # type: ignore[arg-type]
    node.dereference_hooks.append(dereferences.note)
    in_flight = InFlight()
    collector = Collector(
        log=node,
        views=node,  # type: ignore[arg-type]
        packs=node,  # type: ignore[arg-type]
        submitter=submitter,
        barriers=EpochBarriers(submitter, node, node),  # type: ignore[arg-type]
        dereferences=dereferences,
        in_flight=InFlight(),
        pace=EpochPace(node.monotonic_s, 5.0, alone=lambda: False),
    )
    cluster.alive[name] = node
    return Life(node, submitter, Commits(node, node, submitter), collector, in_flight)  # type: ignore[arg-type]


async def collect_for_ever(life: Life, rng: random.Random) -> None:
    while True:
        await life.node.pause(8)
        try:
            await collect(life, rng)
        except GoVaultError:
            continue


async def live(life: Life, rng: random.Random, seconds: float) -> None:
    """Let it work for a while and then crash it, at whatever await everything is."""
    node = life.node
    assert isinstance(node, ClusterNode)
    tasks = [asyncio.create_task(node.fold_for_ever(number)) for number in node.partitions()]
    tasks += [asyncio.create_task(act_for_ever(life, rng)) for _ in range(4)]
    tasks += [asyncio.create_task(collect_for_ever(life, rng)), asyncio.create_task(node.heal_for_ever())]
    done, _ = await asyncio.wait(tasks, timeout=(0.2 + rng.random()) * seconds, return_when=asyncio.FIRST_EXCEPTION)
    node.alive = False
    del node.cluster.alive[node.name]
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, (Crashed, asyncio.CancelledError)):
            raise outcome
    assert not done, "a task ended by itself"


async def many_lives(log: Log, cluster: Cluster3, name: str, seed: int, *, placing: bool) -> int:
    """A node lives, dies, is away (now and then for long) and comes back; how much it removed."""
    rng = random.Random(f"{seed} {name}")
    removed = 0
    for _ in range(LIVES):
        life = be_born(log, cluster, name, rng, placing=placing)
        await live(life, rng, LIFE_S)
        removed += life.node.removed
        await asyncio.sleep(rng.choice([1.0, 10.0, 3 * LIFE_S]))
    return removed


async def settle(lives: Sequence[Life]) -> None:
    """With all nodes up and no writers, heal and collect until nothing is left to do."""
    for life in lives:
        for number in life.node.partitions():
            while life.node.fold_next(number):
                pass
    folds = [
        asyncio.create_task(Node.fold_for_ever(life.node, number))
        for life in lives
        for number in life.node.partitions()
    ]
    for _ in range(2):
        for life in lives:
            await life.collector.collect()
    for life in lives:
        await life.node.heal_once()  # type: ignore[attr-defined]
    for fold in folds:
        fold.cancel()
    await asyncio.gather(*folds, return_exceptions=True)


async def scenario(seed: int, *, placing: bool = True) -> int:
    log, cluster, rng = Log(PARTITIONS), Cluster3(), random.Random(seed)
    opening = be_born(log, cluster, "a", rng)
    for row in opening.node.spaces():
        event = opening.submitter._event(ADMIN, SpaceOpened(space_id=row.space_id, name=row.name), row.space_id, "")
        log.append(event, row.partition)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(many_lives(log, cluster, name, seed, placing=placing)) for name in NAMES]
    lives = [be_born(log, cluster, name, rng) for name in NAMES]
    await settle(lives)
    for name, disk in cluster.disks.items():
        assert log.referenced() == disk.chunks, f"{name} has kept something, or too little"
    return sum(task.result() for task in tasks) + sum(life.node.removed for life in lives)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_no_replica_that_counts_is_taken_and_in_the_end_all_nodes_have_the_same(seed: int) -> None:
    run_virtually(scenario(seed))


def test_the_model_removes_a_lot_so_that_its_checkers_have_something_to_see() -> None:
    assert sum(run_virtually(scenario(seed)) for seed in range(3)) > 60


def test_the_model_notices_an_append_before_the_quorum_has_the_chunks() -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        run_virtually(scenario(0, placing=False))
    assert raised.group_contains(Broken)


def test_the_model_notices_that_grace_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("govault.services.maintenance.collection.EPOCHS_OF_GRACE", 0)

    def bites(seed: int) -> bool:
        try:
            run_virtually(scenario(seed))
        except (BaseExceptionGroup, AssertionError):
            return True
        return False

    assert any(bites(seed) for seed in range(FIRST_SEED, FIRST_SEED + 20))


async def test_an_upload_begins_under_the_epoch_that_every_partition_has_in_the_view() -> None:
    # What a lagging partition seems to reference may be past the grace of all that the others show.
    log, cluster = Log(PARTITIONS), Cluster3()
    life = be_born(log, cluster, "a", random.Random(0))
    for epoch in (1, 2):
        event = life.submitter._event(ADMIN, EpochOpened(epoch=epoch), "epoch", "")
        log.append(event, 0)
        life.node.fold_next(0)
    assert [life.node.partition_row(number).epoch for number in life.node.partitions()] == [2, 0]
    assert {life.commits.begin(space).epoch for space in life.node.spaces()} == {0}
