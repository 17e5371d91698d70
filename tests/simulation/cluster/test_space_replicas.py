"""A space's own number of replicas in a whole cluster: raised over old content, kept through a death, lowered again."""

import random

import pytest

from govault.domain.layout import placement_of, slot_of
from govault.services.cluster.layouts import LayoutWishes
from govault.services.namespace.spaces import SpaceWish
from schemas.events.files import Replication
from tests.simulation.cluster.load import SPACE, Clients, Path
from tests.simulation.cluster.node import ADMIN
from tests.simulation.cluster.slots import few_slots
from tests.simulation.cluster.test_cluster import form
from tests.simulation.cluster.vault import SimVault
from tests.simulation.virtual_time import run_virtually


def copies(vault: SimVault) -> list[int]:
    """How many living nodes have each referenced chunk."""
    return [
        sum(chunk_id in node.disk.chunks for node in vault.up())
        for chunk_id in vault.truth.referenced_chunks(b"", 10_000)
    ]


def only_holders(vault: SimVault) -> bool:
    placement = placement_of(vault.truth.peers().layouts(), "")
    return all(
        (chunk_id in node.disk.chunks) == (node.node_id in placement.holders(slot_of(chunk_id)))
        for node in vault.nodes
        for chunk_id in vault.truth.referenced_chunks(b"", 10_000)
    )


async def ask(vault: SimVault, replicas: int | None) -> None:
    running = vault.up()[0].running
    assert running is not None
    wish = SpaceWish(replication=Replication(replicas=replicas))
    await running.services.namespace.spaces.change(ADMIN, SPACE, wish, None)


async def live() -> None:
    vault = SimVault(1, nodes=4, wishes=LayoutWishes(2, 2))
    try:
        await form(vault)
        clients, rng = Clients(vault, random.Random(1)), random.Random(2)
        writer = vault.nodes[0].running
        assert writer is not None
        for number in range(8):
            await clients.write(writer, Path(f"f{number}"), rng.randbytes(60_000))
        assert clients.done == 8
        await vault.wait("two of each", lambda: only_holders(vault), 1200)
        await ask(vault, 3)
        await vault.wait("three of each", lambda: set(copies(vault)) == {3}, 90)
        victim = vault.nodes[3]
        vault.checkers.crashed.add(victim.node_id)
        await victim.kill()
        assert min(copies(vault)) == 2
        await vault.wait("three of each again", lambda: set(copies(vault)) == {3}, 300)
        await victim.start()
        await vault.wait("its own again", vault.checkers.replicas_complete, 300)
        await ask(vault, None)
        # Two epochs of grace, and no replica before.
        await vault.wait("surplus goes by epochs", lambda: only_holders(vault), 1200)
        assert vault.checkers.replicas_complete()
        for node in vault.up():
            assert node.running is not None
            vault.check_life(node.running.life)
    finally:
        await vault.close()


@pytest.mark.slow
def test_a_space_gets_keeps_and_gives_up_replicas_beyond_the_layout_s() -> None:
    with few_slots():
        run_virtually(live())
