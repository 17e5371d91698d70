"""The simulation bites: each planted fault is caught, by the checker whose name says what it broke."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from govault.limits import EPOCHS_OF_GRACE
from govault.ports import StampedChunk
from govault.services.contents.commits import Commits
from govault.services.healing.notices import Notices
from govault.services.healing.surplus import Surplus
from govault.services.replicas.placing import Placing
from govault.services.replicas.serving import ReplicaService
from streams.views.views import RocksViews
from tests.simulation.cluster import test_cluster
from tests.simulation.cluster.checkers import Broken
from tests.simulation.cluster.faults import Faults
from tests.simulation.cluster.load import Clients, Path
from tests.simulation.cluster.node import COLLECTION_PERIOD_S
from tests.simulation.cluster.slots import few_slots
from tests.simulation.cluster.store import SimStore
from tests.simulation.cluster.vault import SimVault
from tests.simulation.virtual_time import run_virtually

Plant = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[SimVault], Awaitable[None]]


async def _nothing(*_: Any, **__: Any) -> None:
    return None


def syncs_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says it has synced and has not."""
    monkeypatch.setattr(SimStore, "sync", _nothing)


def writes_wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit goes out while its chunks are on one node only."""
    monkeypatch.setattr(Placing, "make_safe", _nothing)


def peers_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers confirm what they do not hold, and say that they stored what they threw away."""

    async def all_here(*_: Any, **__: Any) -> list[bytes]:
        return []

    monkeypatch.setattr(ReplicaService, "confirm", all_here)
    monkeypatch.setattr(ReplicaService, "store", _nothing)


def holders_do_not_complete_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a holder misses of a commit is left to the next walk over its slots."""
    monkeypatch.setattr(Notices, "referenced", lambda *_: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "checker"),
    [
        (syncs_do_nothing, "durable_before_referenced"),
        (writes_wait_for_nobody, "durable_before_referenced"),
        (peers_lie, "durable_before_referenced"),
        (holders_do_not_complete_themselves, "holders_complete_themselves"),
    ],
)
def test_a_planted_fault_is_caught(plant: Plant, checker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(Broken) as caught:
        _live_some()
    assert checker in str(caught.value) + str(caught.value.__cause__)


def _live_some() -> None:
    for seed in range(3):
        run_virtually(test_cluster.live(seed, Faults(destructive=False, changing=False)))


# --- faults that need their own moment: each passes without what is planted -------------------------------------


async def one_sees_nobody(vault: SimVault) -> None:
    """A node is cut off from all peers, and another from the log: only the first can take the second for dead."""
    lonely, silent, third = (node.node_id for node in vault.nodes)
    vault.network.split([lonely], [silent, third])
    vault.log.unreachable.add(silent)
    await pass_by(vault, 40.0)


def one_witness_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node is dead as soon as one other says so."""
    monkeypatch.setattr("govault.domain.apply_failures._WITNESSES_MAX", 1)


async def a_new_holder_forgets(vault: SimVault) -> None:
    """A node joined and has its slots; before those that had them let go, it loses whatever it has, again and again."""
    clients = Clients(vault, random.Random(1))
    writer = vault.nodes[0].running
    assert writer is not None
    for number in range(8):
        await clients.write(writer, Path(f"f{number}"), random.Random(number).randbytes(50_000))
    newest = vault.add_node()
    await newest.start()
    layouts = vault.truth.peers().layouts
    await vault.wait("a layout of four", lambda: len(layouts()) == 1 and len(layouts()[0].node_ids) == 4, 300)
    assert newest.running is not None
    for _ in range(int(6 * COLLECTION_PERIOD_S)):
        newest.running.local.lose_everything()
        await pass_by(vault, 1.0)


def surplus_goes_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to others is let go without their word that they have it."""

    async def all_of_it(_: Surplus, chunks: Sequence[StampedChunk], __: int) -> list[bytes]:
        return [chunk.chunk_id for chunk in chunks]

    monkeypatch.setattr(Surplus, "droppable", all_of_it)


async def a_commit_is_late(vault: SimVault) -> None:
    """Chunks are stored, an epoch opens, everybody collects, and only then the commit reaches the log."""
    commit = Commits.commit

    def epoch(views: RocksViews) -> int:
        return min(views.partition_row(partition).epoch for partition in views.partitions())

    async def late(self: Commits, *args: Any, **kwargs: Any) -> Any:
        begun = epoch(vault.truth)
        for node in vault.nodes:
            running = node.running
            assert running is not None
            await vault.wait("the next epoch", lambda views=running.views: epoch(views) > begun, 300)  # type: ignore[misc]
            await running.collector.collect_gently(0.5)
        return await commit(self, *args, **kwargs)

    # An epoch or two behind them, nodes know their stamps.
    await pass_by(vault, 4 * COLLECTION_PERIOD_S)
    writer = vault.nodes[0].running
    assert writer is not None
    clients = Clients(vault, random.Random(1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Commits, "commit", late)
        await clients.write(writer, Path("f"), b"late " * 10_000)
    assert clients.done == 1, "the commit counts"


def one_epoch_of_grace_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk goes when one epoch has gone by since it was stamped."""
    monkeypatch.setattr("govault.services.maintenance.collection.EPOCHS_OF_GRACE", EPOCHS_OF_GRACE - 1)


async def pass_by(vault: SimVault, seconds: float) -> None:
    """Let so much time pass; what breaks meanwhile is raised."""
    until_s = asyncio.get_running_loop().time() + seconds
    await vault.wait("time", lambda: asyncio.get_running_loop().time() >= until_s, seconds + 5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "plant", "checker"),
    [
        (one_sees_nobody, one_witness_is_enough, "no_false_death"),
        (a_commit_is_late, one_epoch_of_grace_is_missing, "durable_before_referenced"),
        (a_new_holder_forgets, surplus_goes_without_asking, "nothing_referenced_removed"),
    ],
)
def test_a_fault_planted_into_its_moment_is_caught(
    scenario: Scenario, plant: Plant, checker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_virtually(_through(scenario))
    plant(monkeypatch)
    with pytest.raises(Broken) as caught:
        run_virtually(_through(scenario))
    assert checker in str(caught.value) + str(caught.value.__cause__)


async def _through(scenario: Scenario) -> None:
    with few_slots():
        vault = SimVault(1, nodes=3)
        try:
            await test_cluster.form(vault)
            await scenario(vault)
        finally:
            await vault.close()
