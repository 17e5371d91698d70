"""A lost machine comes back equal: same digests, same bytes."""

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from govault.errors import Config, InvalidRequest
from govault.node.recovery import recover_folder
from tests.integration.maintenance.conftest import Door, start_node

MIB = 1 << 20


def silent(done: int, total: int, text: str) -> None:
    """Progress for nobody."""


def fill(door: Door) -> dict[str, bytes]:
    contents = {f"folder/{number}": os.urandom(MIB // 2) for number in range(6)}
    contents["empty"] = b""
    for path, content in contents.items():
        door.put(path, b"an earlier version of " + path.encode())
        door.put(path, content)
    assert door.raw("DELETE", "/spaces/main/files/folder/0")[0] == 200
    del contents["folder/0"]
    return contents


@pytest.fixture
def door(tmp_path: Path):
    root = tmp_path / "data"
    root.mkdir()
    found = start_node(root)
    yield found
    found.node.stop()


def test_a_lost_machine_comes_back_equal(door: Door, tmp_path: Path) -> None:
    contents = fill(door)
    before = door.digests()
    job = door.job("/admin/backup", {"path": str(tmp_path / "backup"), "keys": True})
    assert job["state"] == "succeeded", job
    listed = {
        (row["topic"], row["partition"]): (row["end"] - 1, row["history"], row["view"])
        for row in manifest_partitions(tmp_path / "backup")
    }
    door.node.stop()
    shutil.rmtree(door.node.root)

    recover_folder([tmp_path / "backup"], tmp_path / "data2", None, silent)
    again = start_node(tmp_path / "data2")
    try:
        after = again.digests()
        # A start writes NodeStarted to .peers; all else stands where it stood.
        assert {place: after[place] for place in before if place[0] != "peers"} == {
            place: digest for place, digest in before.items() if place[0] != "peers"
        }
        assert all(listed[place] == digest for place, digest in before.items() if digest[0] >= 0)
        for path, content in contents.items():
            assert again.raw("GET", f"/spaces/main/files/{path}")[1] == content
        report = again.job("/admin/check?read_data=true&read_files=true")["result"]
        assert report["ok"] is True, report
        assert report["versions"] >= 2 * len(contents)
        assert again.put("after", b"it goes on")["version"] == 1
    finally:
        again.node.stop()


def test_a_backup_made_under_writes_is_a_cut_of_the_log_with_every_chunk_it_needs(door: Door, tmp_path: Path) -> None:
    fill(door)
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not stop.is_set():
            path = f"meanwhile/{len(written)}"
            door.put(path, path.encode() * 1000)
            written.append(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        job = door.job("/admin/backup", {"path": str(tmp_path / "backup"), "keys": True})
    finally:
        stop.set()
        writer.join()
    assert job["state"] == "succeeded", job
    records = door.raw("GET", "/admin/log/records?topic=files")[1].splitlines()
    door.node.stop()

    report = recover_folder([tmp_path / "backup"], tmp_path / "data2", None, silent)
    assert report.records == job["result"]["records"]
    again = start_node(tmp_path / "data2")
    try:
        cut = manifest_partitions(tmp_path / "backup")
        ends = {row["partition"]: row["end"] for row in cut if row["topic"] == "files"}
        recovered = set(again.raw("GET", "/admin/log/records?topic=files")[1].splitlines())
        in_cut = {line for line in records if (row := json.loads(line))["offset"] < ends[row["partition"]]}
        assert in_cut <= recovered
        assert len(in_cut) == sum(ends.values())
        found = again.job("/admin/check?read_data=true&read_files=true")["result"]
        assert found["ok"] is True, found
    finally:
        again.node.stop()


def manifest_partitions(backup: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((backup / "backup.json").read_bytes())["partitions"]
    return rows


def test_without_keys_in_it_a_backup_needs_the_recovery_key(door: Door, tmp_path: Path) -> None:
    contents = fill(door)
    key = door.ask("POST", "/admin/keys/recovery")["recovery_key"]
    door.ask("POST", "/admin/keys/rotate")
    door.put("sealed/later", b"x" * 100_000)
    job = door.job("/admin/backup", {"path": str(tmp_path / "backup")})
    assert job["result"]["keys"] is False
    assert not (tmp_path / "backup" / "keys").exists()
    door.node.stop()

    with pytest.raises(Config, match="has no keys"):
        recover_folder([tmp_path / "backup"], tmp_path / "data2", None, silent)
    with pytest.raises(InvalidRequest):
        recover_folder([tmp_path / "backup"], tmp_path / "data2", key[:-1] + ("0" if key[-1] != "0" else "1"), silent)
    assert not (tmp_path / "data2").exists()
    recover_folder([tmp_path / "backup"], tmp_path / "data2", key, silent)
    again = start_node(tmp_path / "data2")
    try:
        assert again.raw("GET", "/spaces/main/files/sealed/later")[1] == b"x" * 100_000
        for path, content in contents.items():
            assert again.raw("GET", f"/spaces/main/files/{path}")[1] == content
    finally:
        again.node.stop()


def test_a_damaged_or_incomplete_backup_is_refused_before_anything_is_written(door: Door, tmp_path: Path) -> None:
    fill(door)
    backup = tmp_path / "backup"
    door.job("/admin/backup", {"path": str(backup), "keys": True})
    assert door.job("/admin/backup", {"path": str(backup)})["error_code"] == "invalid-request"
    door.ask("POST", "/admin/backup", {"path": "not/absolute"}, status=422)
    inside = door.job("/admin/backup", {"path": str(door.node.root / "backup")})
    assert "contain each other" in inside["error"]
    door.node.stop()

    pack = next((backup / "packs").iterdir())
    raw = bytearray(pack.read_bytes())
    raw[len(raw) // 2] ^= 1
    pack.write_bytes(raw)
    with pytest.raises(Config, match="not what was backed up"):
        recover_folder([backup], tmp_path / "data2", None, silent)
    pack.unlink()
    with pytest.raises(Config, match="is missing"):
        recover_folder([backup], tmp_path / "data2", None, silent)
    (backup / "backup.json").unlink()
    with pytest.raises(Config, match="not a complete backup"):
        recover_folder([backup], tmp_path / "data2", None, silent)
    assert not (tmp_path / "data2").exists()


def test_of_a_damaged_backup_that_is_the_only_one_the_rest_can_be_had(door: Door, tmp_path: Path) -> None:
    kept, lost = os.urandom(300_000), os.urandom(300_000)
    door.put("kept", kept)
    door.put("lost", lost)
    backup = tmp_path / "backup"
    assert door.job("/admin/backup", {"path": str(backup), "keys": True})["state"] == "succeeded"
    door.node.stop()
    (pack,) = (backup / "packs").iterdir()
    raw = bytearray(pack.read_bytes())
    raw[-100_000] ^= 1
    pack.write_bytes(raw)

    report = recover_folder([backup], tmp_path / "data2", None, silent, salvage=True)
    assert not report.whole
    assert [str(pack) in sentence for sentence in report.damaged] == [True]
    assert any("lost" in finding.what + finding.means for finding in report.findings)
    again = start_node(tmp_path / "data2")
    try:
        assert again.raw("GET", "/spaces/main/files/kept")[1] == kept
        assert again.raw("GET", "/spaces/main/files/lost")[0] >= 500
    finally:
        again.node.stop()


def test_salvaging_takes_no_damaged_log(door: Door, tmp_path: Path) -> None:
    fill(door)
    backup = tmp_path / "backup"
    door.job("/admin/backup", {"path": str(backup), "keys": True})
    door.node.stop()
    log = max((backup / "log").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    log.write_bytes(log.read_bytes()[:-10])
    with pytest.raises(Config, match="is not what was backed up"):
        recover_folder([backup], tmp_path / "data2", None, silent, salvage=True)
    assert not (tmp_path / "data2").exists()


def test_recovery_changes_no_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "something").write_text("precious")
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "vault.json").write_text(
        '{"vault_id": "v", "log_kind": "embedded", "topic_prefix": "govault", "partitions": 8}'
    )
    with pytest.raises(Config, match="not an empty folder"):
        recover_folder([tmp_path / "backup"], tmp_path / "data", None, silent)
    assert (tmp_path / "data" / "something").read_text() == "precious"


def test_a_place_where_no_folder_can_be_put_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mounted").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "mounted")
    with pytest.raises(Config, match=r"is a mount: .* --data .*mounted/vault"):
        recover_folder([tmp_path / "backup"], tmp_path / "mounted", None, silent)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(Config, match="not an empty folder"):
        recover_folder([tmp_path / "backup"], tmp_path / "file", None, silent)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(Config, match="leads nowhere"):
        recover_folder([tmp_path / "backup"], tmp_path / "circle", None, silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "file", "mounted"]


def test_what_is_no_backup_at_all_is_told_with_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of something else")
    with pytest.raises(Config, match=r"cannot be read \(Not a directory\): name the folder"):
        recover_folder([tmp_path / "file"], tmp_path / "data", None, silent)
    (tmp_path / "folder" / "backup.json").mkdir(parents=True)
    with pytest.raises(Config, match=r"cannot be read \(Is a directory\): name the folder"):
        recover_folder([tmp_path / "folder"], tmp_path / "data", None, silent)
    assert not (tmp_path / "data").exists()
