"""Links and what is granted to them, after any history."""

from collections import Counter
from random import Random

from govault.domain.memory_state import MemoryPartition
from govault.domain.rows import AccessRow, SharesRow
from tests.property.domain.access_histories import ShareHistoryWriter
from tests.unit.domain.recount import check_partition


def test_links_that_read_are_what_reading_is_granted_to_and_go_with_what_they_lead_to() -> None:
    met: Counter[str] = Counter()
    for seed in range(6):
        check_links(ShareHistoryWriter(Random(seed)), met)
    for kind in ("ShareCreated", "ShareRevoked", "ShareUsed"):
        assert met[f"{kind} accepted"] > 5


def check_links(writer: ShareHistoryWriter, met: Counter[str]) -> None:
    for _ in range(500):
        event = writer.step()
        row = writer.state.outcome(event.id)
        assert row is not None
        met[f"{type(event.data).__name__} {row.verdict}"] += 1
        shares = {share.target_id: share for share in writer.state.rows(SharesRow)}
        for target_id, held in shares.items():
            assert writer.state.entity(target_id) is not None
            assert len({one.share_id for one in held.shares}) == len(held.shares)
        granted = {
            (access.target_id, principal)
            for access in writer.state.rows(AccessRow)
            for principal, _ in access.grants
            if principal.startswith("share:")
        }
        reading = {
            (held.target_id, f"share:{one.share_id}")
            for held in shares.values()
            for one in held.shares
            if one.mode == "read"
        }
        assert granted == reading
    check_partition(writer.state)


def test_the_same_history_folds_to_the_same_rows() -> None:
    writer = ShareHistoryWriter(Random(11))
    for _ in range(300):
        writer.step()
    again = MemoryPartition()
    for offset, time_ms, event in writer.log:
        again.apply(event, offset, time_ms)
    assert again.state() == writer.state.state()
