"""The simulation bites: each planted fault is caught, by the checker whose name says what it broke."""

from collections.abc import Callable
from typing import Any

import pytest

from govault.services.replicas.placing import Placing
from tests.simulation.cluster import test_cluster
from tests.simulation.cluster.checkers import Broken
from tests.simulation.cluster.faults import Faults
from tests.simulation.cluster.store import SimStore
from tests.simulation.virtual_time import run_virtually

Plant = Callable[[pytest.MonkeyPatch], None]


async def _nothing(*_: Any, **__: Any) -> None:
    return None


def syncs_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says it has synced and has not."""
    monkeypatch.setattr(SimStore, "sync", _nothing)


def writes_wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit goes out while its chunks are on one node only."""
    monkeypatch.setattr(Placing, "make_safe", _nothing)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "checker"),
    [
        (syncs_do_nothing, "durable_before_referenced"),
        (writes_wait_for_nobody, "durable_before_referenced"),
    ],
)
def test_a_planted_fault_is_caught(plant: Plant, checker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(Broken) as caught:
        _live_some()
    assert checker in str(caught.value) + str(caught.value.__cause__)


def _live_some() -> None:
    for seed in range(3):
        run_virtually(test_cluster.live(seed, Faults(destructive=False)))
