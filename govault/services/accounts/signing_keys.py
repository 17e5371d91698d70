"""Opens the keys that sign access tokens: the first one, and another every SIGNING_KEY_PERIOD_S."""

import asyncio

from govault.domain.actor import system
from govault.errors import Conflict
from govault.limits import SIGNING_KEY_PERIOD_S
from govault.ports import Clock, Views
from govault.services.log.submit import Submitter
from schemas.events.accounts import SigningKeyOpened

_PARTITION = 0
_LOOK_S = 600.0
_ACTOR = system("signing-keys")


class SigningKeys:
    """A worker (``maintenance.workers.Worker``). Of several nodes that open the next one, the log lets one."""

    name = "signing-keys"

    def __init__(self, views: Views, submitter: Submitter, clock: Clock) -> None:
        self._views = views
        self._submitter = submitter
        self._clock = clock

    def numbers(self) -> list[int]:
        """The keys that count now, ascending."""
        return [row.number for row in self._views.accounts().signing_keys()]

    async def work(self) -> bool:
        """See ``Worker``."""
        known = self._views.accounts().signing_keys()
        if known and self._clock.time_ms() - known[-1].opened_ms < SIGNING_KEY_PERIOD_S * 1000:
            return False
        await self.rotate()
        return False

    async def rotate(self) -> int:
        """Open the next key; the number of the newest."""
        number = max(self.numbers(), default=0) + 1
        opened = SigningKeyOpened(number=number)
        try:
            await self._submitter.submit(_ACTOR, opened, _PARTITION, subject=f"signing-key-{number}")
        except Conflict:
            # Another node was first.
            return max(self.numbers(), default=number)
        return number

    async def wait_for_work(self) -> None:
        """See ``Worker``."""
        await asyncio.sleep(_LOOK_S)
