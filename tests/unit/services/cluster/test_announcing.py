"""A node tells the log where it is reached once that has changed for good."""

from govault.services.cluster.announcing import Addresses, Announcer
from schemas.events.peers import NodeMoved, NodeRemoved, NodeStarted
from tests.unit.domain.test_members import id_of
from tests.unit.services.cluster.peers_vault import PeersVault

HERE = Addresses(("http://here",), ("here:1",))
THERE = Addresses(("http://there",), ("there:1", "192.0.2.7:1"))


class Place:
    """Where the node is, as its looks find it."""

    def __init__(self, at: Addresses) -> None:
        self.at = at

    async def __call__(self) -> Addresses:
        return self.at


def announcer_of(vault: PeersVault, place: Place) -> Announcer:
    vault.write(NodeStarted(node_id=id_of(1), version="1", addresses=HERE.for_clients, peer_addresses=HERE.for_peers))
    return Announcer(vault, vault.submitter(), id_of(1), place)  # type: ignore[arg-type]


async def test_who_stays_where_the_log_says_writes_nothing() -> None:
    vault = PeersVault(2)
    announcer = announcer_of(vault, Place(HERE))
    for _ in range(3):
        await announcer.work()
    assert vault.appended == []


async def test_who_is_elsewhere_for_two_looks_says_so_once() -> None:
    vault, place = PeersVault(2), Place(HERE)
    announcer = announcer_of(vault, place)
    await announcer.work()
    place.at = THERE
    await announcer.work()
    assert vault.appended == []
    for _ in range(3):
        await announcer.work()
    assert vault.appended == [NodeMoved(node_id=id_of(1), addresses=THERE.for_clients, peer_addresses=THERE.for_peers)]
    row = vault.peers().node(id_of(1))
    assert row is not None
    assert (row.addresses, row.peer_addresses) == THERE


async def test_a_name_that_is_gone_for_a_moment_is_not_announced() -> None:
    vault, place = PeersVault(2), Place(HERE)
    announcer = announcer_of(vault, place)
    for at in (HERE, THERE, HERE, THERE, HERE):
        place.at = at
        await announcer.work()
    assert vault.appended == []


async def test_a_removed_node_announces_nothing() -> None:
    vault = PeersVault(2)
    announcer = announcer_of(vault, Place(THERE))
    vault.write(NodeRemoved(node_id=id_of(1)))
    for _ in range(3):
        await announcer.work()
    assert vault.appended == []
