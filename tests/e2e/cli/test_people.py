"""Somebody who is no administrator, at the command line of a real node: what is hers, what was granted, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell

pytestmark = pytest.mark.slow

PASSWORD = "a password of hers"
DENIED, NOT_FOUND = 4, 3


@pytest.fixture
def eve(govault: Shell, space: str) -> Iterator[str]:
    """An account of her own for each test; nobody is logged in when it begins and ends."""
    login = f"eve-{space}"
    govault.ok("user", "create", login, "--password", stdin=f"{PASSWORD}\n".encode())
    yield login
    for path in (govault.root.parent / "state" / "govault").glob("session-*.json"):
        path.unlink()


def log_in(govault: Shell, login: str) -> None:
    govault.ok("login", login, stdin=f"{PASSWORD}\n".encode())


def lists(govault: Shell, space: str) -> dict[str, list[str]]:
    """All that lists show her."""
    return {
        "spaces": [one["name"] for one in govault.ok("space", "ls", "--json").document],
        "tree": [one["path"] for one in govault.ok("ls", "-R", f"{space}:/", "--json").document],
        "found": sorted(one["path"] for one in govault.ok("find", "--name", "*.txt", "--json").document),
    }


def test_she_sees_and_writes_what_was_granted_to_her_and_nothing_else(
    govault: Shell, space: str, eve: str, tmp_path: Path
) -> None:
    for path in ("ours/plan.txt", "ours/deep/notes.txt", "theirs/secret.txt"):
        govault.ok("upload", "-", f"{space}:/{path}", stdin=path.encode())
    log_in(govault, eve)
    assert govault.ok("space", "ls", "--json").document == []
    assert govault("ls", f"{space}:/").code == NOT_FOUND
    assert govault("download", f"{space}:/ours/plan.txt", "-").code == NOT_FOUND
    govault.ok("logout")
    govault.ok("access", "grant", f"{space}:/ours", f"user:{eve}", "read")

    log_in(govault, eve)
    assert govault.ok("download", f"{space}:/ours/plan.txt", "-").out == "ours/plan.txt"
    assert govault("upload", "-", f"{space}:/ours/mine.txt", stdin=b"x").code == DENIED
    assert govault("upload", "-", f"{space}:/theirs/mine.txt", stdin=b"x").code == NOT_FOUND
    govault.ok("logout")
    govault.ok("access", "grant", f"{space}:/ours", f"user:{eve}", "write")

    log_in(govault, eve)
    govault.ok("upload", "-", f"{space}:/ours/mine.txt", stdin=b"x")
    assert govault.ok("access", "explain", f"{space}:/ours/mine.txt").out.splitlines()[-1].endswith(": owner")
    seen = lists(govault, space)
    assert seen["spaces"] == [space]
    assert seen["found"] == ["ours/deep/notes.txt", "ours/mine.txt", "ours/plan.txt"]
    assert not any("theirs" in path or "secret" in path for path in seen["tree"])
    govault.ok("logout")
    # Views folded anew, by processes of their own, say the same.
    govault.ok("views", "rebuild")
    log_in(govault, eve)
    assert lists(govault, space) == seen
    govault.ok("rm", f"{space}:/ours/mine.txt", "--yes")
    govault.ok("logout")
    govault.ok("access", "revoke", f"{space}:/ours", f"user:{eve}")
    log_in(govault, eve)
    assert govault("download", f"{space}:/ours/plan.txt", "-").code == NOT_FOUND


def test_she_manages_the_space_that_she_makes(govault: Shell, eve: str) -> None:
    log_in(govault, eve)
    govault.ok("space", "create", f"{eve}-own")
    govault.ok("upload", "-", f"{eve}-own:/a.txt", stdin=b"x")
    govault.ok("access", "grant", f"{eve}-own:/", "users", "viewer")
    govault.ok("space", "rm", f"{eve}-own", "--force", "--yes")
    assert govault("space", "show", f"{eve}-own").code == NOT_FOUND
