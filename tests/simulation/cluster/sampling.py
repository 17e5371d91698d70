"""Checks that go on while a simulated cluster works and things go wrong."""

import asyncio
import random

from govault.limits import DEREFERENCES_WAITING_MAX, PLACING_BYTES_MAX, PLACING_LAG_BYTES_MAX, REPAIR_NOTICES_MAX
from govault.services.healing.notices import Notices
from govault.services.replicas.placing import Placing
from tests.simulation.cluster.checkers import Broken
from tests.simulation.cluster.load import Clients
from tests.simulation.cluster.node import Running
from tests.simulation.cluster.vault import SimVault

_TRIES = 3
_QUEUED_MORE = 100
"""Chunks in a repair queue whose last reference is gone, and that wait for their turn to be forgotten."""


class Sampling:
    """Looks in at random moments until ``stopped``.

    Attributes:
        judged: Reads that had to succeed, and did.
    """

    def __init__(self, vault: SimVault, clients: Clients, rng: random.Random) -> None:
        self._vault = vault
        self._clients = clients
        self._rng = rng
        self.stopped = False
        self.judged = 0

    async def run(self) -> None:
        """Sample.

        Raises:
            Broken: What must hold at any time does not.
        """
        while not self.stopped:
            await asyncio.sleep(self._rng.uniform(2.0, 12.0))
            for node in self._vault.up():
                assert node.running is not None
                check_bounds(self._vault, node.running)
            up = self._vault.up()
            if up and self._clients.paths:
                running = self._rng.choice(up).running
                assert running is not None
                await self._read(running)

    async def _read(self, running: Running) -> None:
        """``acknowledged_readable``: where a sound copy of everything is in reach, a read gets through."""
        path = self._rng.choice(self._clients.paths)
        failure = ""
        for _ in range(_TRIES):
            failed_before = self._clients.failed_reads
            if not self._in_reach(running):
                return
            reading = running.life.spawn(self._clients.read(running, path), "a sampled read")
            await asyncio.wait([reading], timeout=90.0)
            if not reading.done():
                reading.cancel()
                await asyncio.wait([reading])
                failure = "no answer within 90 s"
            elif self._clients.failed_reads == failed_before:
                self.judged += 1
                return
            else:
                failure = "an error"
            if not self._in_reach(running):
                return
        raise Broken(f"acknowledged_readable: {path.name} at {running.life.name}: {failure}, {_TRIES} times")

    def _in_reach(self, running: Running) -> bool:
        vault, me = self._vault, running.node
        if me.running is not running or _stands_still(running) or not vault.log.reaches(me.node_id):
            return False
        reached = {
            node.node_id
            for node in vault.up()
            if node.running is not None
            and not _stands_still(node.running)
            and not {(me.node_id, node.node_id), (node.node_id, me.node_id)} & vault.network.cut
        }
        return vault.checkers.all_within(reached)


def _stands_still(running: Running) -> bool:
    return running.life.stopped_until_s > asyncio.get_running_loop().time()


def check_bounds(vault: SimVault, running: Running) -> None:
    """``queues_bounded``: no queue of a node holds more than it may, or than there can be work.

    Raises:
        Broken: One does.
    """
    placing: Placing = running.store._placing
    notices: Notices = running.healing.notices
    chunks = len(set().union(*(node.disk.chunks for node in vault.nodes))) + vault.checkers.referenced_count()
    for name, found, bound in (
        ("repair", running.healing.backlog(), chunks + _QUEUED_MORE),
        ("lagging bytes", sum(placing._lagging.values()), PLACING_LAG_BYTES_MAX),
        ("bytes to be placed", sum(one.size_bytes for one in placing._queue), PLACING_BYTES_MAX),
        ("notices", len(notices._referenced) + len(notices._damaged) + len(notices._missed), 3 * REPAIR_NOTICES_MAX),
        ("dereferences", len(running.dereferences), DEREFERENCES_WAITING_MAX),
    ):
        if found > bound:
            raise Broken(f"queues_bounded: {name} of {running.life.name}: {found}, more than {bound}")
