"""Brings the layout after membership by itself: who joins gets slots, who drains or goes gives them."""

import asyncio
from collections.abc import Callable

from govault.domain.actor import system
from govault.domain.placement_quotas import PlacedNode
from govault.domain.reasons import Reason
from govault.domain.rows import NodeState
from govault.errors import Conflict
from govault.limits import LAYOUT_LOOK_S, LAYOUT_SETTLE_S, LAYOUT_TURN_S
from govault.ports import Clock, Views
from govault.services.cluster.layouts import Layouts


class LayoutWorker:
    """Proposes the next layout when members have differed from the newest for a settle time.

    Any node may propose and the first in the log wins. So that not all compute the same, nodes wait their turn: the
    live ones by id, LAYOUT_TURN_S apart.
    """

    name = "layout"

    def __init__(
        self,
        layouts: Layouts,
        views: Views,
        clock: Clock,
        node_id: str,
        *,
        automatic: bool = True,
        frozen: Callable[[], bool] = lambda: False,
        settle_s: float = LAYOUT_SETTLE_S,
    ) -> None:
        """Args:
        automatic: ``network.layout: auto``; otherwise people change layouts.
        frozen: Whether the log is out of reach: then no layout changes.
        settle_s: How long members must stay as they are.
        """
        self._layouts = layouts
        self._views = views
        self._clock = clock
        self._node_id = node_id
        self._automatic = automatic
        self._frozen = frozen
        self._settle_s = settle_s
        self._due: tuple[PlacedNode, ...] | None = None
        self._since_s = 0.0
        self._told = asyncio.Event()

    def note(self) -> None:
        """Look now: ``.peers`` has changed (``ViewsMaintenance.on_peers``)."""
        self._told.set()

    async def work(self) -> bool:
        """Propose a layout where one is due; never more to be done at once."""
        self._told.clear()
        due = self._layouts.due() if self._automatic and not self._frozen() else None
        if due != self._due:
            self._due, self._since_s = due, self._clock.monotonic_s()
        if self._due is None or self._left_s() > 0:
            return False
        plan = await self._layouts.plan()
        if plan.nodes != self._due:
            return False
        try:
            await self._layouts.apply(system("layout"), plan)
        except Conflict as error:
            if error.details.get("reason") != Reason.LAYOUT_MOVED_ON.value:
                raise
        return False

    async def wait_for_work(self) -> None:
        """Return when ``.peers`` has changed, or when members may have settled."""
        wait_s = LAYOUT_LOOK_S if self._due is None else max(0.1, min(self._left_s(), LAYOUT_LOOK_S))
        try:
            async with asyncio.timeout(wait_s):
                await self._told.wait()
        except TimeoutError:
            pass

    def _left_s(self) -> float:
        return self._since_s + self._settle_s + self._turn() * LAYOUT_TURN_S - self._clock.monotonic_s()

    def _turn(self) -> int:
        """How many live nodes come before this one."""
        up = sorted(row.node_id for row in self._views.peers().nodes() if row.state == NodeState.UP)
        return sum(node_id < self._node_id for node_id in up)
