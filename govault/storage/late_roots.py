"""Sealing roots that come later than what was sealed under them: what needs one waits for it, a while."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from govault.errors import Storage

T = TypeVar("T")
KEY_MISSING = "storage.key-missing"

WaitForRoot = Callable[[int], Awaitable[bool]]
"""Whether the keyring has an epoch's sealing root, waiting a bounded time for it."""


class LateRoots:
    """Repeats what failed for want of a sealing root, once for each that arrives."""

    def __init__(self) -> None:
        self.wait: WaitForRoot | None = None

    async def having(self, work: Callable[[], Awaitable[T]]) -> T:
        """What some work gives that may be repeated.

        Raises:
            Storage: ``storage.key-missing``, with ``sealing_epoch`` in details: the root did not come.
        """
        waited: set[int] = set()
        while True:
            try:
                return await work()
            except Storage as error:
                epoch = error.details.get("sealing_epoch")
                if error.specific_code != KEY_MISSING or not isinstance(epoch, int) or epoch in waited:
                    raise
                waited.add(epoch)
                if self.wait is None or not await self.wait(epoch):
                    raise
