"""A folded ``.peers`` that services write to: a log in memory whose events are judged and folded at once."""

from collections.abc import Callable

from govault.domain.actor import Actor
from govault.domain.memory_state import MemoryPeers
from govault.domain.position import Outcome, Position
from govault.domain.rows import NodeRow, OutcomeRow
from govault.services.log.submit import Submitter
from govault.storage.keyring import Keyring
from schemas.envelope import Event
from schemas.events import EventData
from schemas.topics import Topic
from tests.fakes.world import FakeClock, SeededRandomness
from tests.unit.domain.test_members import vault_of, write

ADMIN = Actor("admin", ("admin",))


class PeersVault:
    """The parts of ``Views``, ``ViewsMaintenance`` and ``EventLog`` that services of members ask.

    Attributes:
        appended: Events that services wrote.
        before_append: Called before each append: another node that is faster.
    """

    def __init__(self, nodes: int) -> None:
        self.folded = vault_of(nodes)
        self.appended: list[EventData] = []
        self.before_append: list[Callable[[], None]] = []
        self.told: list[Callable[[], None]] = []
        self.clock = FakeClock()
        self.randomness = SeededRandomness()
        self._outcomes: dict[str, Outcome] = {}

    def peers(self) -> MemoryPeers:
        return self.folded

    def nodes(self) -> list[NodeRow]:
        return list(self.folded.nodes())

    def on_peers(self, callback: Callable[[], None]) -> None:
        self.told.append(callback)

    def find_outcome(self, event_id: str) -> OutcomeRow | None:
        return None

    def write(self, data: EventData) -> Outcome:
        """As another node would."""
        outcome = write(self.folded, data)
        assert outcome.reason == ""
        self._tell()
        return outcome

    async def append(self, event: Event, partition: int) -> Position:
        if self.before_append:
            self.before_append.pop(0)()
        offset = self.folded.applied + 1
        applied = self.folded.apply(event, offset, 1000 + offset)
        assert applied is not None
        self._outcomes[event.id] = applied.outcome
        self.appended.append(event.data)
        self._tell()
        return Position(Topic.PEERS, partition, offset)

    async def wait_outcome(self, position: Position, event_id: str, timeout_s: float) -> Outcome:
        return self._outcomes[event_id]

    def submitter(self) -> Submitter:
        return Submitter(self, self, self.clock, self.randomness, "/vaults/v/nodes/n")  # type: ignore[arg-type]

    def _tell(self) -> None:
        for callback in self.told:
            callback()


def keyring() -> Keyring:
    """A keyring of the vault's root secret."""
    return Keyring(b"r" * 32)
