"""Over random histories the log refuses exactly what a naive recount says does not fit, and counts exactly."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govault.domain.memory_state import MemoryPartition
from govault.domain.position import Outcome, Verdict
from govault.domain.reasons import Reason
from govault.domain.rows import Delete, FileRow
from govault.domain.space_rows import SpaceQuotaRow
from schemas.envelope import Event
from tests.property.domain.quota_histories import QuotaHistoryWriter
from tests.unit.domain.recount import check_partition, contents

RANDOMS = st.randoms(use_true_random=False)
CHECKED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def held(state: MemoryPartition, space_id: str) -> tuple[int, int]:
    """(bytes, files) of a space, recounted from its rows."""
    sizes = [content.size_bytes for of, content in contents(state) if of == space_id]
    return sum(sizes), sum(row.space_id == space_id for row in state.rows(FileRow))


def folded(before: MemoryPartition, event: Event, offset: int, time_ms: int) -> tuple[MemoryPartition, Outcome]:
    after = before.copy()
    applied = after.apply(event, offset, time_ms)
    assert applied is not None
    return after, applied.outcome


def expects_refusal(before: MemoryPartition, event: Event, offset: int, time_ms: int) -> bool:
    """Whether a space that nothing bounds takes the event, and holds more of something afterwards than the quota."""
    space_id = getattr(event.data, "space_id", "")
    quota = before.space_quota(space_id)
    if quota is None or before.outcome(event.id) is not None:
        return False
    unbounded = before.copy()
    unbounded.fold([Delete(row) for row in before.rows(SpaceQuotaRow)])
    after, _ = folded(unbounded, event, offset, time_ms)
    sides = zip(held(before, space_id), held(after, space_id), (quota.bytes_max, quota.files_max), strict=True)
    return any(most is not None and now > then and now > most for then, now, most in sides)


@given(RANDOMS, st.integers(20, 120))
@CHECKED
def test_what_is_refused_is_what_a_recount_says_does_not_fit(rng: Random, events: int) -> None:
    writer = QuotaHistoryWriter(rng)
    for _ in range(events):
        before = writer.state.copy()
        event = writer.step()
        offset, time_ms, _ = writer.log[-1]
        after, outcome = folded(before, event, offset, max(time_ms, before.vault_time_ms))
        refused = outcome.verdict is Verdict.REFUSED and outcome.reason == Reason.QUOTA_EXCEEDED.value
        if before.outcome(event.id) is None:
            assert refused == expects_refusal(before, event, offset, time_ms)
        if refused:
            assert held(after, event.subject) == held(before, event.subject)
        for space_id in {row.space_id for row in after.rows(SpaceQuotaRow)}:
            totals = after.totals(space_id)
            assert (totals.logical_bytes, totals.files) == held(after, space_id)
    check_partition(writer.state)


def test_histories_meet_their_quotas() -> None:
    writer = QuotaHistoryWriter(Random(3))
    reasons = set()
    for _ in range(400):
        before = writer.state.copy()
        event = writer.step()
        offset, time_ms, _ = writer.log[-1]
        _, outcome = folded(before, event, offset, time_ms)
        reasons |= {(outcome.reason, outcome.fact("limit"))} if outcome.reason == "quota-exceeded" else set()
    assert reasons == {("quota-exceeded", "bytes"), ("quota-exceeded", "files")}
