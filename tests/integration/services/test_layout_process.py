"""Layouts computed in a child process are those computed here."""

import pytest

from govault.domain.placement import compute
from govault.domain.placement_quotas import PlacedNode
from govault.errors import GoVaultError
from govault.services.cluster.layout_process import compute_in_child
from tests.unit.domain.test_placement import as_previous, made


async def test_a_child_computes_the_same_layout() -> None:
    nodes = made(6, (1, 2), 3)
    before = compute(nodes, 3)
    assert await compute_in_child(nodes, 3, None) == before
    after = [*nodes[1:], PlacedNode("f" * 64, 3, "attic")]
    assert await compute_in_child(after, 3, as_previous(before)) == compute(after, 3, as_previous(before))


async def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(GoVaultError, match="computing a layout failed"):
        await compute_in_child([], 3, None)
