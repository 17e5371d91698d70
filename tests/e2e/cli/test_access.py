"""``govault access`` against a real node."""

import subprocess
import time

import pytest

from tests.e2e.cli.conftest import Shell

DECIDED_WITHIN_S = 30
NOBODY = "a_01JCZ8M5T4Q9V2W3X4Y5Z6A7C1"


def test_show_and_explain_tell_of_a_file_a_folder_and_a_space(govault: Shell, space: str) -> None:
    govault.ok("upload", "-", f"{space}:/d/a.txt", stdin=b"x")
    shown = govault.ok("access", "show", f"{space}:/d/a.txt", "--json").document
    assert (shown["type"], shown["path"], shown["grants"], shown["owner"]) == ("file", "d/a.txt", [], None)
    assert [(place["type"], place["path"]) for place in shown["inherited"]] == [("folder", "d"), ("space", "")]
    assert govault.ok("access", "show", f"{space}:/d/", "--json").document["type"] == "folder"
    assert govault.ok("access", "show", f"{space}:/", "--json").document["type"] == "space"
    assert "administrators" in govault.ok("access", "show", f"{space}:/d/a.txt").out
    for ref in (f"{space}:/d/a.txt", shown["id"], f"{space}:/"):
        own = govault.ok("access", "explain", ref)
        assert own.out.splitlines()[-1] == "admin: owner"
        assert govault.ok("access", "explain", ref, "public", "--json").document["level"] == "none"


def test_what_cannot_be_granted_is_refused_with_the_words_that_can(govault: Shell, space: str) -> None:
    govault.ok("upload", "-", f"{space}:/a.txt", stdin=b"x")
    wrong = govault("access", "grant", f"{space}:/a.txt", "users", "viewer")
    assert wrong.code == 2
    assert "read, write can" in wrong.err
    assert "viewer, editor, manager can" in govault("access", "grant", f"{space}:/", "users", "read").err
    assert govault("access", "grant", f"{space}:/a.txt", NOBODY, "read").code == 3
    assert "grant the role manager" in govault("access", "owner", f"{space}:/", NOBODY).err
    assert "is no principal" in govault("access", "revoke", f"{space}:/a.txt", "somebody").err


@pytest.fixture
def deciding(govault: Shell, space: str) -> str:
    """A space whose partition has come to the rules that decide access, as those of a fresh vault do by themselves."""
    until = time.monotonic() + DECIDED_WITHIN_S
    while not govault.ok("access", "show", f"{space}:/", "--json").document["decided"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    return space


def test_a_grant_at_a_folder_is_given_explained_and_taken_back(govault: Shell, deciding: str) -> None:
    space = deciding
    govault.ok("upload", "-", f"{space}:/d/a.txt", stdin=b"x")
    given = govault.ok("access", "grant", f"{space}:/d", "users", "write", "--json").document
    assert (given["principal"], given["level"], given["revision"]) == ("users", "write", 1)
    govault.ok("access", "grant", f"{space}:/", "public", "viewer")
    told = govault.ok("access", "explain", f"{space}:/d/a.txt", "users").out.splitlines()
    assert told == [
        f"write  write of {space}:/d, as users",
        f"read   viewer of {space}:/, as public",
        "users: write",
    ]
    assert govault.ok("access", "explain", "users", f"{space}:/d/a.txt").out.splitlines() == told
    shown = govault.ok("access", "show", f"{space}:/d/a.txt").out
    assert f"write   from {space}:/d" in shown
    stale = govault("access", "revoke", f"{space}:/d", "users", "--if-revision", "0")
    assert stale.code == 5
    govault.ok("access", "revoke", f"{space}:/d", "users", "--if-revision", "1")
    assert govault.ok("access", "explain", f"{space}:/d/a.txt", "users", "--json").document["level"] == "read"
    # Other tests share the node, and look at what everybody sees.
    govault.ok("access", "revoke", f"{space}:/", "public")
    assert govault.ok("access", "explain", f"{space}:/d/a.txt", "users", "--json").document["level"] == "none"


def test_accounts_and_groups_are_granted_by_name_and_shown_by_id(govault: Shell, deciding: str) -> None:
    made = govault.ok("user", "create", f"ada-{deciding}", "--json").document
    group = govault.ok("group", "create", f"team-{deciding}", "--json").document
    govault.ok("mkdir", f"{deciding}:/d")
    govault.ok("access", "grant", f"{deciding}:/d", f"user:ada-{deciding}", "read")
    govault.ok("access", "grant", f"{deciding}:/d", f"group:team-{deciding}", "write")
    shown = govault.ok("access", "show", f"{deciding}:/d", "--json").document
    assert {one["principal"]: one["level"] for one in shown["grants"]} == {made["id"]: "read", group["id"]: "write"}
    govault.ok("group", "add", f"team-{deciding}", f"ada-{deciding}")
    told = govault.ok("access", "explain", f"{deciding}:/d", f"user:ada-{deciding}")
    assert told.out.splitlines()[-1] == f"{made['id']}: write"
    govault.ok("access", "owner", f"{deciding}:/d", f"user:ada-{deciding}")
    assert govault.ok("access", "show", f"{deciding}:/d", "--json").document["owner"] == made["id"]
    assert govault("access", "grant", f"{deciding}:/d", "user:nobody-at-all", "read").code == 3


def test_an_address_for_a_short_while_is_fetched_by_curl_with_a_range(govault: Shell, space: str) -> None:
    content = bytes(range(256)) * 4096
    govault.ok("upload", "-", f"{space}:/film.mp4", stdin=content)
    url = govault.ok("share", "token", f"{space}:/film.mp4", "--for", "5m").out.strip()
    curl = ["curl", "--silent", "--show-error", "--max-time", "20", "--fail-with-body", "--noproxy", "*"]

    def fetched(*words: str) -> bytes:
        return subprocess.run([*curl, *words], capture_output=True, check=True, timeout=30).stdout

    assert fetched(url) == content
    assert fetched("--range", "1000-1999", url) == content[1000:2000]
    assert b"content-length: 1048576" in fetched("--head", url).lower()
    assert (
        subprocess.run([*curl, "--upload-file", "/etc/hostname", url], capture_output=True, timeout=30).returncode == 22
    )
    made = govault.ok("share", "token", f"{space}:/film.mp4", "--methods", "get,put", "--json").document
    node, _, _ = url.partition("/content/")
    fetched("--request", "PUT", "--data-binary", "next", node + made["url"])
    assert fetched(node + made["url"]) == b"next"
    first = govault.ok("share", "token", f"{space}:/film.mp4@1").out.strip()
    assert fetched("--range", "-7", first) == content[-7:]
    found = govault.ok("audit", "search", "--token", made["id"]).out
    assert "POST /files/{ref}/tokens" in found
    assert govault("share", "token", f"{space}:/film.mp4", "--for", "25h").code == 2
    assert govault("share", "token", f"{space}:/").code != 0
