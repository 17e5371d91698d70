"""Tells ``.replicas`` now and then what happened to replicas here: counts and bytes."""

import asyncio

from govault.domain.actor import system
from govault.ports import Clock, EventLog, Randomness
from govault.services.healing.counts import Repaired, RepairTally
from schemas.envelope import Event
from schemas.events.records import ReplicasReported
from schemas.ids import new_event_id

_PERIOD_S = 30.0
_PARTITION = 0
_ACTOR = system("repair")


class ReplicaReports:
    """A worker (``maintenance.workers.Worker``): one event a period, and none where nothing happened."""

    name = "replica-reports"

    def __init__(
        self, node_id: str, log: EventLog, tally: RepairTally, clock: Clock, randomness: Randomness, source: str
    ) -> None:
        """Args:
        source: ``/vaults/<vault id>/nodes/<node id>``.
        """
        self._node_id = node_id
        self._log = log
        self._tally = tally
        self._clock = clock
        self._randomness = randomness
        self._source = source

    async def work(self) -> bool:
        """Report.

        Raises:
            EventLog: The log cannot be reached; the next report says it.
        """
        taken = self._tally.take_unreported()
        if not (taken.lost or taken.repaired or taken.removed):
            return False
        try:
            await self._log.append(self._event(taken), _PARTITION)
        except BaseException:
            self._tally.give_back(taken)
            raise
        return False

    def _event(self, taken: Repaired) -> Event:
        now_ms = self._clock.time_ms()
        data = ReplicasReported(
            node_id=self._node_id,
            lost=taken.lost,
            repaired=taken.repaired,
            repaired_bytes=taken.repaired_bytes,
            removed=taken.removed,
            damaged=tuple(chunk_id.hex() for chunk_id in taken.damaged),
        )
        return Event(
            id=new_event_id(now_ms, self._randomness.token(10)),
            data=data,
            actor=_ACTOR.name,
            source=self._source,
            time_ms=now_ms,
            subject=self._node_id,
            principals=_ACTOR.principals,
        )

    async def wait_for_work(self) -> None:
        """Return a period later."""
        await asyncio.sleep(_PERIOD_S)
