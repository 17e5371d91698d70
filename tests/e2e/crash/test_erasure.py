"""A person is erased on a running node: soon no file of its data folder holds what opened his data."""

import base64
import json
import os
import time
from pathlib import Path

import pytest

from govault.limits import COMPACTION_LAG_MS
from tests.integration.maintenance.conftest import Door, start_node
from tests.kafka.suite import SUITE_BOOTSTRAP

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        SUITE_BOOTSTRAP in os.environ, reason="the log is no file of the node's: see tests/e2e/kafka/test_erasure.py"
    ),
]
SOON_S = COMPACTION_LAG_MS / 1000 + 90
PASSWORD = "correct horse battery"
SECRETS = ("ada.lovelace", "countess@example.org", "Augusta Ada King", PASSWORD)


def wrapped_keys(door: Door) -> list[bytes]:
    """Every value on the topic of keys, in log order."""
    lines = [json.loads(line) for line in door.raw("GET", "/admin/log/records?topic=keys")[1].splitlines()]
    return [base64.b64decode(line["value"]) for line in lines]


def files_with(root: Path, content: bytes) -> list[str]:
    """The files below a folder that hold these bytes anywhere. Files may go meanwhile."""
    found = []
    for path in root.rglob("*"):
        try:
            if path.is_file() and content in path.read_bytes():
                found.append(str(path.relative_to(root)))
        except FileNotFoundError:
            continue
    return found


def test_soon_after_an_erasure_no_file_of_the_data_folder_holds_the_key(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    door = start_node(root)
    try:
        known = len(wrapped_keys(door))
        ask = {"login": SECRETS[0], "email": SECRETS[1], "display_name": SECRETS[2], "password": PASSWORD}
        made = door.ask("POST", "/accounts", ask, status=201)
        (wrapped,) = wrapped_keys(door)[known:]
        assert len(wrapped) > 32
        assert files_with(root, wrapped)
        assert door.ask("POST", "/auth/login", {"login": SECRETS[0], "password": PASSWORD})["access_token"]
        door.ask("POST", "/auth/login", {"login": SECRETS[0], "password": "a wrong one"}, status=401)
        assert door.ask("GET", f"/accounts/{SECRETS[0]}")["id"] == made["id"]
        assert door.raw("DELETE", f"/accounts/{SECRETS[0]}")[0] == 204
        began_s = time.monotonic()
        while left := files_with(root, wrapped):
            assert time.monotonic() - began_s < SOON_S, left
            time.sleep(1)
        assert {text: files_with(root, text.encode()) for text in SECRETS} == {text: [] for text in SECRETS}
        door.ask("POST", "/accounts", {"login": "next", "password": PASSWORD}, status=201)
        assert door.ask("POST", "/auth/login", {"login": "next", "password": PASSWORD})["access_token"]
    finally:
        door.node.stop()
    assert files_with(root, wrapped) == []
