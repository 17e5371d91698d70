"""Sealing roots of a vault of many nodes: opened on the log, adopted by every node's keyring.

The log decides which root an epoch has. Roots that a node opened before they went through the log are told to it first,
so that an epoch never has two.
"""

import asyncio
import base64

from govault.domain.actor import Actor, system
from govault.domain.reasons import Reason
from govault.errors import Config, Conflict
from govault.limits import SEALING_ROOT_WAIT_S_MAX, SEALING_ROOTS_LOOK_S
from govault.ports import KeyCustody, Views
from govault.services.log.submit import Submitter
from schemas.events.peers import SealingRootOpened

FIRST_OPENED_EPOCH = 2
_PARTITION = 0
_SUBJECT = "sealing-root"
_RACES_MAX = 5


class SealingRoots:
    """Opens sealing epochs and brings the keyring after the log. Also a worker: ``sealing-roots``."""

    name = "sealing-roots"

    def __init__(self, views: Views, submitter: Submitter, keys: KeyCustody) -> None:
        self._views = views
        self._submitter = submitter
        self._keys = keys
        self._told = asyncio.Event()
        self._changed = asyncio.Event()
        self._followed: set[int] = set()

    def note(self) -> None:
        """Look now: ``.peers`` has changed (``ViewsMaintenance.on_peers``)."""
        self._told.set()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def wait_for(self, epoch: int) -> bool:
        """Whether this keyring has the root of an epoch, at once or SEALING_ROOT_WAIT_S_MAX later.

        Another node's chunk may be here before the folded log has what it was sealed under.

        Raises:
            Config: See ``follow``.
        """
        try:
            async with asyncio.timeout(SEALING_ROOT_WAIT_S_MAX):
                while True:
                    changed = self._changed
                    await self._adopt()
                    if epoch in self._keys.sealing_epochs:
                        return True
                    await changed.wait()
        except TimeoutError:
            return False

    async def open_next(self, actor: Actor) -> int:
        """Seal new chunks under a fresh root, on every node; the epoch's number. This node's keyring has it then.

        Raises:
            Config: The keyring lost roots that it does not know the numbers of.
            Conflict: Others open epochs faster than this node can.
        """
        if self._keys.roots_may_be_missing:
            raise Config("the keyring lost its sealing roots; start the node once, it learns them from the packs")
        await self.follow()
        for attempt in range(_RACES_MAX):
            epoch = self._known() + 1
            wrapped = await asyncio.to_thread(self._keys.fresh_root, epoch)
            opened = await self._open(actor, epoch, wrapped, f"epoch-{attempt}")
            if opened is not None:
                await self.follow()
                return opened
        raise Conflict("other nodes open sealing epochs at the same time; ask again", code="conflict.epoch-not-next")

    async def follow(self) -> None:
        """Adopt what the log knows and this keyring does not, and the other way round. Cheap where all is known.

        Raises:
            Config: The log has a root that is not of this vault, or another one than this keyring.
        """
        await self._adopt()
        for epoch in self._keys.sealing_epochs:
            own = self._keys.wrapped_root(epoch)
            if own is not None and epoch == self._known() + 1:
                await self._open(system(self.name), epoch, own, "")

    async def _adopt(self) -> None:
        for row in self._views.peers().sealing_roots():
            if row.epoch not in self._followed:
                wrapped = base64.b64decode(row.wrapped)
                if not await asyncio.to_thread(self._keys.adopt_root, row.epoch, wrapped):
                    raise Config(
                        f"sealing root {row.epoch} on the log is none of this vault's root secret, or another one than "
                        "this node's keyring has; do not let the node seal under it, and restore its keys folder"
                    )
                self._followed.add(row.epoch)

    async def work(self) -> bool:
        """Follow the log once."""
        self._told.clear()
        await self.follow()
        return False

    async def wait_for_work(self) -> None:
        """Return when ``.peers`` has changed, or a while later."""
        try:
            async with asyncio.timeout(SEALING_ROOTS_LOOK_S):
                await self._told.wait()
        except TimeoutError:
            pass

    def _known(self) -> int:
        roots = self._views.peers().sealing_roots()
        return roots[-1].epoch if roots else FIRST_OPENED_EPOCH - 1

    async def _open(self, actor: Actor, epoch: int, wrapped: bytes, step: str) -> int | None:
        """The epoch that has this root now; None where another node was first."""
        event = SealingRootOpened(epoch=epoch, wrapped=base64.b64encode(wrapped).decode())
        try:
            outcome = await self._submitter.submit(actor, event, _PARTITION, subject=_SUBJECT, step=step)
        except Conflict as error:
            if error.details.get("reason") != Reason.EPOCH_NOT_NEXT.value:
                raise
            await self.follow()
            return None
        opened = outcome.fact("epoch")
        assert isinstance(opened, int)
        return opened
