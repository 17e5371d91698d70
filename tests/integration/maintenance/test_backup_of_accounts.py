"""People come back with a backup, but for those who were erased before it was made."""

import shutil
from pathlib import Path
from typing import Any

from govault.node.recovery import recover_folder
from govault.services.maintenance.backup_files import decode_records
from schemas.topics import Topic
from tests.integration.maintenance.conftest import Door, start_node

PASSWORD = "correct horse battery"


def make(door: Door, login: str) -> str:
    ask = {"login": login, "password": PASSWORD, "email": f"{login}@example.org"}
    return str(door.ask("POST", "/accounts", ask, status=201)["id"])


def keys_in(backup: Path) -> dict[str, bytes]:
    path = backup / "log" / "keys" / "0"
    records = list(decode_records(path, Topic.KEYS, 0))
    assert len({record.key for record in records}) == len(records)
    return {record.key.decode(): record.value for record in records}


def back_up(door: Door, folder: Path) -> dict[str, Any]:
    job: dict[str, Any] = door.job("/admin/backup", {"path": str(folder), "keys": True})
    assert job["state"] == "succeeded", job
    return job


def test_people_log_in_again_after_a_recovery_and_the_erased_are_in_no_later_backup(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    door = start_node(root)
    try:
        ada, bob = make(door, "ada"), make(door, "bob")
        back_up(door, tmp_path / "before")
        assert door.raw("DELETE", "/accounts/bob")[0] == 204
        back_up(door, tmp_path / "after")
    finally:
        door.node.stop()
    shutil.rmtree(root)

    before, after = keys_in(tmp_path / "before"), keys_in(tmp_path / "after")
    assert len(before[bob]) > 32
    assert (after[ada], after[bob]) == (before[ada], b"")
    assert [p for p in (tmp_path / "after").rglob("*") if p.is_file() and before[bob] in p.read_bytes()] == []

    recover_folder([tmp_path / "after"], tmp_path / "data2", None, lambda *told: None)
    again = start_node(tmp_path / "data2")
    try:
        assert again.ask("GET", "/accounts/ada")["email"] == "ada@example.org"
        assert again.ask("POST", "/auth/login", {"login": "ada", "password": PASSWORD})["access_token"]
        again.ask("POST", "/auth/login", {"login": "bob", "password": PASSWORD}, status=401)
        left = again.ask("GET", f"/accounts/{bob}")
        assert (left["state"], left["login"], left["email"]) == ("erased", None, None)
    finally:
        again.node.stop()
