"""Who reads and writes while a node is filled again waits hardly longer than otherwise: repair keeps to its budget."""

import pytest

from govault.limits import MIB
from govault.services.healing.assembly import HealingSettings
from govault.services.healing.budget import ByteBudget
from tests.simulation.healing.foreground import Found, measure, quantile
from tests.simulation.virtual_time import run_virtually

LOST_BYTES = 192 * MIB
LONGER_MAX = 0.2


def longer(found: Found, of: str) -> float:
    """By what share p99 is above what it is without repair."""
    quiet: list[float] = getattr(found.quiet, of)
    repairing: list[float] = getattr(found.repairing, of)
    return quantile(repairing, 0.99) / quantile(quiet, 0.99) - 1


def test_p99_of_requests_grows_by_a_fifth_at_most_while_a_node_is_filled_at_the_default_budget() -> None:
    found = run_virtually(measure(1, lost_bytes=LOST_BYTES))
    assert longer(found, "reads") <= LONGER_MAX
    assert longer(found, "writes") <= LONGER_MAX
    # It is no rest that they profit from.
    assert found.repaired_bytes / found.repair_s > 0.8 * HealingSettings().repair_bytes_per_s


def test_a_repair_that_keeps_to_no_budget_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def take_at_once(budget: ByteBudget, size_bytes: int) -> None:
        """As if there were always room."""

    monkeypatch.setattr(ByteBudget, "take", take_at_once)
    found = run_virtually(measure(1, lost_bytes=LOST_BYTES))
    assert max(longer(found, "reads"), longer(found, "writes")) > 2 * LONGER_MAX
