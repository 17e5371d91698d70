"""Whole clusters under a virtual clock: the real services over a log, a network and disks that fail by a seed.

A failure prints the command that replays it. ``make sim SEED=… N=…`` runs more seeds.
"""

import asyncio
import os
import random

import pytest

from tests.simulation.cluster.faults import Faults
from tests.simulation.cluster.load import Clients
from tests.simulation.cluster.sampling import Sampling
from tests.simulation.cluster.slots import few_slots
from tests.simulation.cluster.vault import SimVault
from tests.simulation.virtual_time import run_virtually

SEEDS = int(os.environ.get("GOVAULT_SIM_N", "6"))
FIRST_SEED = int(os.environ.get("GOVAULT_SIM_SEED", "0"))
LOAD_S = 180.0
QUIET_S = 1800.0
SELF_COMPLETION_S = 75.0


async def live(seed: int, faults: Faults | None = None) -> SimVault:
    """One cluster's life: it forms, works under faults, is left in peace, and is checked."""
    with few_slots():
        return await _live(seed, faults or Faults())


async def _live(seed: int, faults: Faults) -> SimVault:
    rng = random.Random(f"life {seed}")
    vault = SimVault(seed, nodes=rng.choice((3, 3, 4, 5)), zones=rng.choice((1, 1, 3)))
    try:
        await form(vault)
        clients = Clients(vault, random.Random(f"clients {seed}"))
        working = asyncio.ensure_future(clients.run(4))
        troubled = asyncio.ensure_future(faults.run(vault, random.Random(f"faults {seed}"), LOAD_S))
        sampling = Sampling(vault, clients, random.Random(f"sampling {seed}"))
        looking = asyncio.ensure_future(sampling.run())
        await asyncio.wait([working, troubled, looking], return_when=asyncio.FIRST_COMPLETED)
        clients.stopped = sampling.stopped = True
        await asyncio.gather(working, troubled, looking)
        await _calm(vault)
        assert clients.done > 5, f"only {clients.done} writes were acknowledged"
        await _check(vault, clients)
        await _complete(vault, clients)
    finally:
        await vault.close()
    return vault


async def form(vault: SimVault) -> None:
    """All nodes run, and a layout gives slots to all of them."""
    await vault.nodes[0].start()
    await vault.wait("the first space", lambda: vault.truth.space_named("main") is not None, 60)
    for node in vault.nodes[1:]:
        await node.start()
    await vault.wait("a layout of all", lambda: _held_by(vault) == len(vault.nodes), 120)


def _held_by(vault: SimVault) -> int:
    layouts = vault.truth.peers().layouts()
    return len(layouts[-1].node_ids) if layouts else 0


async def _calm(vault: SimVault) -> None:
    """Nothing fails any more: everybody is back, and what was broken heals."""
    vault.network.heal()
    vault.log.down = False
    vault.log.unreachable.clear()
    vault.log.lost_acks = vault.log.refused = 0.0
    for node in vault.nodes:
        node.disk.full = False
        if not node.alive:
            await node.start()
    checkers = vault.checkers
    await vault.wait("replicas_return_to_r", checkers.replicas_complete, QUIET_S)
    await vault.wait("views_converge", checkers.views_equal, 60)
    await vault.wait("no_queue_grows", checkers.queues_empty, QUIET_S)


async def _complete(vault: SimVault, clients: Clients) -> None:
    """``holders_complete_themselves``: who misses a chunk fetches it when the commit is applied, before any walk."""
    on_time = [node for node in vault.nodes if not node.clock.skew_s]
    writer, other = on_time[0], next(node for node in vault.nodes if node is not on_time[0])
    assert writer.running is not None
    vault.network.split([writer.node_id], [other.node_id])
    for path in clients.paths[:3]:
        await clients.write(writer.running, path, path.name.encode() * 5_000)
    await vault.wait("holders_complete_themselves", vault.checkers.replicas_complete, SELF_COMPLETION_S)


async def _check(vault: SimVault, clients: Clients) -> None:
    for node in vault.up():
        assert node.running is not None
        vault.check_life(node.running.life)
        for path in clients.paths:
            await clients.read(node.running, path, must=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_a_cluster_keeps_its_promises_whatever_fails(seed: int) -> None:
    try:
        run_virtually(live(seed))
    except BaseException:
        print(f"\nreplay: GOVAULT_SIM_SEED={seed} GOVAULT_SIM_N=1 python -m pytest tests/simulation/cluster")
        raise
