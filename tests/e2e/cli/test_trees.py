"""Trees that go in and come out."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell


def make_tree(top: Path) -> Path:
    """Everything a tree may hold that has a place in a vault."""
    randomness = random.Random(5)
    for folder in ("sub/deep/deeper", "empty/inner-empty", "ümläut ☃", "with space", "-dash", "100%"):
        (top / folder).mkdir(parents=True)
    (top / "a.txt").write_text("hello\n")
    (top / "zero").write_bytes(b"")
    (top / "sub/big.bin").write_bytes(randomness.randbytes(3_000_000))
    (top / "sub/deep/deeper/x").write_text("x" * 5000)
    (top / "ümläut ☃/ñ.txt").write_text("unicode")
    (top / "with space/%2F?#&.txt").write_text("signs")
    (top / "-dash/--help").write_text("dash")
    (top / "100%/{}[]*?.txt").write_text("globs")
    (top / ".hidden").write_text("hidden")
    (top / "tool").write_text("#!/bin/sh\n")
    (top / "tool").chmod(0o755)
    (top / "link").symlink_to("a.txt")
    (top / "dangling").symlink_to("/nowhere/at/all")
    (top / "to-folder").symlink_to("sub")
    (top / "loop").symlink_to(".")
    (top / "sub/up").symlink_to("../../outside")
    os.utime(top / "a.txt", ns=(1, 1_234_567_890_123_456_789))
    for number in range(60):
        (top / f"sub/many-{number:02}").write_bytes(randomness.randbytes(200))
    return top


def assert_equal_trees(one: Path, other: Path) -> None:
    diff = subprocess.run(["diff", "-r", "--no-dereference", one, other], capture_output=True, check=False)
    assert diff.returncode == 0, diff.stdout.decode()
    for path in one.rglob("*"):
        twin = other / path.relative_to(one)
        if path.is_file() and not path.is_symlink():
            assert twin.stat().st_mtime_ns == path.stat().st_mtime_ns, path
            assert (twin.stat().st_mode & 0o111) == (path.stat().st_mode & 0o111), path
        assert twin.is_symlink() == path.is_symlink()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "d")


def test_a_tree_that_went_in_comes_out_equal(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    sent = govault.ok("upload", str(tree), f"{space}:/x", "--json").document
    assert sent["new"] == 75
    assert sent["changed"] == sent["unchanged"] == sent["failed_count"] == sent["skipped_count"] == 0
    assert sent["folders"] == 1
    got = govault.ok("download", f"{space}:/x/d", str(tmp_path / "out"), "--verify", "--json").document
    assert got["new"] == got["verified"] == 75
    assert_equal_trees(tree, tmp_path / "out/d")


def test_a_slash_at_the_end_means_the_contents_on_both_sides(
    govault: Shell, space: str, tree: Path, tmp_path: Path
) -> None:
    govault.ok("upload", f"{tree}/", f"{space}:/y/z")
    govault.ok("download", f"{space}:/y/z/", str(tmp_path / "contents"))
    govault.ok("download", f"{space}:/y", str(tmp_path / "folder"))
    assert_equal_trees(tree, tmp_path / "contents")
    assert_equal_trees(tree, tmp_path / "folder/y/z")


def test_a_whole_space_is_a_tree(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    govault.ok("upload", f"{tree}/", f"{space}:/")
    govault.ok("download", f"{space}:/", str(tmp_path / "all"))
    assert_equal_trees(tree, tmp_path / "all")


def test_what_is_there_already_is_not_sent_again(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    govault.ok("upload", str(tree), f"{space}:/")
    again = govault.ok("upload", str(tree), f"{space}:/", "--json").document
    assert (again["new"], again["changed"], again["unchanged"], again["sent_bytes"]) == (0, 0, 75, 0)
    (tree / "a.txt").write_text("other\n")
    (tree / "tool").chmod(0o644)
    os.utime(tree / "sub/big.bin")
    (tree / "link").unlink()
    (tree / "link").symlink_to("zero")
    changed = govault.ok("upload", str(tree), f"{space}:/", "--json").document
    assert (changed["new"], changed["changed"], changed["unchanged"]) == (0, 4, 71)
    assert changed["sent_bytes"] < 1000
    govault.ok("download", f"{space}:/d/", str(tmp_path / "out"))
    assert_equal_trees(tree, tmp_path / "out")


def test_checksum_looks_into_the_contents(govault: Shell, space: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("right")
    govault.ok("upload", str(path), f"{space}:/")
    status = path.stat()
    path.write_text("wrong")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert govault.ok("upload", str(path), f"{space}:/", "--json").document["unchanged"] == 1
    assert govault.ok("upload", str(path), f"{space}:/", "-c", "--verify", "--json").document["changed"] == 1
    assert govault.ok("cat", f"{space}:/f").out == "wrong"


def test_what_has_no_place_in_a_vault_is_told_and_gives_exit_code_6(govault: Shell, space: str, tmp_path: Path) -> None:
    top = tmp_path / "d"
    top.mkdir()
    (top / "fine").write_text("fine")
    os.mkfifo(top / "pipe")
    (top / os.fsdecode(b"latin-\xe9")).write_text("name")
    ran = govault("upload", str(top), f"{space}:/", "--json")
    assert ran.code == 6
    assert ran.document["new"] == 1
    assert {item["path"] for item in ran.document["skipped"]} == {"pipe", f"{top}/latin-\\xe9"}
    assert "a named pipe" in ran.err


def test_patterns_leave_out(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    sent = govault.ok("upload", f"{tree}/", f"{space}:/", "-x", "many-*", "-x", "sub/deep", "--json").document
    assert sent["excluded"] == 61
    names = [item["path"] for item in govault.ok("ls", "-r", f"{space}:/", "--jsonl").lines]
    assert "sub/big.bin" in names
    assert not [name for name in names if "many-" in name or "deep" in name]
    got = govault.ok("download", f"{space}:/", str(tmp_path / "out"), "-x", "sub/", "--json").document
    assert got["excluded"] == 1
    assert not (tmp_path / "out/sub").exists()


def test_a_dry_run_moves_nothing(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    assert govault.ok("upload", str(tree), f"{space}:/", "-n", "--json").document["new"] == 75
    assert govault.ok("ls", f"{space}:/").out == ""
    govault.ok("upload", str(tree / "a.txt"), f"{space}:/")
    assert govault.ok("download", f"{space}:/", str(tmp_path / "out"), "-n", "--json").document["new"] == 1
    assert not list((tmp_path / "out").iterdir())


def test_several_sources_go_into_the_folder(govault: Shell, space: str, tree: Path) -> None:
    govault.ok("upload", str(tree / "a.txt"), str(tree / "tool"), str(tree / "ümläut ☃"), f"{space}:/in")
    names = [item["path"] for item in govault.ok("ls", "-r", f"{space}:/", "--json").document]
    assert names == ["in", "in/a.txt", "in/tool", "in/ümläut ☃", "in/ümläut ☃/ñ.txt"]


def test_a_file_goes_to_its_path_or_into_a_folder_that_is_there(govault: Shell, space: str, tree: Path) -> None:
    govault.ok("upload", str(tree / "a.txt"), f"{space}:/renamed.txt")
    govault.ok("mkdir", f"{space}:/folder")
    govault.ok("upload", str(tree / "a.txt"), f"{space}:/folder")
    govault.ok("upload", str(tree / "a.txt"), f"{space}:/new/")
    names = [item["path"] for item in govault.ok("ls", "-r", f"{space}:/", "--json").document if item["type"] == "file"]
    assert names == ["folder/a.txt", "new/a.txt", "renamed.txt"]


def test_a_single_link_is_uploaded_as_a_link(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    govault.ok("upload", str(tree / "dangling"), f"{space}:/")
    govault.ok("download", f"{space}:/dangling", str(tmp_path))
    assert (tmp_path / "dangling").readlink() == Path("/nowhere/at/all")


def test_a_folder_in_the_way_is_a_failure_of_that_file_only(govault: Shell, space: str, tmp_path: Path) -> None:
    top = tmp_path / "d"
    top.mkdir()
    (top / "a").write_text("a")
    (top / "b").write_text("b")
    govault.ok("mkdir", f"{space}:/d/a")
    ran = govault("upload", str(top), f"{space}:/", "--json")
    assert ran.code == 6
    assert [item["path"] for item in ran.document["failed"]] == ["a"]
    assert ran.document["new"] == 1
    quiet = govault("upload", str(top), f"{space}:/", "--quiet")
    assert quiet.code == 6
    assert quiet.err.startswith("failed: a: "), "what failed is told also to those who want no remarks"


def test_stdin_and_stdout_are_a_dash(govault: Shell, space: str) -> None:
    content = random.Random(9).randbytes(2_500_000)
    with govault.process("upload", "-", f"{space}:/streamed", "--json") as upload:
        out, err = upload.communicate(content, timeout=60)
        assert upload.returncode == 0, err
        assert b'"new":1' in out
    with govault.process("download", f"{space}:/streamed", "-") as download:
        out, err = download.communicate(timeout=60)
        assert download.returncode == 0, err
        assert out == content


def test_a_folder_comes_as_an_archive(govault: Shell, space: str, tree: Path, tmp_path: Path) -> None:
    import zipfile

    govault.ok("upload", str(tree / "sub"), f"{space}:/")
    govault.ok("download", f"{space}:/sub", str(tmp_path / "sub.zip"), "--archive")
    with zipfile.ZipFile(tmp_path / "sub.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("big.bin") == (tree / "sub/big.bin").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_ctrl_c_ends_an_upload_with_130_and_a_second_run_completes_it(
    govault: Shell, space: str, tmp_path: Path
) -> None:
    top = tmp_path / "d"
    top.mkdir()
    randomness = random.Random(11)
    for number in range(800):
        (top / f"f{number:04}").write_bytes(randomness.randbytes(100))
    with govault.process("upload", str(top), f"{space}:/", "--parallel", "2") as upload:
        deadline = time.monotonic() + 30
        while govault("ls", f"{space}:/d", "--limit", "1").code != 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        upload.send_signal(signal.SIGINT)
        _, err = upload.communicate(timeout=30)
        assert upload.returncode == 130, err
        assert b"Traceback" not in err
    report = govault.ok("upload", str(top), f"{space}:/", "--json").document
    assert report["unchanged"] > 0
    assert report["new"] + report["unchanged"] == 800


def test_an_older_version_comes_by_its_number(govault: Shell, space: str, tmp_path: Path) -> None:
    for text in (b"one", b"two", b"three"):
        govault.ok("upload", "-", f"{space}:/f", stdin=text)
    govault.ok("download", f"{space}:/f@1", str(tmp_path / "old"))
    govault.ok("download", f"{space}:/f", str(tmp_path / "new"), "--version", "2")
    assert (tmp_path / "old").read_text() == "one"
    assert (tmp_path / "new").read_text() == "two"
