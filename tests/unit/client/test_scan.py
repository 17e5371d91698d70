import os
import socket
from pathlib import Path

import pytest

from govault.client.trees.exclude import Exclusions
from govault.client.trees.report import TransferReport
from govault.client.trees.scan import LocalEntry, scan


def scanned(top: Path, *patterns: str) -> tuple[list[LocalEntry], TransferReport]:
    report = TransferReport()
    return list(scan(top, Exclusions(patterns), report)), report


def make(top: Path, *names: str) -> None:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text(name)


def test_entries_come_in_the_byte_order_of_paths_with_a_slash_behind_folders(tmp_path: Path) -> None:
    make(tmp_path, "a.txt", "a/x", "a-b", "ab/", "Z", "ü", "a/é/deep")
    keys = [entry.key for entry in scanned(tmp_path)[0]]
    assert keys == sorted(keys)
    assert keys == [b"Z", b"a-b", b"a.txt", b"a/", b"a/x", "a/é/".encode(), "a/é/deep".encode(), b"ab/", "ü".encode()]


def test_links_are_entries_of_their_own_and_never_followed(tmp_path: Path) -> None:
    make(tmp_path, "d/f")
    (tmp_path / "to-folder").symlink_to("d")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "dangling").symlink_to("/nowhere")
    kinds = {entry.relative: entry.kind for entry in scanned(tmp_path)[0]}
    assert kinds == {"d": "folder", "d/f": "file", "to-folder": "symlink", "loop": "symlink", "dangling": "symlink"}


def test_the_executable_bit_time_and_size_are_taken(tmp_path: Path) -> None:
    make(tmp_path, "tool")
    (tmp_path / "tool").chmod(0o755)
    os.utime(tmp_path / "tool", ns=(1, 1_700_000_000_123_456_789))
    (entry,) = scanned(tmp_path)[0]
    assert (entry.executable, entry.mtime_ns, entry.size_bytes) == (True, 1_700_000_000_123_456_789, 4)


def test_a_folder_of_which_nothing_is_kept_counts_as_empty(tmp_path: Path) -> None:
    make(tmp_path, "empty/", "only/x.tmp", "outer/inner/")
    entries = {entry.relative: entry for entry in scanned(tmp_path, "*.tmp")[0]}
    assert {name for name, entry in entries.items() if entry.empty} == {"empty", "only", "outer/inner"}
    assert not entries["outer"].empty


def test_an_excluded_folder_is_left_out_with_all_in_it(tmp_path: Path) -> None:
    make(tmp_path, "keep/a", "cache/b", "cache/d/c")
    entries, report = scanned(tmp_path, "cache/")
    assert [entry.relative for entry in entries] == ["keep", "keep/a"]
    assert report.excluded == 1


def test_what_has_no_place_in_a_vault_is_remarked_with_its_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bell\a").write_text("")
    (tmp_path / os.fsdecode(b"latin-\xe9")).write_text("")
    (tmp_path / "fine").write_text("")
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(tmp_path / "socket"))
        except OSError:
            pytest.skip("the temporary folder's path is too long for a socket")
        entries, report = scanned(tmp_path)
    assert [entry.relative for entry in entries] == ["fine"]
    reasons = sorted(why for _, why in report.skipped.kept)
    assert len(reasons) == 4
    assert "a named pipe has no place in a vault" in reasons
    assert "a socket has no place in a vault" in reasons
    assert "its name is not UTF-8" in reasons
    assert any("control" in why for why in reasons)


def test_names_are_normalised_and_said_so_and_twins_are_not_lost_silently(tmp_path: Path) -> None:
    (tmp_path / "e\u0301").write_text("decomposed")
    entries, report = scanned(tmp_path)
    assert [entry.relative for entry in entries] == ["\u00e9"]
    assert report.normalised.count == 1
    (tmp_path / "\u00e9").write_text("composed")
    entries, report = scanned(tmp_path)
    assert len(entries) == 1
    assert report.skipped.count == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_remarked(tmp_path: Path) -> None:
    make(tmp_path, "closed/x")
    (tmp_path / "closed").chmod(0)
    try:
        _, report = scanned(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert report.failed.count == 1


def test_a_top_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scanned(tmp_path / "nothing")
