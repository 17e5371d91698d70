"""Clients of a simulated cluster: they write, remove and read through any node, and remember what they were promised.

One writer a path, so that what a path may hold is known: the last acknowledged content, or what an attempt without an
answer may have left.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from govault.errors import GoVaultError, NotFound
from govault.services.contents.upload_terms import UploadWish
from govault.services.maintenance.purges import PurgeBudget
from govault.services.namespace.spaces import SpaceWish
from govault.services.namespace.targets import ByPath
from schemas.events.files import Replication
from tests.simulation.cluster.checkers import Broken
from tests.simulation.cluster.life import Crashed
from tests.simulation.cluster.node import ADMIN, body_of

if TYPE_CHECKING:
    from tests.simulation.cluster.node import Running
    from tests.simulation.cluster.vault import SimVault

SPACE = "main"
_SIZES = (0, 100, 5_000, 40_000, 120_000)


@dataclass
class Path:
    """What one path may hold: any of these contents; None: nothing."""

    name: str
    may: list[bytes | None] = field(default_factory=lambda: [None])


@dataclass
class Clients:
    """The load. ``run`` lets so many clients work until told to stop.

    Attributes:
        done: Acknowledged writes and removals.
        failed_reads: Reads that got no answer, while nothing was wrong answers.
    """

    vault: "SimVault"
    rng: random.Random
    paths: list[Path] = field(default_factory=list)
    done: int = 0
    reads: int = 0
    failed_reads: int = 0
    stopped: bool = False

    async def run(self, clients: int) -> None:
        """Work until ``stopped``."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                mine = [Path(f"c{number}/f{index}") for index in range(4)]
                self.paths += mine
                group.create_task(self._client(mine, random.Random(f"{self.vault.seed} client {number}")))

    async def _client(self, mine: list[Path], rng: random.Random) -> None:
        while not self.stopped:
            await asyncio.sleep(rng.random() * 3.0)
            up = self.vault.up()
            if not up:
                continue
            running = rng.choice(up).running
            assert running is not None
            path = rng.choice(mine)
            # In the node's own life: it ends with the node, as a connection does.
            task = running.life.spawn(self._act(running, path, rng), f"request for {path.name}")
            await asyncio.wait([task], timeout=90.0)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled() and isinstance(task.exception(), Broken):
                raise task.exception()  # type: ignore[misc]

    async def _act(self, running: "Running", path: Path, rng: random.Random) -> None:
        action = rng.random()
        if action < 0.5:
            await self._write(running, path, rng)
        elif action < 0.65:
            await self._remove(running, path)
        elif action < 0.7:
            await self._empty_trash(running)
        elif action < 0.72:
            await self._ask(running, rng)
        else:
            await self.read(running, path)

    async def _write(self, running: "Running", path: Path, rng: random.Random) -> None:
        await self.write(
            running, path, rng.randbytes(rng.choice(_SIZES)) if rng.random() < 0.8 else b"the same " * 3000
        )

    async def write(self, running: "Running", path: Path, content: bytes) -> None:
        """Write a path through a node, and remember what may be there now."""
        before = path.may
        path.may = [*before, content]
        try:
            wish = UploadWish(space=SPACE, path=path.name)
            await running.services.uploads.put(ADMIN, wish, body_of(content), 1 << 30)
        except GoVaultError as error:
            if error.specific_code in ("cluster.too-few-replicas", "cluster.fenced", "storage-full"):
                path.may = before
            return
        path.may = [content]
        self.done += 1

    async def _remove(self, running: "Running", path: Path) -> None:
        if None not in path.may:
            path.may = [*path.may, None]
        try:
            await running.services.namespace.trash.trash(ADMIN, ByPath(SPACE, path.name), ())
        except GoVaultError:
            return
        path.may = [None]
        self.done += 1

    async def _empty_trash(self, running: "Running") -> None:
        """So that collection has something to do."""
        try:
            await running.services.namespace.trash.empty(ADMIN, SPACE, None, PurgeBudget(1000))
        except GoVaultError:
            return

    async def _ask(self, running: "Running", rng: random.Random) -> None:
        """Let the space ask for another number of replicas, never for fewer than the layout's."""
        wish = SpaceWish(replication=Replication(replicas=rng.choice((None, 3, 4, 5))))
        try:
            await running.services.namespace.spaces.change(ADMIN, SPACE, wish, None)
        except GoVaultError:
            return

    async def read(self, running: "Running", path: Path, *, must: bool = False) -> None:
        """Read a path through a node: whatever comes must be what may be there.

        Raises:
            Broken: It is something else; with ``must`` also where it cannot be read.
        """
        self.reads += 1
        try:
            opened = running.services.downloads.open_at(ADMIN, SPACE, path.name, None)
            pieces = [
                bytes(piece) async for piece in running.services.downloads.read(opened, 0, opened.content.size_bytes)
            ]
            found: bytes | None = b"".join(pieces)
        except NotFound as error:
            if "space" in error.specific_code:
                return
            found = None
        except GoVaultError as error:
            self.failed_reads += 1
            if must:
                raise Broken(f"acknowledged_readable: {path.name}: {error}") from error
            return
        except Crashed:
            return
        if must and found not in path.may:
            size = None if found is None else len(found)
            raise Broken(f"acknowledged_readable: {path.name} holds {size} bytes that nobody wrote last")
