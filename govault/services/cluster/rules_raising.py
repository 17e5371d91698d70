"""Raises the rules of partitions, once every member's program decides by them.

A node that meets rules it does not know stops folding the partition, so nobody raises them while a member that belongs
to the vault has not said, at its last start, that it knows them. A fresh vault's only node knows its own: its
partitions begin under the latest. A rise cannot be taken back.
"""

import asyncio

from govault.domain.actor import system
from govault.domain.reasons import Reason
from govault.domain.rows import NodeState
from govault.domain.rules import RULES_LATEST
from govault.errors import Conflict
from govault.limits import RULES_LOOK_S
from govault.ports import Views
from govault.services.log.submit import Submitter
from schemas.events.files import RulesActivated
from schemas.topics import Topic

_ACTOR = system("rules")
_SUBJECT = "rules"


class RulesRaiser:
    """A worker (``maintenance.workers.Worker``); any node may run it at any time."""

    name = "rules"

    def __init__(self, views: Views, submitter: Submitter) -> None:
        self._views = views
        self._submitter = submitter
        self._told = asyncio.Event()

    def note(self) -> None:
        """Look now: ``.peers`` has changed (``ViewsMaintenance.on_peers``)."""
        self._told.set()

    async def work(self) -> bool:
        """Bring every partition to the latest rules that all members know.

        Raises:
            EventLog: The log does not take it now; to be repeated.
        """
        self._told.clear()
        for partition in self._views.partitions():
            await self._raise(partition)
        return False

    async def wait_for_work(self) -> None:
        """Return when ``.peers`` has changed, or a while later."""
        try:
            async with asyncio.timeout(RULES_LOOK_S):
                await self._told.wait()
        except TimeoutError:
            pass

    async def _raise(self, partition: int) -> None:
        while (rules := self._views.partition_row(partition).rules + 1) <= min(RULES_LATEST, self._known_to_all()):
            if self._submitter.is_stopped(Topic.FILES, partition):
                return
            try:
                await self._submitter.submit(_ACTOR, RulesActivated(rules=rules), partition, subject=_SUBJECT)
            except Conflict as error:
                if error.details.get("reason") != Reason.RULES_NOT_NEXT.value:
                    raise
                return  # Another node was faster; a later look goes on from where it came to.

    def _known_to_all(self) -> int:
        members = [row.rules for row in self._views.nodes() if row.state != NodeState.REMOVED]
        return min(members, default=0)
