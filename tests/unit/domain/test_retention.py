"""What settings keep: the newest N, what was replaced lately, and trash for a while."""

from govault.domain.retention import trash_is_expired, versions_to_prune
from govault.domain.rows import SpaceRow
from tests.unit.domain.writing import SPACE, Writer

DAY_S = 86_400


def settings(
    keep_last: int | None = None, keep_within_s: int | None = None, trash_expires_after_s: int | None = None
) -> SpaceRow:
    return SpaceRow(SPACE, "main", "", keep_last, keep_within_s, trash_expires_after_s, 0, 0, False)


def pruned(writer: Writer, keep: SpaceRow, after_s: int = 0) -> tuple[int, ...]:
    file = writer.file("f")

    def committed_ms(number: int) -> int | None:
        row = writer.state.version(file.entity_id, number)
        return None if row is None else row.content.committed_ms

    return versions_to_prune(file, keep, committed_ms, writer.now_ms + after_s * 1000)


def five_versions_a_day_apart() -> Writer:
    writer = Writer()
    for number in range(5):
        writer.now_ms += DAY_S * 1000
        writer.put("f", b"%d" % number)
    return writer


def test_everything_is_kept_where_nothing_is_set() -> None:
    assert pruned(five_versions_a_day_apart(), settings(), 10**6) == ()


def test_the_newest_n_are_kept_the_current_one_counted() -> None:
    writer = five_versions_a_day_apart()
    assert pruned(writer, settings(keep_last=3)) == (1, 2)
    assert pruned(writer, settings(keep_last=1)) == (1, 2, 3, 4)
    assert pruned(writer, settings(keep_last=9)) == ()


def test_a_version_is_kept_for_a_while_after_another_took_its_place() -> None:
    writer = five_versions_a_day_apart()
    assert pruned(writer, settings(keep_within_s=DAY_S * 3 // 2)) == (1, 2)
    assert pruned(writer, settings(keep_within_s=DAY_S), DAY_S * 30) == (1, 2, 3, 4)
    # Version 4 was committed a day ago, and replaced just now.
    assert pruned(writer, settings(keep_within_s=60)) == (1, 2, 3)


def test_what_one_rule_keeps_is_kept() -> None:
    writer = five_versions_a_day_apart()
    assert pruned(writer, settings(keep_last=2, keep_within_s=DAY_S * 3 // 2)) == (1, 2)
    assert pruned(writer, settings(keep_last=4, keep_within_s=60)) == (1,)


def test_trash_expires_by_vault_time() -> None:
    writer = Writer()
    writer.put("f", b"x")
    file_id = writer.id_at("f")
    assert not trash_is_expired(writer.row(file_id), settings(trash_expires_after_s=1), writer.now_ms + 10**9)
    writer.trash(file_id)
    row = writer.row(file_id)
    assert not trash_is_expired(row, settings(), writer.now_ms + 10**12)
    assert not trash_is_expired(row, settings(trash_expires_after_s=DAY_S), writer.now_ms + DAY_S * 1000)
    assert trash_is_expired(row, settings(trash_expires_after_s=DAY_S), writer.now_ms + DAY_S * 1000 + 1)
