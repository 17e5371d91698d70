"""Links of finite bandwidth between the nodes of a simulation, and disks that take their time."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from govault.limits import KIB
from govault.ports import SealedChunk
from schemas.ids import ChunkId
from tests.fakes.peer_stores import Network, PeerStore

GIGABIT_BYTES_PER_S = 1e9 / 8
ROUND_TRIP_S = (0.0002, 0.001)
READ_S = (0.001, 0.010)
SYNC_S = (0.002, 0.020)
"""Of a network within a house and of a plain disk: even between these."""
_PIECE_BYTES = 64 * KIB


class Wires:
    """Each node's link: so many bytes a second out of it, and as many into it.

    A transfer goes in pieces. Each waits until those are through that came to either end of its way before it, so
    transfers at one time share a link as connections do, and a small one is not behind the whole of a large one.
    """

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._out_free_s: defaultdict[str, float] = defaultdict(float)
        self._in_free_s: defaultdict[str, float] = defaultdict(float)

    async def carry(self, origin: str, to: str, size_bytes: int) -> None:
        """Return when all bytes are there."""
        loop = asyncio.get_running_loop()
        for start in range(0, size_bytes, _PIECE_BYTES):
            piece_s = min(_PIECE_BYTES, size_bytes - start) / self._bytes_per_s
            sent_s = self._out_free_s[origin] = max(loop.time(), self._out_free_s[origin]) + piece_s
            # It goes in while it still comes out at the other end.
            there_s = self._in_free_s[to] = max(sent_s, self._in_free_s[to] + piece_s)
            await asyncio.sleep(there_s - loop.time())


class SlowStore(PeerStore):
    """A ``PeerStore`` on a disk."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def sealed(self, chunks: Sequence[ChunkId]) -> list[SealedChunk]:
        """See ``ReplicaStore``."""
        await self.turn(READ_S)
        return await super().sealed(chunks)

    async def store_sealed(self, chunks: Sequence[SealedChunk], epoch: int) -> None:
        """See ``ReplicaStore``."""
        await self.turn(SYNC_S)
        await super().store_sealed(chunks, epoch)

    async def turn(self, between_s: tuple[float, float]) -> None:
        """What the disk takes."""
        await asyncio.sleep(self._chance.uniform(*between_s))


class WiredNetwork(Network):
    """A ``Network`` whose chunks go over ``Wires``."""

    def __init__(self, names: Iterable[str], chance: random.Random, link_bytes_per_s: float) -> None:
        super().__init__({name: SlowStore(chance) for name in names})
        self._chance = chance
        self._wires = Wires(link_bytes_per_s)

    async def reach(self, method: str, caller: str, peer: str) -> PeerStore:
        """See ``Network``."""
        self.delay_s = self._chance.uniform(*ROUND_TRIP_S)
        return await super().reach(method, caller, peer)

    async def carry(self, origin: str, to: str, size_bytes: int) -> None:
        """See ``Network``."""
        await super().carry(origin, to, size_bytes)
        await self._wires.carry(origin, to, size_bytes)
