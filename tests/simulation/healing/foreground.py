"""Measures what a repair costs those who read and write meanwhile.

    python -m tests.simulation.healing.foreground [--seeds 3] [--budget-mib 32] [--link-mbit 1000]

Five nodes keep three replicas. One loses its store and is filled again at the budget, while requests go on at a fixed
rate, through that node as often as through all others together: reads of what other nodes keep, and writes that wait
for a second replica, of 4, 64 and 256 KiB. The repair and the way of the requests between nodes are the real ones; time
is virtual, so the figures are of the algorithm, the budget and the links, not of this machine.
"""

import argparse
import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import NamedTuple

from govault.domain.manifest import ChunkRef
from govault.limits import CHUNK_MEAN_BYTES, KIB, MIB
from govault.services.healing.assembly import HealingSettings
from govault.services.replicas.candidates import Candidates
from govault.services.replicas.fetching import Fetching
from govault.services.replicas.placing import Placing
from schemas.ids import ChunkId
from tests.fakes.peer_stores import MemoryPeers
from tests.simulation.healing.wires import GIGABIT_BYTES_PER_S, SYNC_S, SlowStore, WiredNetwork
from tests.simulation.healing.world import World
from tests.simulation.virtual_time import run_virtually

NODES = "abcde"
FILLED = "e"
READS_PER_S = 200.0
WRITES_PER_S = 50.0
SIZES_BYTES = (4 * KIB, 4 * KIB, 64 * KIB, 256 * KIB)
_FILES_EACH_SIZE = 60
_REST_S = 20.0
BUDGET_BYTES_PER_S = HealingSettings().repair_bytes_per_s


@dataclass
class Latencies:
    """Seconds from a request to its answer, of requests that began in one phase."""

    reads: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)


class Found(NamedTuple):
    """What was measured.

    Attributes:
        quiet: While nothing waited for repair.
        repairing: While something did.
        repair_s: How long that took.
        repaired_bytes: What was moved for it.
    """

    quiet: Latencies
    repairing: Latencies
    repair_s: float
    repaired_bytes: int


class Foreground:
    """Requests at a fixed rate, whether or not those before are answered."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._fetching: dict[str, Fetching] = {}
        self._placing: dict[str, Placing] = {}
        for name, node in world.nodes.items():
            peers = MemoryPeers(name, world.network)
            candidates = Candidates(node.map, node.links)
            self._fetching[name] = Fetching(candidates, node.store, peers)
            self._placing[name] = Placing(candidates, node.store, peers)
        self._files = self._commit_files()

    def _commit_files(self) -> dict[str, list[ChunkRef]]:
        """By node, what it has to get from others, and what the node that is filled does not keep for them."""
        world = self._world
        files: dict[str, list[ChunkRef]] = {name: [] for name in NODES}
        for size_bytes in SIZES_BYTES:
            for chunk_id in world.commit(_FILES_EACH_SIZE, size_bytes):
                holders = world.holders(chunk_id)
                if FILLED not in holders:
                    for name in set(NODES) - set(holders):
                        files[name].append(ChunkRef(chunk_id, size_bytes))
        return files

    async def run(self, goes_on: Callable[[], bool]) -> Latencies:
        """Ask until it goes on no more, and wait for the answers to all that was asked till then."""
        told = Latencies()
        async with asyncio.TaskGroup() as requests:
            for per_s, ask, into in (
                (READS_PER_S, self._read, told.reads),
                (WRITES_PER_S, self._write, told.writes),
            ):
                requests.create_task(_keep_asking(requests, per_s, partial(ask, into), goes_on))
        return told

    async def close(self) -> None:
        """Give up what goes on behind writes."""
        for placing in self._placing.values():
            await placing.close()

    def _through(self) -> str:
        others = [name for name in NODES if name != FILLED]
        return FILLED if self._chance.random() < 0.5 else self._chance.choice(others)

    async def _read(self, into: list[float]) -> None:
        name, began_s = self._through(), asyncio.get_running_loop().time()
        chunk = self._chance.choice(self._files[name])
        fetch = await self._fetching[name].fetch([chunk])
        assert chunk.chunk_id in fetch.found
        into.append(asyncio.get_running_loop().time() - began_s)

    async def _write(self, into: list[float]) -> None:
        name, began_s = self._through(), asyncio.get_running_loop().time()
        content = self._chance.randbytes(self._chance.choice(SIZES_BYTES))
        store = self._world.network.stores[name]
        assert isinstance(store, SlowStore)
        chunk_id = store.put(content)
        await store.turn(SYNC_S)
        await self._placing[name].make_safe([ChunkRef(chunk_id, len(content))], self._world.views.epoch)
        into.append(asyncio.get_running_loop().time() - began_s)


async def _keep_asking(
    requests: asyncio.TaskGroup,
    per_s: float,
    ask: Callable[[], Coroutine[None, None, None]],
    goes_on: Callable[[], bool],
) -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number in count(1):
        if not goes_on():
            return
        requests.create_task(ask())
        await asyncio.sleep(began_s + number / per_s - loop.time())


async def measure(
    seed: int,
    *,
    lost_bytes: int = 256 * MIB,
    budget_bytes_per_s: float = BUDGET_BYTES_PER_S,
    link_bytes_per_s: float = GIGABIT_BYTES_PER_S,
) -> Found:
    """Requests beside nothing, and then beside a repair."""
    chance = random.Random(f"foreground {seed}")
    network = WiredNetwork(NODES, chance, link_bytes_per_s)
    settings = HealingSettings(repair_bytes_per_s=budget_bytes_per_s)
    async with World(NODES, settings, network=network, seed=seed) as world:
        world.lay_out(NODES)
        chunks = world.commit(int(lost_bytes / CHUNK_MEAN_BYTES * len(NODES) / world.replicas), CHUNK_MEAN_BYTES)
        foreground = Foreground(world, chance)
        await asyncio.sleep(60)
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + lost_bytes / BUDGET_BYTES_PER_S
        quiet = await foreground.run(lambda: loop.time() < ends_s)
        await _empty(world)
        await world.until(lambda: _waits(world), 60, every_s=0.01)
        began_s, before_bytes = loop.time(), _repaired_bytes(world)
        kept, its_own = network.stores[FILLED].contents, [one for one in chunks if FILLED in world.holders(one)]
        repairing = await foreground.run(lambda: any(chunk_id not in kept for chunk_id in its_own))
        took_s = loop.time() - began_s
        await foreground.close()
        return Found(quiet, repairing, took_s, _repaired_bytes(world) - before_bytes)


async def _empty(world: World) -> None:
    """The node that is filled dies, and comes back without its store."""
    await world.die(FILLED)
    store = world.network.stores[FILLED]
    for chunk_id in list(store.contents):
        store.lose(ChunkId(chunk_id))
    await asyncio.sleep(_REST_S)
    world.nodes[FILLED] = world.build(FILLED, world.nodes[FILLED].database)
    world.come_back(FILLED)


def _waits(world: World) -> bool:
    return world.nodes[FILLED].healing.queue.counts().chunks > 0


def _repaired_bytes(world: World) -> int:
    totals = [node.healing.tally.total for node in world.nodes.values()]
    return sum(total.repaired_bytes + total.pushed_bytes for total in totals)


def quantile(seconds: Iterable[float], share: float) -> float:
    """The value that so many are not above."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget-mib", type=float, default=BUDGET_BYTES_PER_S / MIB)
    parser.add_argument("--link-mbit", type=float, default=GIGABIT_BYTES_PER_S * 8 / 1e6)
    asked = parser.parse_args()
    found = [
        run_virtually(
            measure(seed, budget_bytes_per_s=asked.budget_mib * MIB, link_bytes_per_s=asked.link_mbit * 1e6 / 8)
        )
        for seed in range(1, asked.seeds + 1)
    ]
    repair_s, moved_bytes = sum(one.repair_s for one in found), sum(one.repaired_bytes for one in found)
    print(
        f"links of {asked.link_mbit:g} Mbit/s, budget {asked.budget_mib:g} MiB/s, {asked.seeds} seeds: "
        f"{moved_bytes / MIB:.0f} MiB made again in {repair_s:.1f} s, {moved_bytes / MIB / repair_s:.1f} MiB/s"
    )
    for name in ("reads", "writes"):
        quiet = [seconds for one in found for seconds in getattr(one.quiet, name)]
        repairing = [seconds for one in found for seconds in getattr(one.repairing, name)]
        figures = " | ".join(
            f"{title} {quantile(quiet, share) * 1000:.2f} → {quantile(repairing, share) * 1000:.2f} ms "
            f"({quantile(repairing, share) / quantile(quiet, share) - 1:+.1%})"
            for title, share in (("p50", 0.5), ("p99", 0.99))
        )
        print(f"{name} ({len(quiet)} without, {len(repairing)} during): {figures}")


if __name__ == "__main__":
    main()
