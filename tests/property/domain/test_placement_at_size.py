"""Layouts of few and of a hundred nodes: balance and movement."""

import pytest

from govault.domain.placement import compute
from tests.unit.domain.test_placement import (
    WEIGHTS,
    assert_little_moves,
    assert_sound,
    balance,
    following,
    made,
    movement,
)


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_a_hundred_nodes_share_out_by_weight(weights: tuple[int, ...]) -> None:
    computed = compute(made(100, weights), 3)
    assert_sound(computed, 3)
    assert balance(computed) <= 1.05


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("count", [4, 100])
@pytest.mark.parametrize(("zones", "allowed"), [(0, 1.3), (5, 2.0)], ids=["no zones", "zones"])
def test_little_moves(count: int, weights: tuple[int, ...], zones: int, allowed: float) -> None:
    assert_little_moves(count, weights, zones, allowed)


def test_a_vault_grows_and_shrinks_without_moving_more_than_it_must() -> None:
    before = compute(made(1), 3)
    for count in (2, 3, 4, 10, 100, 99, 10):
        after = following(made(count), before)
        assert_sound(after, 3)
        assert balance(after) <= 1.05
        assert movement(before, after) <= 1.01
        before = after
    for count in (3, 2, 1):
        before = following(made(count), before)
        assert_sound(before, 3)
