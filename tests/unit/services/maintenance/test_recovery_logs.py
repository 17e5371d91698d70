"""The log comes from the backup that goes furthest, and only where all tell one history."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from govault.domain.position import Position
from govault.errors import Config
from govault.ports import LogRecord
from govault.services.maintenance.backup_files import (
    FORMAT,
    LOG_MAGIC,
    BackedUpFile,
    BackedUpPartition,
    BackupManifest,
    encode_record,
    hash_file,
)
from govault.services.maintenance.recovery_logs import choose_logs
from govault.services.maintenance.recovery_sources import GivenBackup
from schemas.topics import Topic


def backup(
    folder: Path,
    offsets: Iterable[int],
    *,
    topic: Topic = Topic.FILES,
    word: str = "said",
    begin: int = 0,
    end: int = 0,
) -> GivenBackup:
    """A backup of one partition; records from offset 5 on say ``word``."""
    offsets = list(offsets)
    path = folder / "log" / topic.value / "0"
    path.parent.mkdir(parents=True)
    with path.open("wb") as out:
        out.write(LOG_MAGIC)
        for offset in offsets:
            value = f"{word if offset >= 5 else 'said'} {offset}".encode()
            out.write(encode_record(LogRecord(Position(topic, 0, offset), 1000 + offset, b"key", value, ())))
    row = BackedUpPartition(topic.value, 0, begin, end or offsets[-1] + 1, len(offsets))
    file = BackedUpFile(f"log/{topic.value}/0", path.stat().st_size, hash_file(path))
    return GivenBackup(folder, BackupManifest(FORMAT, "v", 0, "a test", False, (row,), (file,), folder.name), {})


def test_the_log_that_goes_furthest_is_taken_whatever_the_order(tmp_path: Path) -> None:
    backups = [backup(tmp_path / "a", range(7)), backup(tmp_path / "b", range(9)), backup(tmp_path / "c", range(8))]
    for order in (backups, backups[::-1]):
        (chosen,) = choose_logs(order)
        assert chosen.backup is backups[1]
        assert [record.position.offset for record in chosen.records()] == list(range(9))


def test_each_partition_may_come_from_another_backup(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    parts = [
        (backup(one / "files", range(5)), backup(one / "peers", range(9), topic=Topic.PEERS)),
        (backup(other / "files", range(6)), backup(other / "peers", range(8), topic=Topic.PEERS)),
    ]
    chosen = choose_logs([part for parts_of_one in parts for part in parts_of_one])
    assert {(source.topic, source.backup.folder) for source in chosen} == {
        (Topic.FILES, other / "files"),
        (Topic.PEERS, one / "peers"),
    }


@pytest.mark.parametrize("topic", [Topic.FILES, Topic.AUDIT, Topic.KEYS])
def test_logs_that_part_ways_are_refused_with_both_names_and_the_offset(tmp_path: Path, topic: Topic) -> None:
    one = backup(tmp_path / "one", range(9), topic=topic)
    other = backup(tmp_path / "other", range(7), topic=topic, word="never said")
    with pytest.raises(Config, match=rf"(?s){topic.value}/0 .*one and .*other, from offset 5 on"):
        choose_logs([other, one])


def test_a_record_that_is_missing_from_a_log_that_is_kept_for_ever_is_a_difference(tmp_path: Path) -> None:
    one, other = backup(tmp_path / "one", range(9)), backup(tmp_path / "other", [0, 1, 3, 4])
    with pytest.raises(Config, match="from offset 2 on"):
        choose_logs([one, other])


def test_what_expired_or_was_replaced_between_two_backups_is_no_difference(tmp_path: Path) -> None:
    early = backup(tmp_path / "early", range(7), topic=Topic.AUDIT)
    later = backup(tmp_path / "later", range(4, 9), topic=Topic.AUDIT, begin=3)
    assert choose_logs([early, later])[0].backup is later
    early = backup(tmp_path / "early2", [0, 2, 5], topic=Topic.KEYS)
    later = backup(tmp_path / "later2", [0, 5, 8], topic=Topic.KEYS)
    assert choose_logs([early, later])[0].backup is later


def test_a_damaged_log_is_no_loss_where_another_goes_as_far(tmp_path: Path) -> None:
    one, other = backup(tmp_path / "one", range(9)), backup(tmp_path / "other", range(9))
    one.damaged["log/files/0"] = "is missing"
    assert choose_logs([one, other])[0].backup is other


def test_a_damaged_log_that_goes_furthest_is_refused_rather_than_passed_over(tmp_path: Path) -> None:
    one, other = backup(tmp_path / "one", range(9)), backup(tmp_path / "other", range(7))
    one.damaged["log/files/0"] = "is missing"
    with pytest.raises(Config, match=r"is missing; it goes furthest, to 9, and the next, .*other, ends at 7"):
        choose_logs([one, other])
    with pytest.raises(Config, match="no other backup has it"):
        choose_logs([one])


def test_a_partition_where_nothing_happened_between_agrees(tmp_path: Path) -> None:
    one = backup(tmp_path / "one", range(9))
    other = backup(tmp_path / "other", range(9))
    assert len(choose_logs([one, other])) == 1
