"""One life of a node: its tasks, and the moment after which nothing that it does has an effect."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, TypeVar

from govault.errors import GoVaultError

T = TypeVar("T")


class Crashed(BaseException):
    """The node is dead: nothing that it still awaits comes back."""


class Life:
    """Ends by ``crash``. Ports of the node pause in it, and a dead one never leaves a pause.

    Attributes:
        broken: What a task of the node died of, where that is a bug: the simulation fails with it.
    """

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.alive = True
        self.broken: BaseException | None = None
        self.stopped_until_s = 0.0
        self._rng = rng
        self._tasks: set[asyncio.Task[Any]] = set()

    async def pause(self, at_most_s: float) -> None:
        """A port takes its time."""
        await asyncio.sleep(self._rng.random() * at_most_s)
        loop = asyncio.get_running_loop()
        while self.stopped_until_s > loop.time():  # noqa: ASYNC110 (it may be moved on meanwhile)
            await asyncio.sleep(self.stopped_until_s - loop.time())
        self.check()

    def check(self) -> None:
        """Nothing goes on in a dead node."""
        if not self.alive:
            raise Crashed

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """A task of this life."""
        task = asyncio.ensure_future(work)
        task.set_name(f"{self.name} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or not self.alive:
            if not task.cancelled():
                task.exception()
            return
        error = task.exception()
        if error is not None and not isinstance(error, GoVaultError | Crashed) and self.broken is None:
            self.broken = error

    async def crash(self) -> None:
        """kill -9."""
        self.alive = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP for a while: ports answer nothing; then it goes on as if nothing had been."""
        self.stopped_until_s = max(self.stopped_until_s, asyncio.get_running_loop().time() + seconds)
