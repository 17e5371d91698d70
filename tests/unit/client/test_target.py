import os
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from govault.client.trees.target import LocalTarget, Wanted, part_name, safe_segments, translated, write_all
from govault.errors import Conflict, InvalidRequest, StorageFull


def wanted(relative: str, *, executable: bool = False, kind: str = "file") -> Wanted:
    digest = sha256(b"content").hexdigest()
    return Wanted(relative, len(b"content"), digest, 1_700_000_000_000_000_001, executable, kind)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.fixture
def target(top: Path) -> Iterator[LocalTarget]:
    opened = LocalTarget(top)
    yield opened
    opened.close()


def test_a_file_comes_with_its_folders_time_and_bits(target: LocalTarget, top: Path) -> None:
    target.write_whole(wanted("a/b/tool", executable=True), b"content")
    path = top / "a/b/tool"
    assert path.read_bytes() == b"content"
    assert path.stat().st_mtime_ns == 1_700_000_000_000_000_001
    assert path.stat().st_mode & stat.S_IXUSR
    assert [entry.name for entry in (top / "a/b").iterdir()] == ["tool"]
    target.sync_folders()


def test_a_link_comes_as_a_link_whatever_it_points_to(target: LocalTarget, top: Path) -> None:
    target.write_whole(wanted("link", kind="symlink"), b"/etc/\xff")
    assert os.fsencode((top / "link").readlink()) == b"/etc/\xff"
    assert (top / "link").lstat().st_mtime_ns == 1_700_000_000_000_000_001


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "a//x", ".", "", "a/./x", "a\0b", "x" * 256])
def test_a_path_that_could_lead_out_or_is_no_name_is_refused(target: LocalTarget, top: Path, path: str) -> None:
    with pytest.raises(InvalidRequest):
        target.write_whole(wanted(path), b"content")
    with pytest.raises(InvalidRequest):
        target.make_folder(path)
    assert not list(top.iterdir())


def test_nothing_is_written_through_a_link_that_leads_out(target: LocalTarget, top: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (top / "d").symlink_to(outside)
    for act in (
        lambda: target.write_whole(wanted("d/x"), b"content"),
        lambda: target.make_folder("d/x"),
        lambda: target.make_folder("d"),
        lambda: target.open_part(wanted("d/x")),
        lambda: target.status("d/x"),
    ):
        with pytest.raises(Conflict):
            act()
    assert not list(outside.iterdir())


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_written_through(
    target: LocalTarget, top: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (top / "f").symlink_to(victim)
    target.write_whole(wanted("f"), b"content")
    assert victim.read_text() == "precious"
    assert not (top / "f").is_symlink()
    assert (top / "f").read_bytes() == b"content"


def test_a_link_in_the_place_of_a_part_is_not_written_through(target: LocalTarget, top: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (top / part_name(wanted("f"))).symlink_to(victim)
    descriptor = target.open_part(wanted("f"))
    os.write(descriptor, b"content")
    os.close(descriptor)
    assert victim.read_text() == "precious"


def test_a_part_with_another_name_elsewhere_is_begun_anew(target: LocalTarget, top: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("prec")
    os.link(victim, top / part_name(wanted("f")))
    descriptor = target.open_part(wanted("f"))
    assert os.fstat(descriptor).st_size == 0
    os.write(descriptor, b"content")
    os.close(descriptor)
    assert victim.read_text() == "prec"


def test_a_part_is_found_again_and_takes_its_place_when_it_is_whole(target: LocalTarget, top: Path) -> None:
    descriptor = target.open_part(wanted("f"))
    os.write(descriptor, b"con")
    os.close(descriptor)
    assert not (top / "f").exists()
    descriptor = target.open_part(wanted("f"))
    assert os.fstat(descriptor).st_size == 3
    os.lseek(descriptor, 0, os.SEEK_END)
    os.write(descriptor, b"tent")
    target.finish_part(wanted("f"), descriptor)
    os.close(descriptor)
    assert (top / "f").read_bytes() == b"content"
    assert [entry.name for entry in top.iterdir()] == ["f"]


def test_a_part_longer_than_the_whole_is_begun_anew(target: LocalTarget) -> None:
    descriptor = target.open_part(wanted("f"))
    os.write(descriptor, b"far too long")
    os.close(descriptor)
    descriptor = target.open_part(wanted("f"))
    assert os.fstat(descriptor).st_size == 0
    os.close(descriptor)


def test_a_folder_in_the_way_of_a_file_stays(target: LocalTarget, top: Path) -> None:
    (top / "f").mkdir()
    with pytest.raises(Conflict, match="folder is in the way"):
        target.write_whole(wanted("f"), b"content")
    assert (top / "f").is_dir()
    assert [entry.name for entry in top.iterdir()] == ["f"]


def test_a_file_in_the_way_of_a_folder_stays(target: LocalTarget, top: Path) -> None:
    (top / "d").write_text("precious")
    with pytest.raises(Conflict):
        target.write_whole(wanted("d/f"), b"content")
    with pytest.raises(Conflict):
        target.make_folder("d")
    assert (top / "d").read_text() == "precious"


def test_making_a_folder_again_is_fine(target: LocalTarget) -> None:
    assert target.make_folder("a/b") is True
    assert target.make_folder("a/b") is False


def test_attributes_are_corrected_without_touching_the_content(target: LocalTarget, top: Path) -> None:
    (top / "f").write_bytes(b"content")
    target.set_attributes(wanted("f", executable=True))
    assert (top / "f").stat().st_mode & stat.S_IXUSR
    assert (top / "f").stat().st_mtime_ns == 1_700_000_000_000_000_001
    target.set_attributes(wanted("f"))
    assert not (top / "f").stat().st_mode & 0o111


def test_safe_segments_are_the_names() -> None:
    assert safe_segments("a/b c/ü") == ["a", "b c", "ü"]


def test_two_downloads_to_one_place_do_not_share_a_part(target: LocalTarget, top: Path) -> None:
    first = target.open_part(wanted("a"))
    with pytest.raises(Conflict, match="another download"):
        target.open_part(wanted("a"))
    os.write(first, b"content")
    target.finish_part(wanted("a"), first)
    os.close(first)
    assert (top / "a").read_bytes() == b"content"
    again = target.open_part(wanted("a"))
    assert os.fstat(again).st_size == 0
    os.close(again)


def test_a_full_disk_is_told_with_the_file_that_did_not_fit() -> None:
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(StorageFull, match="a/b: no space left"),
        translated("a/b"),
    ):
        write_all(full.fileno(), b"content")
