"""Layouts that follow members: what is planned, what is put in force, and when that happens by itself."""

from collections.abc import Sequence

import pytest

from govault.domain.layout import placement_of
from govault.domain.placement import Computed, Previous, compute
from govault.domain.placement_quotas import PlacedNode
from govault.errors import Conflict, InvalidRequest
from govault.limits import LAYOUT_SETTLE_S, LAYOUT_TURN_S, SLOTS
from govault.services.cluster.layout_worker import LayoutWorker
from govault.services.cluster.layouts import LayoutPlan, Layouts, LayoutWishes, slot_bytes_by
from schemas.events.peers import JoinTokenIssued, LayoutChanged, NodeAdmitted, NodeChanged, NodeRemoved
from tests.unit.domain.test_members import HASH, id_of, key_of
from tests.unit.services.cluster.peers_vault import ADMIN, PeersVault


async def compute_here(nodes: Sequence[PlacedNode], replicas: int, previous: Previous | None) -> Computed:
    return compute(nodes, replicas, previous)


async def ten_bytes() -> int:
    return 10


def layouts_of(vault: PeersVault, wishes: LayoutWishes | None = None) -> Layouts:
    return Layouts(vault, vault.submitter(), wishes or LayoutWishes(), ten_bytes, compute_here)  # type: ignore[arg-type]


def worker_of(vault: PeersVault, layouts: Layouts, node: int, *, automatic: bool = True) -> LayoutWorker:
    worker = LayoutWorker(layouts, vault, vault.clock, id_of(node), automatic=automatic)  # type: ignore[arg-type]
    vault.on_peers(worker.note)
    return worker


def versions(vault: PeersVault) -> list[int]:
    return [row.version for row in vault.folded.layouts()]


async def test_the_first_layout_has_the_configured_replicas_and_gives_every_slot() -> None:
    vault = PeersVault(4)
    layouts = layouts_of(vault)
    plan = await layouts.plan()
    assert (plan.base_version, plan.replicas, plan.write_quorum, plan.changed) == (0, 3, 2, True)
    assert (plan.slots_moved, plan.bytes_moved) == (3 * SLOTS, 30 * SLOTS)
    assert await layouts.apply(ADMIN, plan) == 1
    placement = placement_of(vault.folded.layouts(), "me")
    assert len(set(placement.holders(0))) == 3
    assert not (await layouts.plan()).changed


@pytest.mark.parametrize(("replicas", "quorum"), [(1, 1), (2, 2), (3, 2), (5, 2)])
async def test_a_write_quorum_is_never_more_than_the_replicas(replicas: int, quorum: int) -> None:
    layouts = layouts_of(PeersVault(5), LayoutWishes(replicas, 2))
    assert (await layouts.plan()).write_quorum == quorum
    assert (await layouts_of(PeersVault(5)).plan(replicas=replicas)).write_quorum == quorum


async def test_the_next_layout_wants_what_the_newest_has() -> None:
    vault = PeersVault(4)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan(replicas=2, write_quorum=1))
    plan = await layouts.plan()
    assert (plan.base_version, plan.replicas, plan.write_quorum) == (1, 2, 1)
    for replicas, quorum in ((0, None), (17, None), (2, 3), (2, 0)):
        if replicas == 0:
            assert (await layouts.plan(replicas, quorum)).replicas == 2
            continue
        with pytest.raises(InvalidRequest):
            await layouts.plan(replicas, quorum)


async def test_a_plan_over_a_layout_that_moved_on_is_refused() -> None:
    vault = PeersVault(3)
    layouts = layouts_of(vault)
    first, second = await layouts.plan(), await layouts.plan()
    await layouts.apply(ADMIN, first)
    with pytest.raises(Conflict) as error:
        await layouts.apply(ADMIN, second)
    assert error.value.specific_code == "conflict.layout-moved-on"
    with pytest.raises(Conflict) as error:
        await layouts.apply_planned(ADMIN, first.plan_id, None, None)
    assert error.value.specific_code == "conflict.layout-moved-on"
    third = await layouts.plan(replicas=1)
    assert await layouts.apply_planned(ADMIN, third.plan_id, 1, None) == 2


async def test_weights_zones_and_draining_make_the_next_layout() -> None:
    vault = PeersVault(4)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan(replicas=1))
    vault.write(NodeChanged(node_id=id_of(0), draining=True))
    vault.write(NodeChanged(node_id=id_of(1), weight=0))
    vault.write(NodeChanged(node_id=id_of(2), weight=3, zone="attic"))
    plan = await layouts.plan()
    assert plan.nodes == tuple(sorted([PlacedNode(id_of(2), 3, "attic"), PlacedNode(id_of(3), 1, "")], key=by_id))
    told = {shift.node_id: shift for shift in plan.shifts}
    assert told[id_of(2)].slots_after == SLOTS * 3 // 4
    assert (told[id_of(0)].slots_after, told[id_of(0)].slots_lost) == (0, SLOTS // 4)
    for number in (2, 3):
        vault.write(NodeChanged(node_id=id_of(number), draining=True))
    with pytest.raises(Conflict) as error:
        await layouts.plan()
    assert error.value.specific_code == "conflict.no-node-to-hold"


def by_id(node: PlacedNode) -> str:
    return node.node_id


async def test_a_vault_of_one_needs_no_layout_not_even_when_a_second_node_is_admitted() -> None:
    vault = PeersVault(1)
    layouts = layouts_of(vault)
    assert layouts.due() is None
    await tell_of_admission(vault)
    assert layouts.due() is None, "it never ran"


async def tell_of_admission(vault: PeersVault) -> None:
    vault.write(JoinTokenIssued(token_hash=HASH, expires_ms=10**12))
    vault.write(NodeAdmitted(node_id=id_of(9), public_key=key_of(9), name="n9", token_hash=HASH))


async def test_a_layout_follows_by_itself_once_members_have_settled() -> None:
    vault = PeersVault(3)
    first = min(range(3), key=id_of)
    worker = worker_of(vault, layouts_of(vault), first)
    assert not await worker.work()
    vault.clock.advance(LAYOUT_SETTLE_S - 1)
    await worker.work()
    assert versions(vault) == []
    vault.write(NodeChanged(node_id=id_of(0), weight=2))
    vault.clock.advance(2)
    await worker.work()
    assert versions(vault) == [], "members have changed meanwhile"
    vault.clock.advance(LAYOUT_SETTLE_S)
    await worker.work()
    assert versions(vault) == [1]
    vault.clock.advance(10 * LAYOUT_SETTLE_S)
    await worker.work()
    assert versions(vault) == [1]


async def test_a_removed_node_leaves_the_next_layout() -> None:
    vault = PeersVault(4)
    layouts = layouts_of(vault)
    await layouts.apply(ADMIN, await layouts.plan())
    vault.write(NodeRemoved(node_id=id_of(0)))
    worker = worker_of(vault, layouts, min(range(1, 4), key=id_of))
    await worker.work()
    vault.clock.advance(LAYOUT_SETTLE_S)
    await worker.work()
    assert id_of(0) not in vault.folded.layouts()[-1].node_ids


async def test_nodes_propose_in_turn_and_the_loser_of_a_race_is_content() -> None:
    vault = PeersVault(2)
    late = max(range(2), key=id_of)
    layouts = layouts_of(vault)
    worker = worker_of(vault, layouts, late)
    await worker.work()
    vault.clock.advance(LAYOUT_SETTLE_S)
    await worker.work()
    assert versions(vault) == []
    vault.clock.advance(LAYOUT_TURN_S)
    plan = await layouts.plan()
    vault.before_append.append(lambda: vault.write(_event_of(plan)) and None)
    await worker.work()
    assert [type(data) for data in vault.appended] == [LayoutChanged]
    assert versions(vault) == [1]


def _event_of(plan: LayoutPlan) -> LayoutChanged:
    return LayoutChanged(
        base_version=plan.base_version,
        replicas=plan.replicas,
        write_quorum=plan.write_quorum,
        node_ids=tuple(node.node_id for node in plan.nodes),
        table=plan.table,
        weights=tuple(node.weight for node in plan.nodes),
        zones=tuple(node.zone for node in plan.nodes),
    )


async def test_nothing_changes_by_itself_where_people_change_layouts() -> None:
    vault = PeersVault(3)
    worker = worker_of(vault, layouts_of(vault), 0, automatic=False)
    await worker.work()
    vault.clock.advance(100)
    await worker.work()
    assert versions(vault) == []


def test_a_slot_holds_what_the_node_stores_by_its_slots() -> None:
    assert slot_bytes_by(1000, 100) == 10
    assert slot_bytes_by(SLOTS * 7, 0) == 7
