"""Destroys the key of an account that was erased where whoever erased it did not get that far."""

import asyncio

from govault.services.accounts.personal import People

_LOOK_S = 600.0
_PER_STEP = 500


class Erasures:
    """A worker (``maintenance.workers.Worker``). Several nodes may destroy one key: it is gone once."""

    name = "erasures"

    def __init__(self, people: People) -> None:
        self._people = people
        self._after = ""

    async def work(self) -> bool:
        """See ``Worker``.

        Raises:
            EventLog: The log cannot take it.
        """
        rows = self._people.views.accounts().accounts(self._after, _PER_STEP)
        for row in rows:
            if row.erased and self._people.keys.get(row.account_id) is not None:
                await self._people.keys.destroy(row.account_id)
        self._after = rows[-1].account_id if len(rows) == _PER_STEP else ""
        return bool(self._after)

    async def wait_for_work(self) -> None:
        """See ``Worker``."""
        await asyncio.sleep(_LOOK_S)
