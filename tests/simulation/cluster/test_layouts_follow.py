"""Many nodes bring one layout after members, and one sequence of sealing roots, whoever is first in the log."""

import asyncio
import os
import random
from collections.abc import Callable, Sequence

import pytest

from govault.domain.actor import Actor
from govault.domain.memory_state import MemoryPeers
from govault.domain.placement import Computed, Previous, compute
from govault.domain.placement_quotas import PlacedNode
from govault.domain.position import Outcome, Position
from govault.domain.rows import NodeState, OutcomeRow
from govault.errors import Conflict, EventLog
from govault.services.cluster.layout_worker import LayoutWorker
from govault.services.cluster.layouts import Layouts, LayoutWishes, nodes_of, placeable
from govault.services.cluster.membership import Membership, NodeWish
from govault.services.cluster.sealing_roots import SealingRoots
from govault.services.log.submit import Submitter
from govault.services.maintenance.workers import Workers
from govault.storage.keyring import Keyring
from schemas.envelope import Event
from schemas.events.peers import LayoutChanged
from schemas.topics import Topic
from tests.fakes.shared_log import LoopClock
from tests.fakes.world import SeededRandomness
from tests.simulation.virtual_time import VirtualLoop
from tests.unit.domain.test_members import id_of, vault_of

SEEDS = int(os.environ.get("GOVAULT_SIM_N", "12")) // 3
FIRST_SEED = int(os.environ.get("GOVAULT_SIM_SEED", "0"))
NODES = 5
ADMIN = Actor("admin", ("admin",))


class Log:
    """Events in one order; an append may be lost before it is written."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.events: list[Event] = []
        self.failing = 0.0

    async def append(self, event: Event, partition: int) -> Position:
        await asyncio.sleep(self.rng.random() * 0.2)
        if self.rng.random() < self.failing:
            raise EventLog("the log is away")
        self.events.append(event)
        return Position(Topic.PEERS, partition, len(self.events) - 1)


class SimNode:
    """A node's folded ``.peers``, behind the log by a random time, and its services."""

    def __init__(self, number: int, log: Log) -> None:
        self.log = log
        self.folded = vault_of(NODES)
        self.begin = self.folded.applied + 1
        self.told: list[Callable[[], None]] = []
        self.outcomes: dict[str, Outcome] = {}
        self.keys = Keyring(b"r" * 32)
        clock = LoopClock()
        submitter = Submitter(log, self, clock, SeededRandomness(number), "/vaults/v/nodes/n")  # type: ignore[arg-type]
        self.roots = SealingRoots(self, submitter, self.keys)  # type: ignore[arg-type]
        self.layouts = Layouts(self, submitter, LayoutWishes(), _nothing, _compute)  # type: ignore[arg-type]
        worker = LayoutWorker(self.layouts, self, clock, id_of(number))  # type: ignore[arg-type]
        self.told += [worker.note, self.roots.note]
        self.members = Membership(self, submitter, self.roots, id_of(number), "kafka", lambda _: True)  # type: ignore[arg-type]
        self.workers = Workers(clock, [worker, self.roots])

    def peers(self) -> MemoryPeers:
        return self.folded

    def find_outcome(self, event_id: str) -> OutcomeRow | None:
        return None

    async def wait_outcome(self, position: Position, event_id: str, timeout_s: float) -> Outcome:
        async with asyncio.timeout(timeout_s):
            while event_id not in self.outcomes:  # noqa: ASYNC110 (the simulation's own fold)
                await asyncio.sleep(0.01)
        return self.outcomes[event_id]

    async def fold(self) -> None:
        done = 0
        while True:
            await asyncio.sleep(self.log.rng.random() * 2)
            for event in self.log.events[done:]:
                offset = self.begin + done
                applied = self.folded.apply(event, offset, 1000 + offset)
                assert applied is not None
                self.outcomes[event.id] = applied.outcome
                done += 1
            for tell in self.told:
                tell()


async def _compute(nodes: Sequence[PlacedNode], replicas: int, previous: Previous | None) -> Computed:
    return compute(nodes, replicas, previous)


async def _nothing() -> int:
    return 0


async def live(seed: int) -> None:
    rng = random.Random(seed)
    log = Log(rng)
    nodes = [SimNode(number, log) for number in range(NODES)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for node in nodes for work in (node.fold(), node.workers.run())]
        await asyncio.sleep(60)
        log.failing = 0.2
        for _ in range(6):
            await _act(rng, nodes)
            await asyncio.sleep(rng.random() * 30)
        log.failing = 0.0
        await asyncio.sleep(1500)
        for task in tasks:
            task.cancel()
    _check(log, nodes)


async def _act(rng: random.Random, nodes: list[SimNode]) -> None:
    """Somebody asks some node for something; what the log or a race refuses is given up."""
    node, target = rng.sample(range(NODES), 2)
    wish = rng.choice([NodeWish(weight=rng.randrange(1, 4)), NodeWish(draining=rng.random() < 0.5), NodeWish(zone="z")])
    try:
        match rng.randrange(4):
            case 0:
                first, second = rng.sample(nodes, 2)
                await asyncio.gather(first.roots.open_next(ADMIN), second.roots.open_next(ADMIN))
            case 1:
                await nodes[node].members.change(ADMIN, id_of(target), NodeWish(draining=False))
            case _:
                await nodes[node].members.change(ADMIN, id_of(target), wish)
    except (EventLog, Conflict):
        pass


def _check(log: Log, nodes: list[SimNode]) -> None:
    states = [(node.folded.nodes(), node.folded.layouts(), node.folded.sealing_roots()) for node in nodes]
    assert all(state == states[0] for state in states)
    rows, layouts, roots = states[0]
    wanted = placeable(rows)
    assert all(row.state == NodeState.UP for row in rows)
    assert not wanted or nodes_of(layouts[-1]) == wanted
    epochs = [1, *(row.epoch for row in roots)]
    assert epochs == list(range(1, len(epochs) + 1))
    for node in nodes:
        assert node.keys.sealing_epochs == epochs
        assert all(node.keys.sealing_root(epoch) == nodes[0].keys.sealing_root(epoch) for epoch in epochs)
    proposed = sum(isinstance(event.data, LayoutChanged) for event in log.events)
    assert proposed <= 2 * layouts[-1].version, "nodes wait their turn instead of all computing the same"


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_all_nodes_end_with_one_layout_of_the_members_and_one_sequence_of_roots(seed: int) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(live(seed))
    finally:
        loop.close()
