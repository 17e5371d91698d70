import fcntl
import json
from pathlib import Path

import pytest

from govault.cli.offline import examine


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("log", "store", "keys"):
        (folder / name).mkdir(parents=True)
    (folder / "FORMAT").write_text("1\n")
    for name in ("admin.token", "keys/root.key", "keys/node.key"):
        (folder / name).write_text("secret")
        (folder / name).chmod(0o600)
    return folder


def codes(root: Path) -> dict[str, str]:
    findings = examine(root)
    for finding in findings:
        assert all(finding[name] for name in ("what", "means", "todo"))
    return {finding["code"]: finding["severity"] for finding in findings}


def test_a_sound_folder_is_told_to_be_free(root: Path) -> None:
    assert codes(root) == {"node.down": "info"}


def test_a_missing_folder_and_one_without_a_vault_are_errors(tmp_path: Path) -> None:
    assert codes(tmp_path / "nothing") == {"folder.missing": "error"}
    assert codes(tmp_path) == {"folder.no-vault": "error"}
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_told(root: Path) -> None:
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert codes(root) == {"folder.unusable": "error"}


def test_a_newer_format_is_told(root: Path) -> None:
    (root / "FORMAT").write_text("99\n")
    assert codes(root) == {"folder.unusable": "error"}


def test_an_unclean_end_is_told(root: Path) -> None:
    (root / "node.json").write_text("{}")
    assert codes(root)["node.unclean"] == "warning"


def test_open_and_missing_secrets_are_told(root: Path) -> None:
    (root / "keys/root.key").chmod(0o644)
    (root / "admin.token").unlink()
    assert codes(root) == {"node.down": "info", "secret.open": "error", "secret.missing": "warning"}


def test_missing_parts_are_told_but_a_log_elsewhere_is_none(root: Path) -> None:
    (root / "log").rmdir()
    assert codes(root)["folder.no-log"] == "error"
    (root / "vault.json").write_text(json.dumps({"log_kind": "kafka"}))
    assert "folder.no-log" not in codes(root)
    (root / "store").rmdir()
    assert codes(root)["folder.no-store"] == "error"
