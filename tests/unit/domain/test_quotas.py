"""Quotas of a space: what adds beyond them loses in log order, whatever it is; what takes away never does."""

from typing import Any

import pytest

from govault.domain.position import Outcome, Verdict
from govault.domain.space_rows import SpaceQuotaRow
from schemas.events.access import AccessGranted
from schemas.events.files import Quota, RulesActivated, SpaceChanged, SpaceOpened, VersionsPruned
from schemas.ids import new_space_id, ulid
from tests.unit.domain.recount import check_partition
from tests.unit.domain.writing import OTHER_SPACE, SPACE, Writer

ANN = "a_" + ulid(1, b"account---")
BY_ANN: dict[str, Any] = {"actor": ANN, "principals": (ANN, "users")}


class BoundedWriter(Writer):
    """A writer under rules that decide quotas."""

    def __init__(self, rules: int = 3, **bounds: int | None) -> None:
        super().__init__()
        for number in range(2, rules + 1):
            assert self.write(RulesActivated(rules=number)).verdict is Verdict.ACCEPTED
        if bounds:
            self.bound(**bounds)

    def bound(self, **bounds: int | None) -> Outcome:
        return self.write(SpaceChanged(space_id=SPACE, quota=Quota(**bounds)))

    def used(self) -> tuple[int, int]:
        totals = self.state.totals(SPACE)
        return totals.logical_bytes, totals.files


def is_over(outcome: Outcome) -> bool:
    return (outcome.verdict, outcome.reason) == (Verdict.REFUSED, "quota-exceeded")


def test_the_last_byte_fits_and_the_next_does_not() -> None:
    writer = BoundedWriter(bytes_max=10)
    assert writer.put("a", b"12345").verdict is Verdict.ACCEPTED
    assert is_over(writer.put("b", b"123456"))
    assert writer.put("b", b"12345").verdict is Verdict.ACCEPTED
    refused = writer.put("c", b"1")
    assert dict(refused.facts) == {"limit": "bytes", "asked": 1, "most": 10, "used": 10}
    assert writer.put("c").verdict is Verdict.ACCEPTED, "nothing always fits"
    assert writer.used() == (10, 3)
    check_partition(writer.state)


def test_the_last_file_fits_and_the_next_does_not() -> None:
    writer = BoundedWriter(files_max=1)
    assert writer.put("a", b"1").verdict is Verdict.ACCEPTED
    assert writer.put("a", b"22").verdict is Verdict.ACCEPTED, "a version is no file"
    assert dict(writer.put("b").facts) == {"limit": "files", "asked": 1, "most": 1, "used": 1}
    assert writer.mkdir("d").verdict is Verdict.ACCEPTED, "a folder is no file"
    assert writer.move(writer.id_at("a"), "d/a").verdict is Verdict.ACCEPTED


def test_a_refused_write_makes_nothing_on_its_way() -> None:
    writer = BoundedWriter(files_max=0)
    before = writer.state.totals(SPACE)
    assert is_over(writer.put("a/b/c", b"1"))
    assert writer.state.totals(SPACE) == before
    assert writer.at("a") is None
    check_partition(writer.state)


def test_a_smaller_content_in_place_of_a_larger_one_adds_its_size_for_the_larger_is_kept() -> None:
    writer = BoundedWriter(bytes_max=12)
    writer.put("a", b"1234567890")
    assert is_over(writer.put("a", b"123"))
    assert writer.put("a", b"12").verdict is Verdict.ACCEPTED
    assert writer.put("a", b"12", tags=("t",)).verdict is Verdict.ACCEPTED, "the same content adds nothing"
    assert writer.used() == (12, 1)


def test_trash_counts_until_it_is_purged() -> None:
    writer = BoundedWriter(bytes_max=5, files_max=1)
    writer.put("a", b"12345")
    file_id = writer.id_at("a")
    writer.trash(file_id)
    assert is_over(writer.put("b", b"1"))
    assert writer.restore(file_id).verdict is Verdict.ACCEPTED, "it was counted all the time"
    writer.trash(file_id)
    writer.purge(file_id)
    assert writer.used() == (0, 0)
    assert writer.put("b", b"12345").verdict is Verdict.ACCEPTED


def test_pruned_versions_give_back() -> None:
    writer = BoundedWriter(bytes_max=6)
    writer.put("a", b"1234")
    writer.put("a", b"12")
    assert is_over(writer.put("a", b"123"))
    writer.write(VersionsPruned(space_id=SPACE, file_id=writer.id_at("a"), versions=(1,)))
    assert writer.put("a", b"123").verdict is Verdict.ACCEPTED
    assert writer.used() == (5, 1)


def test_a_quota_below_what_is_held_refuses_growth_only() -> None:
    writer = BoundedWriter()
    writer.put("a", b"12345")
    writer.put("b", b"1")
    assert writer.bound(bytes_max=3, files_max=1).verdict is Verdict.ACCEPTED
    assert is_over(writer.put("a", b"2"))
    assert is_over(writer.put("c"))
    assert writer.put("b").verdict is Verdict.ACCEPTED, "an empty version adds no byte and no file"
    assert writer.move(writer.id_at("a"), "d/a").verdict is Verdict.ACCEPTED
    file_id = writer.id_at("d/a")
    writer.trash(file_id)
    assert writer.purge(file_id).fact("purged") == 1
    assert writer.put("b", b"12").verdict is Verdict.ACCEPTED


def test_a_quota_is_changed_lifted_and_told_by_its_revision() -> None:
    writer = BoundedWriter(bytes_max=1)
    assert writer.state.space_quota(SPACE) == SpaceQuotaRow(SPACE, 1, None)
    assert writer.bound(bytes_max=1).verdict is Verdict.UNCHANGED
    assert writer.bound(files_max=7).fact("revision") == 2
    assert writer.state.space_quota(SPACE) == SpaceQuotaRow(SPACE, None, 7)
    described = writer.write(SpaceChanged(space_id=SPACE, description="said"))
    assert (described.verdict, writer.state.space_quota(SPACE)) == (
        Verdict.ACCEPTED,
        SpaceQuotaRow(SPACE, None, 7),
    )
    writer.bound(bytes_max=None)
    assert writer.state.space_quota(SPACE) is None
    assert writer.bound(bytes_max=2**60).reason == "event-invalid"


def test_a_space_opens_with_a_quota_of_its_own() -> None:
    writer = BoundedWriter(bytes_max=0)
    writer.write(SpaceOpened(space_id=OTHER_SPACE, name="other", quota=Quota(bytes_max=2)))
    assert writer.put("a", b"12", space_id=OTHER_SPACE).verdict is Verdict.ACCEPTED
    assert is_over(writer.put("b", b"1", space_id=OTHER_SPACE))
    assert is_over(writer.put("b", b"1"))


@pytest.mark.parametrize("rules", [1, 2])
def test_older_rules_know_no_quota(rules: int) -> None:
    writer = BoundedWriter(rules)
    assert writer.bound(bytes_max=0).verdict is Verdict.UNCHANGED, "as a program decides that has no such field"
    writer.write(SpaceOpened(space_id=OTHER_SPACE, name="other", quota=Quota(bytes_max=0)))
    assert writer.state.rows(SpaceQuotaRow) == []
    assert writer.put("a", b"1").verdict is Verdict.ACCEPTED


def test_who_manages_a_space_does_not_lift_its_quota() -> None:
    writer = BoundedWriter(bytes_max=1)
    writer.write(AccessGranted(space_id=SPACE, target_id=SPACE, principal=ANN, level="manager"))
    lifts = SpaceChanged(space_id=SPACE, quota=Quota())
    assert writer.write(lifts, **BY_ANN).reason == "access-denied"
    assert writer.write(SpaceChanged(space_id=SPACE, description="hers"), **BY_ANN).verdict is Verdict.ACCEPTED
    own = SpaceOpened(space_id=new_space_id(3, b"space-----"), name="hers", quota=Quota(bytes_max=1))
    assert writer.write(own, **BY_ANN).reason == "access-denied"
    assert writer.state.space_quota(SPACE) == SpaceQuotaRow(SPACE, 1, None)


def test_only_who_reads_the_space_is_told_what_it_holds() -> None:
    writer = BoundedWriter()
    writer.mkdir("hers")
    writer.put("secret", b"12345")
    writer.bound(bytes_max=6)
    writer.write(AccessGranted(space_id=SPACE, target_id=writer.id_at("hers"), principal=ANN, level="write"))
    refused = writer.put("hers/a", b"12")
    assert refused.fact("used") == 5
    commit = writer.log[-1][2].data.model_copy(update={"new_file_id": writer.new_id()})
    hidden = writer.write(commit, **BY_ANN)
    assert dict(hidden.facts) == {"limit": "bytes", "asked": 2}
