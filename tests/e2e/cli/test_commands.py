"""Every command against a real node."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.node_process import NodeProcess


@pytest.fixture
def filled(govault: Shell, space: str) -> str:
    """A space with ``a.txt`` (two versions) and ``d/b.txt``."""
    govault.ok("upload", "-", f"{space}:/a.txt", stdin=b"first")
    govault.ok("upload", "-", f"{space}:/a.txt", stdin=b"second version")
    govault.ok("upload", "-", f"{space}:/d/b.txt", stdin=b"the other file")
    return space


def names(govault: Shell, ref: str, *options: str) -> list[str]:
    return [str(item["path"]) for item in govault.ok("ls", ref, *options, "--jsonl").lines]


def test_ls_lists_a_folder_a_tree_a_file_and_the_spaces(govault: Shell, filled: str) -> None:
    assert govault.ok("ls", f"{filled}:/").out.splitlines() == ["a.txt", "d/"]
    assert govault.ok("ls", "-r", f"{filled}:/").out.splitlines() == ["a.txt", "d/", "d/b.txt"]
    assert govault.ok("ls", "-r", f"{filled}:/d").out.splitlines() == ["b.txt"]
    assert govault.ok("ls", f"{filled}:/a.txt").out.splitlines() == ["a.txt"]
    assert "14 B" in govault.ok("ls", "-l", f"{filled}:/a.txt").out
    assert f"{filled}:/" in govault.ok("ls").out.splitlines()
    assert names(govault, f"{filled}:/", "--limit", "1") == ["a.txt"]


def test_json_is_one_document_and_jsonl_an_object_a_line(govault: Shell, filled: str) -> None:
    assert [item["path"] for item in govault.ok("ls", f"{filled}:/", "--json").document] == ["a.txt", "d"]
    assert [item["path"] for item in govault.ok("ls", f"{filled}:/", "--jsonl").lines] == ["a.txt", "d"]
    govault.ok("mkdir", f"{filled}:/empty")
    assert govault.ok("ls", f"{filled}:/empty", "--json").document == []


def test_find_finds_by_words_name_tag_and_size(govault: Shell, filled: str) -> None:
    govault.ok("tag", f"{filled}:/a.txt", "--add", "important")
    both = {f"{filled}:/a.txt", f"{filled}:/d/b.txt"}
    assert set(govault.ok("find", "--space", filled, "--name", "*.TXT").out.split()) == both
    assert govault.ok("find", "--space", filled, "--tag", "important").out.split() == [f"{filled}:/a.txt"]
    assert govault.ok("find", "b", "--space", filled).out.split() == [f"{filled}:/d/b.txt"]
    assert govault.ok("find", "--space", filled, "--larger", "1GiB").out == ""
    assert len(govault.ok("find", "--space", filled, "--since", "1h").out.split()) == 2
    assert govault.ok("find", "--space", filled, "--prefix", "d/", "--jsonl").lines[0]["path"] == "d/b.txt"


def test_cat_writes_the_bytes_or_a_range_of_them(govault: Shell, filled: str) -> None:
    assert govault.ok("cat", f"{filled}:/a.txt").out == "second version"
    assert govault.ok("cat", f"{filled}:/a.txt", "--range", "0-2").out == "sec"
    assert govault.ok("cat", f"{filled}:/a.txt", "--range=-7").out == "version"
    assert govault.ok("cat", f"{filled}:/a.txt@1").out == "first"
    entity_id = govault.ok("info", f"{filled}:/a.txt", "--json").document["id"]
    assert govault.ok("cat", entity_id, "--version", "1").out == "first"


def test_info_tells_of_files_folders_and_versions(govault: Shell, filled: str) -> None:
    assert govault.ok("info", f"{filled}:/a.txt", "--json").document["versions"] == 2
    assert govault.ok("info", f"{filled}:/d", "--json").document["type"] == "folder"
    assert govault.ok("info", f"{filled}:/a.txt@1", "--json").document["size_bytes"] == 5
    assert "14 (14 B)" in govault.ok("info", f"{filled}:/a.txt").out


def test_mv_and_cp_go_to_a_path_or_into_a_folder(govault: Shell, filled: str) -> None:
    govault.ok("cp", f"{filled}:/a.txt", f"{filled}:/copy.txt")
    govault.ok("cp", f"{filled}:/a.txt@1", f"{filled}:/old.txt")
    govault.ok("cp", f"{filled}:/d", f"{filled}:/e")
    govault.ok("mv", f"{filled}:/a.txt", f"{filled}:/d")
    govault.ok("mv", f"{filled}:/d/b.txt", f"{filled}:/moved/")
    assert names(govault, f"{filled}:/", "-r") == [
        "copy.txt",
        "d",
        "d/a.txt",
        "e",
        "e/b.txt",
        "moved",
        "moved/b.txt",
        "old.txt",
    ]
    assert govault.ok("cat", f"{filled}:/old.txt").out == "first"
    assert govault("mv", f"{filled}:/copy.txt", f"{filled}:/old.txt").code == 5
    govault.ok("mv", f"{filled}:/copy.txt", f"{filled}:/old.txt", "--force")
    assert govault.ok("cat", f"{filled}:/old.txt").out == "second version"


def test_tags_and_descriptions_are_set_and_shown(govault: Shell, filled: str) -> None:
    govault.ok("tag", f"{filled}:/a.txt", "--add", "two words", "--add", "b")
    govault.ok("tag", f"{filled}:/a.txt", "--remove", "b")
    assert govault.ok("tag", f"{filled}:/a.txt").out == "two words\n"
    govault.ok("describe", f"{filled}:/a.txt", "What it is about, ü", "--media-type", "text/x-notes")
    assert govault.ok("describe", f"{filled}:/a.txt").out == "What it is about, ü\n"
    assert govault.ok("info", f"{filled}:/a.txt", "--json").document["media_type"] == "text/x-notes"
    assert len(govault.ok("history", f"{filled}:/a.txt", "--jsonl").lines) >= 2


def test_upload_takes_tags_description_and_conditions(govault: Shell, space: str) -> None:
    words = ("-t", "a b", "-t", "ü", "--description", "it's ünique", "--json")
    sent = govault.ok("upload", "-", f"{space}:/f", *words, stdin=b"x").document
    document = govault.ok("info", f"{space}:/f", "--json").document
    assert sent["file"]["id"] == document["id"]
    assert document["tags"] == ["a b", "ü"]
    assert document["description"] == "it's ünique"
    assert govault("upload", "-", f"{space}:/f", "-t", "a,b", stdin=b"y").code == 2
    assert govault("upload", "-", f"{space}:/f", "--if-absent", stdin=b"y").code == 5
    assert govault("upload", "-", f"{space}:/f", "--if-match", "0" * 64, stdin=b"y").code == 5
    govault.ok("upload", "-", f"{space}:/f", "--if-match", document["sha256"], stdin=b"y")


def test_versions_are_listed_restored_and_ended(govault: Shell, filled: str) -> None:
    assert [item["version"] for item in govault.ok("versions", "ls", f"{filled}:/a.txt", "--jsonl").lines] == [2, 1]
    govault.ok("versions", "restore", f"{filled}:/a.txt@1")
    assert govault.ok("cat", f"{filled}:/a.txt").out == "first"
    assert govault("versions", "restore", f"{filled}:/a.txt").code == 2
    assert "would end version 1" in govault.ok("versions", "rm", f"{filled}:/a.txt@1", "-n").out
    govault.ok("versions", "rm", f"{filled}:/a.txt", "--version", "2", "--yes")
    assert govault("cat", f"{filled}:/a.txt@2").code == 3
    assert govault("versions", "rm", f"{filled}:/a.txt@3", "-y").code == 5


def test_what_is_removed_comes_back_from_the_trash_or_ends(govault: Shell, filled: str) -> None:
    assert govault("rm", f"{filled}:/d", "-y").code == 5
    assert govault("rm", f"{filled}:/a.txt").code == 2
    assert "would remove" in govault.ok("rm", f"{filled}:/a.txt", "-n").out
    govault.ok("rm", f"{filled}:/a.txt", f"{filled}:/d", "-r", "-y")
    assert names(govault, f"{filled}:/") == []
    trashed = govault.ok("trash", "ls", "--space", filled, "--jsonl").lines
    assert {item["trashed_path"] for item in trashed} == {"a.txt", "d"}
    govault.ok("trash", "restore", f"{filled}:/d")
    govault.ok("trash", "restore", next(item["id"] for item in trashed if item["name"] == "a.txt"), "--to", "back.txt")
    assert names(govault, f"{filled}:/", "-r") == ["back.txt", "d", "d/b.txt"]
    govault.ok("rm", f"{filled}:/back.txt", "-y")
    govault.ok("rm", f"{filled}:/d", "-r", "-y")
    assert govault("trash", "empty", "--space", filled).code == 2
    would = govault.ok("trash", "empty", "--space", filled, "-n", "--json").document
    assert (would["files"], would["dry_run"]) == (2, True)
    govault.ok("trash", "empty", f"{filled}:/back.txt", "-y")
    assert govault.ok("trash", "empty", "--space", filled, "--older-than", "1d", "-y", "--json").document["files"] == 0
    assert govault.ok("trash", "empty", "--space", filled, "-y", "--json").document["files"] == 1
    assert govault.ok("trash", "ls", "--space", filled).out == ""


def test_spaces_are_made_changed_and_removed(govault: Shell, filled: str) -> None:
    govault.ok("space", "set", filled, "--keep-last", "3", "--keep-within", "90d", "--description", "for tests")
    govault.ok("space", "set", filled, "--trash-expires-after", "30d", "--keep-last", "all")
    shown = govault.ok("space", "show", filled, "--json").document
    assert shown["retention"] == {
        "keep_last": None,
        "keep_within_s": 90 * 86_400,
        "trash_expires_after_s": 30 * 86_400,
    }
    assert shown["description"] == "for tests"
    assert filled in govault.ok("space", "ls").out
    assert govault("space", "create", filled).code == 5
    assert govault("space", "set", filled).code == 2
    assert govault("space", "rm", filled, "-y").code == 5
    assert govault("space", "rm", filled, "-n").code == 5
    assert "would remove" in govault.ok("space", "rm", filled, "-n", "--force").out
    govault.ok("space", "rm", filled, "--force", "-y")
    assert govault("space", "show", filled).code == 3


def test_a_quota_is_set_shown_kept_and_lifted(govault: Shell, filled: str, tmp_path: Path) -> None:
    used = govault.ok("space", "show", filled, "--json").document
    govault.ok("space", "set", filled, "--quota-bytes", "10MiB", "--quota-files", str(used["files"]))
    set_files = govault.ok("space", "set", filled, "--quota-bytes", "20MiB", "--json").document
    assert set_files["quota"] == {"bytes_max": 20 * 1024**2, "files_max": used["files"]}
    assert f"20.0 MiB and {used['files']} files" in govault.ok("space", "show", filled).out
    (tmp_path / "one-more").write_bytes(b"x")
    refused = govault("upload", str(tmp_path / "one-more"), f"{filled}:/")
    assert refused.code == 1
    assert "purge trash" in refused.err
    lifted = govault.ok("space", "set", filled, "--quota-files", "none", "--json").document
    assert lifted["quota"] == {"bytes_max": 20 * 1024**2, "files_max": None}
    govault.ok("upload", str(tmp_path / "one-more"), f"{filled}:/")
    assert govault("space", "set", filled, "--quota-files", "some").code == 2
    assert govault("space", "set", filled, "--quota-bytes", "some").code == 2


def test_the_log_is_shown_to_people_and_programs(govault: Shell, filled: str) -> None:
    assert "files.version_committed" in govault.ok("log", "tail", "--topic", "files").out
    dumped = govault.ok("log", "dump", "--topic", "directory").lines
    assert dumped[0]["event"]["type"].startswith("govault.directory.")
    assert {row["topic"] for row in govault.ok("log", "status", "--json").document} >= {"files", "peers"}
    with govault.process("log", "tail", "--follow", "--last", "0", "--topic", "files", "--json") as tail:
        assert tail.stdout is not None
        deadline = time.monotonic() + 30
        line = b""
        while not line and time.monotonic() < deadline:
            govault.ok("upload", "-", f"{filled}:/followed", stdin=os.urandom(8))
            os.set_blocking(tail.stdout.fileno(), False)
            line = tail.stdout.readline() or b""
        tail.terminate()
        assert b"version_committed" in line


def test_the_node_is_looked_after(govault: Shell, filled: str, node: NodeProcess) -> None:
    assert govault.ok("status", "--json").document["ready"] is True
    assert node.url in govault.ok("status").out
    govault.ok("doctor")
    stats = govault.ok("stats", "--json").document
    assert stats["files"] >= 2
    assert "govault_" in govault.ok("stats", "--prometheus").out
    before = govault.ok("views", "digest", "--json").document["digest"]
    govault.ok("views", "rebuild")
    assert len(before) == 64
    govault.ok("check", "--read-data")
    assert govault("gc").code == 2
    govault.ok("gc", "--dry-run")
    govault.ok("gc", "--yes")
    jobs = govault.ok("jobs", "ls", "--json").document
    assert len(jobs) >= 4
    assert govault.ok("jobs", "show", jobs[0]["id"], "--json").document["state"] == "succeeded"
    assert govault.ok("jobs", "cancel", jobs[0]["id"], "--json").document["state"] == "succeeded"
    workers = govault.ok("workers", "ls", "--json").document
    assert govault.ok("workers", "pace", workers[0]["name"], "2", "--json").document["throttle"] == 2.0
    assert len(govault.ok("peers", "list", "--json").document) == 1
    node = govault.ok("peers", "list", "--json").document[0]["node_id"]
    assert govault.ok("peers", "rename", node[:8], "tower", "--json").document["name"] == "tower"
    govault.ok("peers", "weight", "tower", "2")
    govault.ok("peers", "zone", "tower", "attic")
    govault.ok("peers", "show", "tower")
    govault.ok("layout", "plan", "--replicas", "2")
    assert govault.ok("layout", "apply", "--replicas", "2", "--yes", "--json").document["replicas"] == 2
    govault.ok("layout", "apply", "--dry-run")
    govault.ok("layout", "show")
    govault.ok("peers", "drain", "tower")
    assert govault("layout", "plan").code == 5
    govault.ok("peers", "undrain", "tower")
    assert govault("peers", "remove", "tower", "--force", "--yes").code == 5
    assert govault("peers", "remove", "nobody", "--force", "--yes").code == 3
    govault.ok("peers", "topology")
    govault.ok("config", "show", "--node")


def test_keys_are_told_of_but_never_shown_except_on_asking(govault: Shell, tmp_path: Path) -> None:
    govault.ok("keys", "show")
    key_file = tmp_path / "recovery"
    govault.ok("recovery-key", "export", str(key_file))
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert govault.ok("recovery-key", "export").out.strip() == key_file.read_text().strip()
    assert govault("recovery-key", "export", str(key_file)).code == 1
    assert govault.ok("keys", "show", "--json").document["recovery_key_exported"] is True


def test_a_checkpoint_is_signed_and_verified(govault: Shell, tmp_path: Path) -> None:
    signed = govault.ok("checkpoint", "sign")
    path = tmp_path / "checkpoint.json"
    path.write_text(signed.out)
    govault.ok("checkpoint", "verify", str(path))
    govault.ok("checkpoint", "verify", "-", stdin=signed.out.encode())
    forged = signed.document | {"signature": "00" * 64}
    path.write_text(json.dumps(forged))
    assert govault("checkpoint", "verify", str(path)).code != 0


def test_a_running_vault_is_backed_up(govault: Shell, filled: str, tmp_path: Path) -> None:
    govault.ok("backup", str(tmp_path / "backup"))
    assert any((tmp_path / "backup").iterdir())
    assert not list((tmp_path / "backup").rglob("root.key"))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["cat", "main:/nothing"], 3),
        (["info", "f_01M84FEVSFQTWZ0KQRG8ZE60AT"], 3),
        (["info", "0" * 64], 3),
        (["ls", "nosuchspace:/"], 3),
        (["info", "Bad Space:/x"], 2),
        (["info", "no-reference"], 2),
        (["ls", "main:/a//b"], 2),
        (["cat", "main:/../x"], 2),
        (["frobnicate"], 2),
        (["ls", "--nonsense"], 2),
        (["upload", "/no/such/file", "main:/"], 3),
        (["outcome", "e_01M84FEVSFQTWZ0KQRG8ZE60AT"], 3),
        (["--version"], 0),
        (["--help"], 0),
    ],
)
def test_exit_codes_are_those_of_the_contract(govault: Shell, words: list[str], code: int) -> None:
    assert govault(*words).code == code


def test_a_wrong_token_gives_exit_code_4(govault: Shell, tmp_path: Path, node: NodeProcess) -> None:
    token = tmp_path / "token"
    token.write_text("gv_admin_wrong\n")
    ran = govault("ls", "main:/", "--token-file", str(token))
    assert ran.code == 4
    assert "Traceback" not in ran.err
    assert govault("ls", "main:/", "--url", node.url).code == 0


def test_an_error_is_an_object_where_a_program_reads(govault: Shell) -> None:
    ran = govault("cat", "main:/nothing", "--json")
    assert ran.out == ""
    assert json.loads(ran.err)["error"]["code"].startswith("not-found")
    missing = govault("upload", "not/there", "main:/", "--json")
    assert missing.code == 3
    assert json.loads(missing.err)["error"]["message"] == "not/there: No such file or directory"


def test_no_node_is_a_sentence_with_the_way_out(govault: Shell, tmp_path: Path) -> None:
    ran = govault("ls", "main:/", "--data", str(tmp_path))
    assert ran.code == 1
    assert "govault start" in ran.err
    assert govault("doctor", "--data", str(tmp_path / "nothing")).code == 1


def test_a_reader_that_leaves_early_ends_the_command_quietly(govault: Shell, filled: str) -> None:
    with govault.process("log", "dump") as dump:
        assert dump.stdout is not None
        dump.stdout.close()
        assert dump.wait(timeout=30) in (0, 1)
        assert dump.stderr is not None
        assert b"Traceback" not in dump.stderr.read()


def test_progress_and_colours_never_reach_a_pipe(govault: Shell, filled: str) -> None:
    with govault.process("ls", "-l", f"{filled}:/") as listing:
        out, err = listing.communicate(timeout=30)
    with govault.process("download", f"{filled}:/", "/dev/null/no") as download:
        _, more = download.communicate(timeout=30)
    assert b"\x1b" not in out + err + more
    assert out.count(b"\n") == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_whose_streams_are_closed_does_its_work(govault: Shell, filled: str, closed: str) -> None:
    command = [sys.executable, "-m", "govault.cli", "mkdir", f"{filled}:/made"]
    ran = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command], env=govault.environment, timeout=60, check=False
    )
    assert ran.returncode == 0
    assert "made/" in govault.ok("ls", f"{filled}:/").out.splitlines()


def test_a_closed_stdin_is_no_empty_content(govault: Shell, filled: str) -> None:
    command = [sys.executable, "-m", "govault.cli", "upload", "-", f"{filled}:/a.txt"]
    ran = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command],
        env=govault.environment,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert b"stdin is closed" in ran.stderr
    assert govault.ok("cat", f"{filled}:/a.txt").out == "second version"
