"""Tells the log where this node is reached, as soon as that is not what the log says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from govault.domain.actor import system
from govault.domain.rows import NodeState
from govault.limits import ADDRESSES_LOOK_S
from govault.ports import Views
from govault.services.log.submit import Submitter
from schemas.events.peers import NodeMoved

_ACTOR = system("addresses")
_PARTITION = 0


class Addresses(NamedTuple):
    """Where a node is reached, the best first.

    Attributes:
        for_clients: URLs of its REST interface.
        for_peers: host:port; none of a node that takes no peers.
    """

    for_clients: tuple[str, ...]
    for_peers: tuple[str, ...]


class Announcer:
    """A worker (``maintenance.workers.Worker``). What a node is reached by at its start is in ``NodeStarted``.

    Only what two looks in a row found is told: names change for moments while a machine's network comes and goes.
    """

    name = "addresses"

    def __init__(
        self, views: Views, submitter: Submitter, node_id: str, look: Callable[[], Awaitable[Addresses]]
    ) -> None:
        """Args:
        look: Where this node is reached now.
        """
        self._views = views
        self._submitter = submitter
        self._node_id = node_id
        self._look = look
        self._seen: Addresses | None = None

    async def work(self) -> bool:
        """Look, and tell what has changed for good.

        Raises:
            EventLog: The log does not take it now; a later look tells it.
        """
        found = await self._look()
        steady, self._seen = found == self._seen, found
        row = self._views.peers().node(self._node_id)
        known = row is None or row.state == NodeState.REMOVED or found == (row.addresses, row.peer_addresses)
        if steady and not known:
            moved = NodeMoved(node_id=self._node_id, addresses=found.for_clients, peer_addresses=found.for_peers)
            await self._submitter.submit(_ACTOR, moved, _PARTITION, subject=self._node_id)
        return False

    async def wait_for_work(self) -> None:
        """Return when it is time to look again."""
        await asyncio.sleep(ADDRESSES_LOOK_S)
