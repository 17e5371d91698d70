"""A simulated cluster: its nodes, its log and network, what its clients were promised, and who checks."""

import asyncio
import hashlib
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from govault.domain.actor import system
from govault.services.cluster.layouts import LayoutWishes
from govault.storage.keyring import Keyring
from schemas.envelope import Event
from schemas.events.base import EventData
from schemas.events.peers import JoinTokenIssued, NodeChanged
from schemas.ids import new_event_id
from schemas.topics import FOLDED_TOPICS
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews
from tests.simulation.cluster.checkers import Broken, Checkers
from tests.simulation.cluster.life import Life
from tests.simulation.cluster.log import SimLog
from tests.simulation.cluster.network import Network
from tests.simulation.cluster.node import SimNode, scratch

FILES_PARTITIONS = 2
_FOR_EVER_MS = 10**14


class SimVault:
    """Made by ``open_sim``; everything random in it comes from the seed."""

    def __init__(self, seed: int, nodes: int, zones: int = 1, wishes: LayoutWishes | None = None) -> None:
        self.seed = seed
        self.rng = random.Random(f"vault {seed}")
        # Goes by itself, too, where a run is broken off before ``close``.
        self._scratch = tempfile.TemporaryDirectory(prefix="govault-sim-", dir=scratch(), ignore_cleanup_errors=True)
        self.folder = Path(self._scratch.name)
        self.mac_key = b"m" * 32
        self.keyring = Keyring(b"r" * 32)
        self.identity = VaultIdentity("sim", FILES_PARTITIONS, FoldKeys(self.mac_key, b"d" * 32))
        self.wishes = wishes or LayoutWishes(3, 2)
        self.network = Network(random.Random(f"network {seed}"))
        self.truth = RocksViews(Generation(self.folder / "truth", self.identity), self.identity)
        self.checkers = Checkers(self)
        self.log = SimLog(FILES_PARTITIONS, self.mac_key, random.Random(f"log {seed}"), on_append=self._appended)
        self._zones = zones
        self.nodes = [SimNode(self, number) for number in range(nodes)]

    def _appended(self, event: Event) -> None:
        place = next(reversed(self.log.events))[0]
        if place.topic in FOLDED_TOPICS:
            self.truth.fold(self.log.records[place.topic, place.partition][place.offset])
            self.checkers.appended(event, place)

    def zone_of(self, number: int) -> str:
        """The zone of a node."""
        return f"z{number % self._zones}" if self._zones > 1 else ""

    def token_hash(self, number: int) -> str:
        """The join token of a node; written to the log when it is first asked for."""
        token = hashlib.sha256(b"token %d" % number).hexdigest()
        if self.truth.peers().join_token(token) is None and self.truth.nodes():
            self._write(JoinTokenIssued(token_hash=token, expires_ms=_FOR_EVER_MS), token)
        return token

    def _write(self, data: EventData, subject: str) -> None:
        """An event that comes from no node of the simulation: from people, through whichever."""
        event_id = new_event_id(0, hashlib.sha256(repr(data).encode()).digest()[:10])
        self.log.write(Event(event_id, data, system("sim").name, "/sim", 0, subject), 0)

    def change_node(self, node: SimNode, *, draining: bool) -> None:
        """What people ask of a node; it waits for no answer."""
        self._write(NodeChanged(node_id=node.node_id, draining=draining), node.node_id)

    def add_node(self) -> SimNode:
        """One node more; it has not started."""
        node = SimNode(self, len(self.nodes))
        self.nodes.append(node)
        return node

    def up(self) -> list[SimNode]:
        """The nodes that run."""
        return [node for node in self.nodes if node.running is not None]

    def check_life(self, life: Life) -> None:
        """A node may crash when told to, and not otherwise; nothing it does may break what must hold.

        Raises:
            Broken: One of its tasks broke, or a checker has found something.
        """
        if self.checkers.broken is not None:
            raise self.checkers.broken
        if life.broken is not None:
            raise Broken(f"{life.name} broke: {life.broken!r}") from life.broken

    async def wait(self, what: str, holds: Callable[[], bool], timeout_s: float) -> None:
        """Return when something holds.

        Raises:
            Broken: Not in time, or a node broke meanwhile.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        while not holds():
            for node in self.up():
                assert node.running is not None
                self.check_life(node.running.life)
            if loop.time() > until_s:
                raise Broken(f"not within {timeout_s:g} s: {what}")
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        """Everybody stops, and the folders go, whatever else is wrong."""
        try:
            for node in self.up():
                await node.kill()
        finally:
            for node in self.up():
                assert node.running is not None
                node.running.views.close()
            self.truth.close()
            self._scratch.cleanup()
