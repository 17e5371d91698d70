"""Logging in at a real identity provider (Canaille): its form, its consent, and back."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.node_process import NodeProcess
from tests.e2e.oidc.conftest import CONFIDENTIAL, SECRET, Browser, Vaults, free_port

pytestmark = pytest.mark.slow

NewBrowser = Callable[[], Browser]
_AUDIT_S = 20.0


@pytest.fixture(scope="module")
def vault(vaults: Vaults) -> NodeProcess:
    """A node that gives whoever the provider knows an account, and shares a secret with it."""
    secret = vaults.folder / "secret"
    secret.write_text(SECRET + "\n")
    return vaults.start(client_id=CONFIDENTIAL, client_secret_file=str(secret), create_accounts="true")


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def test_somebody_logs_in_by_form_and_consent_and_is_the_same_the_next_time(
    vault: NodeProcess, new_browser: NewBrowser
) -> None:
    browser = new_browser()
    back = browser.log_in_at_provider(browser.begin(vault.url, return_to="/docs"), "ada")
    arrived = browser.client.get(back)
    assert (arrived.status_code, "url=/docs" in arrived.text) == (200, True)
    who = browser.who(vault.url)
    account = who["account"]
    assert isinstance(account, dict)
    assert (account["login"], account["display_name"]) == ("ada", "Ada Lovelace")
    assert account["email"] == "ada@example.org"
    made = browser.client.post(f"{vault.url}/spaces", json={"name": "hers"}, headers={"GoVault-CSRF": "1"})
    assert made.status_code == 201, made.text
    assert new_browser().client.get(f"{vault.url}/me").status_code == 401
    again = new_browser()
    assert again.log_in(vault.url, "ada").status_code == 200
    assert again.who(vault.url)["actor"] == who["actor"]
    other = new_browser()
    assert other.log_in(vault.url, "bob").status_code == 200
    assert other.who(vault.url)["actor"] != who["actor"]


def test_a_wrong_state_another_browser_and_a_code_used_twice_let_nobody_in(
    vault: NodeProcess, new_browser: NewBrowser
) -> None:
    browser, thief = new_browser(), new_browser()
    back = httpx.URL(browser.log_in_at_provider(browser.begin(vault.url), "ada"))
    kept = browser.client.cookies.get("govault_oidc")
    assert kept is not None
    state = (401, "authentication.identity-state")
    assert code_of(browser.client.get(back.copy_set_param("state", "x" * 43))) == state
    assert code_of(browser.client.get(back.copy_remove_param("state"))) == state
    thief.begin(vault.url)
    assert code_of(thief.client.get(back)) == state
    assert browser.client.get(back).status_code == 200
    assert code_of(browser.client.get(back)) == state
    browser.client.cookies.set("govault_oidc", kept, domain="127.0.0.1", path="/auth/oidc")
    assert code_of(browser.client.get(back)) == (401, "authentication.identity-code")


def test_a_command_logs_in_by_a_browser(vault: NodeProcess, new_browser: NewBrowser, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOVAULT_")}
    environment = {**kept, "GOVAULT_URL": vault.url, "XDG_STATE_HOME": str(tmp_path)}
    govault = [sys.executable, "-m", "govault.cli"]
    command = subprocess.Popen(
        [*govault, "login", "--oidc", "--no-browser"], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert command.stderr is not None
        told = re.search(r"http\S+", command.stderr.readline())
        assert told is not None
        browser = new_browser()
        sent = browser.client.get(told[0])
        arrived = browser.client.get(browser.log_in_at_provider(sent.headers["location"], "ada"))
        assert (arrived.status_code, "govault_access" in arrived.headers.get("set-cookie", "")) == (302, False)
        assert "You are logged in" in browser.client.get(arrived.headers["location"]).text
        out, err = command.communicate(timeout=20)
    finally:
        command.kill()
        command.communicate()
    assert (command.returncode, "as ada" in out) == (0, True), err
    who = subprocess.run([*govault, "whoami"], env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert "session" in who.stdout


def test_logins_and_refusals_are_in_the_audit_trail(vault: NodeProcess, new_browser: NewBrowser) -> None:
    browser = new_browser()
    browser.log_in(vault.url, "ada")
    actor = browser.who(vault.url)["actor"]
    browser.client.get(f"{vault.url}/auth/oidc/callback", params={"code": "x", "state": "y"})
    wanted = {(actor, "allowed"), ("anonymous", "refused")}
    deadline = time.monotonic() + _AUDIT_S
    found: set[tuple[object, object]] = set()
    while not wanted <= found and time.monotonic() < deadline:
        answer = httpx.get(f"{vault.url}/audit", headers={"authorization": f"Bearer {vault.token}"}, timeout=20)
        entries = [one for one in answer.json()["items"] if one["action"] == "GET /auth/oidc/callback"]
        found = {(one["actor"], one["outcome"]) for one in entries}
    assert wanted <= found


def test_who_refuses_or_has_no_account_stays_outside_and_a_provider_that_is_away_stops_no_node(
    vaults: Vaults, new_browser: NewBrowser
) -> None:
    node = vaults.start()
    # Canaille's consents in memory are anybody's of a client: nobody has given this one any yet.
    browser = new_browser()
    back = browser.log_in_at_provider(browser.begin(node.url), "eve", consent="deny")
    assert code_of(browser.client.get(back)) == (401, "authentication.identity-refused")
    assert browser.client.get(f"{node.url}/me").status_code == 401
    refused = new_browser().log_in(node.url, "bob")
    assert code_of(refused) == (403, "access-denied.identity-unknown")
    assert httpx.get(f"{node.url}/people/bob", headers={"authorization": f"Bearer {node.token}"}).status_code == 404
    node.cli("user", "create", "robert")
    node.cli("user", "link", "robert", "--subject", refused.json()["subject"])
    browser = new_browser()
    assert browser.log_in(node.url, "bob").status_code == 200
    assert browser.client.get(f"{node.url}/me").status_code == 200
    node.stop()
    node.environment["GOVAULT_ACCOUNTS__OIDC__ISSUER"] = f"http://127.0.0.1:{free_port()}"
    node.start()
    away = new_browser().client.get(f"{node.url}/auth/oidc/start")
    assert (*code_of(away), away.json()["retryable"]) == (503, "identity-provider", True)
