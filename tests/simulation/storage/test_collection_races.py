"""Collection against uploads in every order: two epochs of grace lose nothing, one does. Seeds replay a run."""

from collections import Counter

import pytest

from govault.limits import EPOCHS_OF_GRACE
from govault.storage.ledger import Ledger
from tests.simulation.storage.collection_model import World, seeds_that_lose

SEEDS = range(60)


@pytest.mark.parametrize("stamps_lost", [False, True])
def test_the_grace_that_we_give_loses_nothing(stamps_lost: bool) -> None:
    assert seeds_that_lose(SEEDS, EPOCHS_OF_GRACE, stamps_lost=stamps_lost) == []


def test_one_epoch_less_loses_data() -> None:
    assert seeds_that_lose(SEEDS, EPOCHS_OF_GRACE - 1, stamps_lost=False) != []


def test_a_chunk_that_is_found_known_must_be_stamped(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_without_stamping(ledger: Ledger, cuts: list) -> list:  # type: ignore[type-arg]
        return [cut for cut in cuts if ledger.index.get(cut.chunk_id) is None]

    monkeypatch.setattr(Ledger, "_stamp_known", find_without_stamping)
    assert seeds_that_lose(SEEDS, EPOCHS_OF_GRACE, stamps_lost=False) != []


def test_lost_stamps_must_count_as_the_epoch_of_the_logs_end() -> None:
    def forget_floor(world: World) -> None:
        crash = world._crash

        def crash_without_floor() -> None:
            crash()
            world.ledger.floor = 0

        world._crash = crash_without_floor  # type: ignore[method-assign]

    assert seeds_that_lose(range(300), EPOCHS_OF_GRACE, stamps_lost=True, spoil=forget_floor) != []


def test_the_model_meets_the_cases_it_is_there_for() -> None:
    happened: Counter[str] = Counter()
    removed = 0
    for seed in SEEDS:
        world = World(seed, EPOCHS_OF_GRACE, stamps_lost=True)
        world.run(1500)
        happened += world.happened
        removed += world.removed
    assert removed > 100
    cases = ("accepted", "stale", "stored", "known", "awaited", "stored again", "door died", "crashed")
    assert {case for case in cases if happened[case] < 10} == set()


@pytest.mark.slow
def test_the_grace_that_we_give_loses_nothing_over_many_seeds() -> None:
    assert seeds_that_lose(range(1000, 1600), EPOCHS_OF_GRACE, stamps_lost=True) == []
