"""What changes between the proof of who somebody is and what he gets by it, and requests that come again."""

import pytest

from govault.errors import TooManyRequests
from govault.limits import LOGIN_ATTEMPTS_FREE
from govault.ports import PasswordVerdict
from tests.fakes.accounts import FastPasswords
from tests.integration.accounts.conftest import PASSWORD, Doors

OTHER_PASSWORD = "another horse battery"


async def test_a_login_with_a_password_that_is_changed_while_it_is_checked_opens_nothing(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await doors.make("ada")
    owner = await doors.token("ada")
    passwords = doors.accounts.sessions.passwords
    assert isinstance(passwords, FastPasswords)
    plain = passwords.verify

    async def verify(password: str, verifier: str) -> PasswordVerdict:
        verdict = await plain(password, verifier)
        monkeypatch.setattr(passwords, "verify", plain)
        doors.vault.clock.advance(0.01)
        change = {"current": PASSWORD, "new": OTHER_PASSWORD}
        assert (await doors.ask(owner, "POST", "/me/password", change)).status_code == 204
        doors.vault.clock.advance(0.01)
        return verdict

    monkeypatch.setattr(passwords, "verify", verify)
    thief = await doors.ask(None, "POST", "/auth/login", {"login": "ada", "password": PASSWORD})
    assert (thief.status_code, thief.json()["code"]) == (401, "authentication.login")
    session = await doors.log_in("ada", OTHER_PASSWORD)
    listed = (await doors.ask(session["access_token"], "GET", "/me/sessions")).json()["items"]
    assert [one["id"] for one in listed] == [session["session_id"]]


async def test_a_token_of_an_administrator_without_the_scope_manages_no_group_that_he_does_not(doors: Doors) -> None:
    await doors.make("root", roles=["admin"])
    await doors.make("bob")
    await doors.operator("POST", "/groups", {"name": "editors"})
    await doors.operator("PUT", "/groups/editors/members/root", {})
    session = await doors.token("root")
    made = await doors.ask(session, "POST", "/me/tokens", {"name": "w", "scopes": ["write"]})
    token = made.json()["token"]
    assert (await doors.ask(token, "PUT", "/groups/editors/members/bob", {})).status_code == 403
    assert (await doors.ask(token, "PATCH", "/groups/editors", {"name": "mine"})).status_code == 403
    await doors.operator("PUT", "/groups/editors/members/root", {"manager": True})
    assert (await doors.ask(token, "PUT", "/groups/editors/members/bob", {})).status_code == 204


@pytest.mark.parametrize(
    ("path", "ask"), [("/accounts", {"login": "ada", "password": PASSWORD}), ("/groups", {"name": "editors"})]
)
async def test_a_repeat_of_what_makes_something_is_answered_by_what_it_made(
    doors: Doors, path: str, ask: dict[str, object]
) -> None:
    await doors.make("root", roles=["admin"])
    session, key = await doors.token("root"), {"idempotency-key": "once"}
    first = await doors.ask(session, "POST", path, ask, key)
    again = await doors.ask(session, "POST", path, ask, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    keys = doors.account_keys.keys
    assert len(keys) == len((await doors.operator("GET", "/accounts")).json()["items"])


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/accounts", {"login": "ada"}),
        ("/invites", {}),
        ("/accounts/root/tokens", {"name": "t", "scopes": ["read"]}),
        ("/me/tokens", {"name": "t", "scopes": ["read"]}),
    ],
)
async def test_a_repeat_of_what_told_a_secret_says_so_and_names_what_it_made(
    doors: Doors, path: str, ask: dict[str, object]
) -> None:
    await doors.make("root", roles=["admin"])
    session, key = await doors.token("root"), {"idempotency-key": "once"}
    first = await doors.ask(session, "POST", path, ask, key)
    again = await doors.ask(session, "POST", path, ask, key)
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "conflict.told-once")
    assert str(first.json().get("id") or first.json().get("hash")) in again.json()["detail"]


async def test_a_password_that_nobody_had_time_to_check_is_no_wrong_one(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await doors.make("ada")
    passwords = doors.accounts.sessions.passwords

    async def busy(*_: str) -> PasswordVerdict:
        raise TooManyRequests("more wait than may", code="too-many-requests.passwords", retry_after_s=2)

    with monkeypatch.context() as patched:
        patched.setattr(passwords, "verify", busy)
        for _ in range(LOGIN_ATTEMPTS_FREE + 2):
            refused = await doors.ask(None, "POST", "/auth/login", {"login": "ada", "password": PASSWORD})
            assert refused.json()["code"] == "too-many-requests.passwords"
    assert await doors.token("ada")


async def test_a_new_password_that_breaks_a_rule_is_no_wrong_guess_of_the_current_one(doors: Doors) -> None:
    await doors.make("ada")
    token = await doors.token("ada")
    for _ in range(LOGIN_ATTEMPTS_FREE + 2):
        refused = await doors.ask(token, "POST", "/me/password", {"current": PASSWORD, "new": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")
    assert await doors.token("ada")
