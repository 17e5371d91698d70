"""What people do with members, and the sealing roots of a vault of many nodes."""

import asyncio
import base64
from collections.abc import Callable

import pytest

from govault.errors import AccessDenied, Config, Conflict, InvalidRequest, NotFound
from govault.limits import SEALING_ROOT_WAIT_S_MAX
from govault.services.cluster.members import Members, ThisNode
from govault.services.cluster.membership import Membership, NodeWish, drained
from govault.services.cluster.sealing_roots import SealingRoots
from govault.storage.keyring import Keyring
from schemas.events.peers import (
    LayoutReached,
    NodeChanged,
    NodeRecovered,
    NodeRemoved,
    NodeSuspected,
    SealingRootOpened,
)
from tests.simulation.virtual_time import run_virtually
from tests.unit.domain.test_members import id_of
from tests.unit.services.cluster.peers_vault import ADMIN, PeersVault, keyring
from tests.unit.services.cluster.test_changing_layouts import layouts_of


def roots_of(vault: PeersVault, keys: Keyring) -> SealingRoots:
    return SealingRoots(vault, vault.submitter(), keys)  # type: ignore[arg-type]


def membership_of(
    vault: PeersVault, node_id: str = "this", is_drained: Callable[[str], bool] | None = None
) -> Membership:
    roots = roots_of(vault, keyring())
    return Membership(vault, vault.submitter(), roots, node_id, "kafka", is_drained)  # type: ignore[arg-type]


def members_of(vault: PeersVault, node: int) -> Members:
    this = ThisNode("v", id_of(node), "k", "me", "", "0.1", 5, ("http://me",), "kafka")
    return Members(vault, this)  # type: ignore[arg-type]


async def test_a_node_is_found_by_id_name_or_the_beginning_of_its_id() -> None:
    membership = membership_of(PeersVault(3))
    for reference in (id_of(1), "n1", id_of(1)[:6]):
        assert membership.find(reference).node_id == id_of(1)
    with pytest.raises(NotFound):
        membership.find(id_of(1)[:3])
    with pytest.raises(NotFound):
        membership.find("nobody")
    await membership.change(ADMIN, "n2", NodeWish(name="n1"))
    with pytest.raises(InvalidRequest):
        membership.find("n1")
    assert membership.find(id_of(2)).name == "n1"


async def test_things_of_a_node_are_set_and_the_rest_stays() -> None:
    membership = membership_of(PeersVault(2))
    await membership.change(ADMIN, "n1", NodeWish(zone="attic", weight=4))
    row = await membership.change(ADMIN, "n1", NodeWish(name="tower", draining=True))
    assert (row.name, row.zone, row.weight, row.draining) == ("tower", "attic", 4, True)
    for wrong in (NodeWish(weight=-1), NodeWish(weight=10**9), NodeWish(name="x" * 65), NodeWish(zone="a\nb")):
        with pytest.raises(InvalidRequest):
            await membership.change(ADMIN, "tower", wrong)


async def test_a_node_that_holds_something_is_removed_only_by_force() -> None:
    vault = PeersVault(3)
    membership = membership_of(vault)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan(replicas=2))
    with pytest.raises(Conflict) as error:
        await membership.remove(ADMIN, "n0")
    assert error.value.specific_code == "conflict.not-drained"
    removal = await membership.remove(ADMIN, "n0", force=True)
    assert (removal.node.state, removal.sealing_epoch) == ("removed", 2)
    assert "Kafka" in removal.revoke
    with pytest.raises(AccessDenied):
        await membership.change(ADMIN, id_of(0), NodeWish(weight=2))


async def test_a_drained_node_is_removed_and_the_last_one_never() -> None:
    vault = PeersVault(3)
    membership = membership_of(vault)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan(replicas=2))
    await membership.change(ADMIN, "n0", NodeWish(draining=True))
    await layouts.apply(ADMIN, await layouts.plan())
    assert not drained(vault, id_of(0))  # type: ignore[arg-type]
    for number in (1, 2):
        vault.write(LayoutReached(node_id=id_of(number), version=2))
    assert drained(vault, id_of(0))  # type: ignore[arg-type]
    await membership.remove(ADMIN, "n0")
    vault.write(NodeRemoved(node_id=id_of(1)))
    with pytest.raises(Conflict) as error:
        await membership.remove(ADMIN, "n2", force=True)
    assert error.value.specific_code == "conflict.last-node"


async def test_a_node_is_not_drained_while_all_who_take_some_of_its_slots_over_are_dead() -> None:
    vault = PeersVault(4)
    membership = membership_of(vault)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan(replicas=2))
    await membership.change(ADMIN, "n0", NodeWish(draining=True))
    await layouts.apply(ADMIN, await layouts.plan())
    for dead in (2, 3):
        incarnation = membership.find(id_of(dead)).incarnation
        for witness in (0, 1):
            said = NodeSuspected(
                node_id=id_of(dead), incarnation=incarnation, witness=id_of(witness), silence_ms=60_000
            )
            vault.write(said)
        assert membership.find(id_of(dead)).state == "dead"
    vault.write(LayoutReached(node_id=id_of(1), version=2))
    assert not drained(vault, id_of(0))  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        await membership.remove(ADMIN, "n0")
    vault.write(NodeRecovered(node_id=id_of(3), incarnation=membership.find(id_of(3)).incarnation + 1))
    vault.write(LayoutReached(node_id=id_of(3), version=2))
    # The slots that the dead one has share holders with those two.
    assert drained(vault, id_of(0))  # type: ignore[arg-type]


async def test_a_node_does_not_remove_itself() -> None:
    vault = PeersVault(3)
    membership = membership_of(vault, id_of(1), lambda node_id: True)
    with pytest.raises(Conflict) as error:
        await membership.remove(ADMIN, "n1", force=True)
    assert error.value.specific_code == "conflict.own-removal"
    assert membership.removable("n0").node.node_id == id_of(0)
    assert (await membership.remove(ADMIN, "n0")).node.state == "removed"


async def test_every_keyring_adopts_the_root_that_the_log_has() -> None:
    vault = PeersVault(2)
    here, there = keyring(), keyring()
    assert await roots_of(vault, here).open_next(ADMIN) == 2
    assert here.sealing_epoch == 2
    await roots_of(vault, there).work()
    assert there.sealing_root(2) == here.sealing_root(2)
    assert await roots_of(vault, there).open_next(ADMIN) == 3
    await roots_of(vault, here).work()
    assert here.sealing_root(3) == there.sealing_root(3)


async def test_roots_from_before_the_log_had_them_come_first() -> None:
    vault = PeersVault(1)
    keys = keyring()
    keys.rotate()
    keys.rotate()
    assert await roots_of(vault, keys).open_next(ADMIN) == 4
    other = keyring()
    await roots_of(vault, other).work()
    assert [other.sealing_root(epoch) for epoch in (2, 3, 4)] == [keys.sealing_root(epoch) for epoch in (2, 3, 4)]


async def test_the_loser_of_a_race_opens_the_next_epoch() -> None:
    vault = PeersVault(2)
    here, there = keyring(), keyring()
    wrapped = base64.b64encode(there.fresh_root(2)).decode()
    vault.before_append.append(lambda: vault.write(SealingRootOpened(epoch=2, wrapped=wrapped)) and None)
    assert await roots_of(vault, here).open_next(ADMIN) == 3
    assert here.sealing_epochs == [1, 2, 3]


async def test_a_root_that_differs_from_the_logs_is_told() -> None:
    vault = PeersVault(2)
    await roots_of(vault, keyring()).open_next(ADMIN)
    other = keyring()
    other.rotate()
    with pytest.raises(Config):
        await roots_of(vault, other).work()


async def test_whoever_waits_for_a_root_has_it_as_soon_as_the_log_does() -> None:
    vault = PeersVault(2)
    here, there = keyring(), keyring()
    roots = roots_of(vault, there)
    vault.on_peers(roots.note)
    waiting = [asyncio.create_task(roots.wait_for(2)) for _ in range(3)]
    await asyncio.sleep(0)
    await roots_of(vault, here).open_next(ADMIN)
    assert await asyncio.gather(*waiting) == [True] * 3
    assert there.sealing_root(2) == here.sealing_root(2)


def test_a_root_that_never_comes_is_waited_for_so_long_and_no_longer() -> None:
    async def work() -> None:
        vault = PeersVault(1)
        roots = roots_of(vault, keyring())
        vault.on_peers(roots.note)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asked = asyncio.create_task(roots.wait_for(2))
        await asyncio.sleep(1)
        vault.write(NodeChanged(node_id=id_of(0), zone="attic"))
        assert not await asked
        assert loop.time() - began_s == SEALING_ROOT_WAIT_S_MAX

    run_virtually(work())


async def test_members_tell_who_is_up_who_drains_and_who_is_waited_for() -> None:
    vault = PeersVault(3)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan(replicas=1))
    vault.write(NodeChanged(node_id=id_of(0), draining=True))
    await layouts.apply(ADMIN, await layouts.plan())
    vault.write(LayoutReached(node_id=id_of(1), version=2))
    members = members_of(vault, 1)
    told = {peer.node_id: peer for peer in members.peers()}
    assert (told[id_of(0)].draining, told[id_of(0)].slots, told[id_of(0)].drained) == (True, 0, False)
    assert told[id_of(1)].this_node
    assert told[id_of(1)].slots == members.slots_here() == 8192
    layout = members.layout(slots=True)
    assert [step.version for step in layout.steps] == [1, 2]
    assert layout.steps[-1].waiting_for == (id_of(2),)
    assert layout.table is not None
    assert {holder for holders in layout.table for holder in holders} == {id_of(1), id_of(2)}
    vault.write(NodeRemoved(node_id=id_of(0)))
    assert len(members.peers()) == 2
    assert {peer.state for peer in members.peers(removed=True)} == {"up", "removed"}


def test_without_a_layout_this_node_holds_everything() -> None:
    layout = members_of(PeersVault(1), 0).layout(slots=True)
    assert (layout.version, layout.holders[0].node_id, layout.holders[0].slots) == (0, id_of(0), layout.slots)
    assert layout.table is not None
    assert len(layout.table) == layout.slots
