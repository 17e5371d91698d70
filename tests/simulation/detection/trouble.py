"""What happens to the nodes of a world: deaths, bursts of loss, pauses."""

import asyncio

from tests.simulation.detection.world import World


async def death_after_s(world: World, victim: str, wait_s: float = 40.0) -> float:
    """How long after its end a node is dead by the log."""
    killed_s = world.now_s
    world.kill(victim)
    while world.state_of(victim) != "dead":
        await asyncio.sleep(0.05)
        assert world.now_s - killed_s < wait_s, f"still not dead after {wait_s} s"
    return world.now_s - killed_s


async def trouble(world: World, burst_s: float, pause_s: float, every_s: float) -> None:
    """Every while one node loses everything on the network for some seconds, and one stands still."""
    while True:
        await asyncio.sleep(every_s)
        bursting, paused = world.chance.sample(world.ids, 2)
        world.network.burst[bursting] = world.now_s + burst_s
        if pause_s:
            asyncio.get_running_loop().create_task(pause(world, paused, pause_s))


async def pause(world: World, node_id: str, seconds: float) -> None:
    """A node stands still for so long."""
    event = world.network.paused[node_id] = asyncio.Event()
    await asyncio.sleep(seconds)
    world.network.paused.pop(node_id, None)
    event.set()
