"""People of a vault at the command line: the first password, a login, groups, tokens, and the end of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery"


@pytest.fixture
def state(govault: Shell) -> Iterator[Path]:
    """Where logins are kept; nobody is logged in before and after."""
    folder = govault.root.parent / "state" / "govault"
    yield folder
    for path in folder.glob("session-*.json"):
        path.unlink()


def admin_password(govault: Shell) -> str:
    """Log in as the first administrator; its password is the one-time one, or what an earlier test made of it."""
    file = govault.root / "admin.password"
    if file.exists():
        first = file.read_text().strip()
        if govault("login", "admin", stdin=f"{first}\n".encode()).code == 0:
            govault.ok("user", "password", stdin=f"{first}\n{PASSWORD}\n".encode())
    return PASSWORD


def test_the_first_password_must_be_changed_and_its_file_goes(govault: Shell, state: Path) -> None:
    file = govault.root / "admin.password"
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text().strip()
    told = govault.ok("login", "admin", stdin=f"{first}\n".encode())
    assert "Change the password" in told.err
    refused = govault("space", "ls")
    assert refused.code != 0
    assert "change the password first" in refused.err
    govault.ok("user", "password", stdin=f"{first}\n{PASSWORD}\n".encode())
    assert govault("login", "admin", stdin=f"{first}\n".encode()).code == 4
    govault.ok("login", "admin", stdin=f"{PASSWORD}\n".encode())
    assert govault.ok("whoami", "--json").document["account"]["login"] == "admin"
    deadline_s = time.monotonic() + 30
    while file.exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    (kept,) = state.glob("session-*.json")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_an_administrator_makes_people_groups_and_tokens_and_each_gets_what_is_his(govault: Shell, state: Path) -> None:
    password = admin_password(govault)
    govault.ok("login", "admin", stdin=f"{password}\n".encode())
    made = govault.ok("user", "create", "ada", "--name", "Ada Lovelace", "--password", stdin=f"{PASSWORD}\n".encode())
    assert "Ada Lovelace" in made.out
    assert govault("user", "create", "ADA", "--password", stdin=f"{PASSWORD}\n".encode()).code == 5
    govault.ok("group", "create", "editors")
    govault.ok("group", "add", "editors", "ada", "--manager")
    assert "ada (manager)" in govault.ok("group", "show", "editors").out
    govault.ok("upload", "-", "main:/for-ada.txt", stdin=b"x")
    govault.ok("access", "grant", "main:/for-ada.txt", "ada", "read")
    assert "read" in govault.ok("access", "explain", "ada", "main:/for-ada.txt").out
    govault.ok("user", "create", "backup", "--service")
    token = govault.ok("token", "create", "nightly", "--user", "backup", "--expires", "30d").out.strip()
    assert token.startswith("gv_token_")
    (listed,) = govault.ok("token", "ls", "--user", "backup", "--json").document
    govault.ok("token", "revoke", listed["id"], "--user", "backup")
    assert govault.ok("token", "ls", "--user", "backup", "--json").document == []
    govault.ok("login", "ada", stdin=f"{PASSWORD}\n".encode())
    assert "editors" in govault.ok("group", "ls").out
    refused = govault("user", "ls")
    assert refused.code == 4
    assert "administrator" in refused.err
    assert len(govault.ok("sessions", "ls", "--json").document) == 1
    govault.ok("logout")
    assert govault.ok("whoami", "--json").document["credential"] == "operator"
    assert govault("logout").code == 4
    ada = govault.ok("user", "show", "ada", "--json").document["id"]
    govault.ok("access", "owner", "main:/for-ada.txt", ada)
    assert "1 files" in govault.ok("user", "hand-over", "ada", "--to", "admin").out
    heir = govault.ok("access", "show", "main:/for-ada.txt", "--json").document["owner"]
    assert heir == govault.ok("user", "show", "admin", "--json").document["id"]
    erased = govault.ok("user", "erase", "ada", "--yes")
    assert erased.code == 0
    assert govault("user", "show", "ada").code == 3


def test_what_an_account_may_own_is_set_shown_kept_and_lifted(govault: Shell, state: Path, tmp_path: Path) -> None:
    password = f"{PASSWORD}\n".encode()
    govault.ok("user", "create", "eve", "--password", "--quota-bytes", "1MiB", stdin=password)
    changed = govault.ok("user", "change", "eve", "--quota-files", "1", "--json").document
    assert changed["quota"] == {"bytes_max": 1024**2, "files_max": 1}
    assert "1.0 MiB and 1 file" in govault.ok("user", "show", "eve").out
    govault.ok("login", "eve", stdin=password)
    govault.ok("space", "create", "eves")
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x")
    govault.ok("upload", str(tmp_path / "one"), "eves:/")
    assert "1 file, 1 B" in govault.ok("whoami").out
    refused = govault("upload", str(tmp_path / "two"), "eves:/")
    assert (refused.code, "purge trash" in refused.err) == (1, True)
    assert govault("user", "change", "--quota-files", "9").code == 2
    assert govault("user", "change", "eve", "--quota-files", "9").code == 4
    govault.ok("logout")
    lifted = govault.ok("user", "change", "eve", "--quota-files", "none", "--json").document
    assert lifted["quota"] == {"bytes_max": 1024**2, "files_max": None}
    govault.ok("login", "eve", stdin=password)
    govault.ok("upload", str(tmp_path / "two"), "eves:/")
    govault.ok("logout")
    assert govault("user", "change", "eve", "--quota-bytes", "some").code == 2


def test_a_login_by_a_browser_ends_at_once_where_no_identity_provider_is_configured(govault: Shell) -> None:
    refused = govault("login", "--oidc", "--no-browser")
    assert refused.code == 3
    assert "identity provider" in refused.err
    assert "Log in at" not in refused.err


def test_a_session_is_refreshed_before_it_ends_and_once_for_many_commands(govault: Shell, state: Path) -> None:
    password = admin_password(govault)
    govault.ok("login", "admin", stdin=f"{password}\n".encode())
    (kept,) = state.glob("session-*.json")
    before = json.loads(kept.read_text())
    kept.write_text(json.dumps({**before, "expires_s": 0}))
    running = [govault.process("whoami", "--json") for _ in range(4)]
    answers = [process.communicate(timeout=60) for process in running]
    assert [json.loads(out)["credential"] for out, _ in answers] == ["session"] * 4
    after = json.loads(kept.read_text())
    assert after["refresh_token"] != before["refresh_token"]
    govault.ok("whoami")


def test_a_wrong_password_is_a_refusal_and_keeps_nothing(govault: Shell, state: Path) -> None:
    refused = govault("login", "nobody", stdin=b"whatever it is\n")
    assert (refused.code, list(state.glob("session-*.json"))) == (4, [])
    assert "the login or the password is wrong" in refused.err
    assert govault("login", "nobody", stdin=b"").code == 2
