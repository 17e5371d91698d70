"""What goes wrong in a simulated cluster: chosen by a seed, never more at once than a vault has to bear."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.simulation.cluster.node import COLLECTION_PERIOD_S, SimNode
from tests.simulation.cluster.vault import SimVault


@dataclass
class Faults:
    """Attributes:
    destructive: Whether a disk may be lost or rot. One a life, and only while every replica is in its place.
    changing: Whether members may come, be drained, or be away for many epochs. One such thing a life.
    """

    destructive: bool = True
    changing: bool = True
    loss_max: float = 0.05

    async def run(self, vault: SimVault, rng: random.Random, for_s: float) -> None:
        """Let things go wrong, one after the other, each for a while."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + for_s
        destroyed, changed = not self.destructive, not self.changing
        vault.network.loss = rng.choice((0.0, 0.0, 0.01, self.loss_max))
        vault.network.duplicates = rng.choice((0.0, 0.02))
        vault.log.lost_acks = rng.choice((0.0, 0.02))
        vault.log.refused = rng.choice((0.0, 0.02))
        # Where most clocks are wrong, nobody is left through whom a write is in time.
        for node in rng.sample(vault.nodes, rng.randint(0, (len(vault.nodes) - 1) // 2)):
            node.clock.skew_s = rng.choice((-3600.0, 86_400.0))
        if all(node.clock.skew_s < 0 for node in vault.nodes):
            vault.nodes[0].clock.skew_s = 0.0
        while loop.time() < until_s:
            await asyncio.sleep(rng.uniform(1.0, 15.0))
            gentle: list[Callable[[SimVault, random.Random], Awaitable[None]]] = [
                self._crash, self._freeze, self._cut_off, self._cut_one_way, self._log_outage, self._log_for_one,
                self._full_disk, self._power_loss,
            ]  # fmt: skip
            if not changed and rng.random() < 0.1:
                changed = True
                await rng.choice((self._join, self._drain, self._away))(vault, rng)
                continue
            if not destroyed and vault.checkers.replicas_complete() and rng.random() < 0.3:
                destroyed = True
                await rng.choice((self._lose_disk, self._rot))(vault, rng)
            else:
                await rng.choice(gentle)(vault, rng)

    async def _crash(self, vault: SimVault, rng: random.Random) -> None:
        """kill -9, and a restart sooner or later."""
        node = self._victim(vault, rng)
        await node.kill()
        await asyncio.sleep(rng.choice((0.5, 5.0, 30.0, 70.0)))
        await node.start()

    async def _freeze(self, vault: SimVault, rng: random.Random) -> None:
        node = self._victim(vault, rng)
        assert node.running is not None
        seconds = rng.choice((2.0, 10.0, 40.0))
        node.running.life.freeze(seconds)
        await asyncio.sleep(seconds)

    async def _cut_off(self, vault: SimVault, rng: random.Random) -> None:
        """A node that reaches no peer, maybe not the log either."""
        node = self._victim(vault, rng)
        others = [other.node_id for other in vault.nodes if other is not node]
        vault.network.split([node.node_id], others)
        if rng.random() < 0.5:
            vault.log.unreachable.add(node.node_id)
        await asyncio.sleep(rng.uniform(5.0, 60.0))
        vault.network.cut.clear()
        vault.log.unreachable.clear()

    async def _cut_one_way(self, vault: SimVault, rng: random.Random) -> None:
        one, other = rng.sample(vault.nodes, 2)
        vault.network.cut.add((one.node_id, other.node_id))
        vault.checkers.crashed.update((one.node_id, other.node_id))
        await asyncio.sleep(rng.uniform(5.0, 60.0))
        vault.network.cut.clear()

    async def _log_outage(self, vault: SimVault, rng: random.Random) -> None:
        vault.log.down = True
        vault.checkers.crashed.update(node.node_id for node in vault.nodes)
        await asyncio.sleep(rng.uniform(2.0, 40.0))
        vault.log.down = False

    async def _log_for_one(self, vault: SimVault, rng: random.Random) -> None:
        node = self._victim(vault, rng)
        vault.log.unreachable.add(node.node_id)
        await asyncio.sleep(rng.uniform(2.0, 40.0))
        vault.log.unreachable.discard(node.node_id)

    async def _full_disk(self, vault: SimVault, rng: random.Random) -> None:
        node = rng.choice(vault.nodes)
        node.disk.full = True
        await asyncio.sleep(rng.uniform(5.0, 40.0))
        node.disk.full = False

    async def _power_loss(self, vault: SimVault, rng: random.Random) -> None:
        """All nodes at once, and back one after the other."""
        vault.checkers.crashed.update(node.node_id for node in vault.nodes)
        await asyncio.gather(*(node.kill() for node in vault.nodes))
        for node in rng.sample(vault.nodes, len(vault.nodes)):
            await asyncio.sleep(rng.choice((0.0, 1.0, 10.0)))
            await node.start()

    async def _away(self, vault: SimVault, rng: random.Random) -> None:
        """A node is down while one epoch passes after another."""
        node = self._victim(vault, rng)
        await node.kill()
        await asyncio.sleep(rng.uniform(3.0, 8.0) * COLLECTION_PERIOD_S)
        await node.start()

    async def _join(self, vault: SimVault, rng: random.Random) -> None:
        """One node more, so that a part of all chunks moves; more goes wrong meanwhile."""
        await vault.add_node().start()

    async def _drain(self, vault: SimVault, rng: random.Random) -> None:
        """A node gives up its slots and goes on serving; only where enough others are left for R."""
        if len(vault.nodes) > vault.wishes.replicas:
            vault.change_node(rng.choice(vault.nodes), draining=True)

    async def _lose_disk(self, vault: SimVault, rng: random.Random) -> None:
        """A node comes back with an empty disk."""
        node = self._victim(vault, rng)
        await node.kill()
        vault.checkers.struck(node.disk.chunks)
        node.lose_disk()
        await asyncio.sleep(rng.uniform(1.0, 20.0))
        await node.start()

    async def _rot(self, vault: SimVault, rng: random.Random) -> None:
        """Bits flip in many chunks of one disk."""
        node = rng.choice(vault.nodes)
        chunks = sorted(node.disk.chunks)
        rotten = rng.sample(chunks, len(chunks) // 2)
        vault.checkers.struck(rotten)
        node.disk.rotten.update(rotten)

    def _victim(self, vault: SimVault, rng: random.Random) -> SimNode:
        node = rng.choice(vault.up())
        vault.checkers.crashed.add(node.node_id)
        return node
