"""Credentials that count no more, and garbage: refused by every route in the same words."""

import random
from typing import Any

import pytest
import structlog

from api.middleware.gate import PUBLIC_ROUTES, SECRETS_IN_PATH
from govault.errors import Authentication
from govault.limits import ACCESS_TOKEN_VALID_S
from tests.integration.accounts.conftest import Doors

SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_. =/+\x00\x7f\xe9"
FUZZED = 100_000


async def void_credentials(doors: Doors) -> dict[str, str]:
    """One of each kind that was good once, or is good for something else."""
    for login in ("expired", "logged-out", "disabled", "erased", "revoked"):
        await doors.make(login, roles=["admin"])
    made = {"expired access token": await doors.token("expired")}
    doors.vault.clock.advance(ACCESS_TOKEN_VALID_S + 1)
    accounts = doors.accounts
    await accounts.freshness.work()
    session = await doors.log_in("logged-out")
    made["access token of an ended session"] = session["access_token"]
    await doors.ask(session["access_token"], "POST", "/auth/logout")
    made["refresh token"] = (await doors.log_in("logged-out"))["refresh_token"]
    made["disabled account"] = await doors.token("disabled")
    await doors.operator("PATCH", "/accounts/disabled", {"disabled": True})
    made["erased account"] = await doors.token("erased")
    await doors.operator("DELETE", "/accounts/erased")
    ask = {"name": "t", "scopes": ["admin"]}
    token = (await doors.operator("POST", "/accounts/revoked/tokens", ask)).json()
    made["revoked API token"] = token["token"]
    await doors.operator("DELETE", f"/accounts/revoked/tokens/{token['id']}")
    token = (await doors.operator("POST", "/accounts/revoked/tokens", {**ask, "expires_s": 1})).json()
    made["expired API token"] = token["token"]
    doors.vault.clock.advance(2)
    made["invite"] = (await doors.operator("POST", "/invites", {})).json()["invite"]
    file = (await doors.vault.put("plan", b"x")).json()
    shared = await doors.operator("POST", f"/files/{file['id']}/shares", {})
    made["file token"] = (await doors.operator("POST", f"/files/{file['id']}/tokens", {})).json()["token"]
    made["share link's token"] = shared.json().get("token", "0" * 95)
    return made


async def test_every_route_refuses_what_counts_no_more_in_the_same_words(doors: Doors) -> None:
    void = await void_credentials(doors)
    document = (await doors.operator("GET", "/openapi.json")).json()
    with structlog.testing.capture_logs():
        for template, operations in document["paths"].items():
            if template in PUBLIC_ROUTES or template.startswith(SECRETS_IN_PATH):
                continue
            path = "/".join("unknown" if part.startswith("{") else part for part in template.split("/"))
            for method in operations:
                for kind, credential in void.items():
                    answer = await doors.ask(credential, method.upper(), path)
                    assert answer.status_code == 401, (kind, method, template)
                    if method != "head":
                        told: dict[str, Any] = answer.json()
                        del told["instance"], told["request_id"]
                        assert told == REFUSED, (kind, method, template)


REFUSED = {
    "retryable": False,
    "type": "urn:govault:problem:authentication",
    "title": "Unauthorized",
    "status": 401,
    "code": "authentication",
    "detail": "a valid bearer token is needed",
}


async def test_a_hundred_thousand_changed_credentials_are_refused_in_the_same_words(doors: Doors) -> None:
    await doors.make("ada")
    session = await doors.log_in("ada")
    ask = {"name": "t", "scopes": ["read"]}
    api_token = (await doors.ask(session["access_token"], "POST", "/me/tokens", ask)).json()["token"]
    accounts = doors.accounts
    good = (session["access_token"], api_token, "the-token-of-the-tests")
    for text in good:
        assert (await accounts.authenticator.authenticate(f"Bearer {text}")).name
    chance = random.Random(7)
    for number in range(FUZZED):
        text = good[number % len(good)]
        at = chance.randrange(len(text))
        kind = chance.randrange(4)
        changed = (
            text[:at] + chance.choice(SIGNS) + text[at + 1 :],
            text[:at] + text[at + 1 + chance.randrange(20) :],
            text[:at] + "".join(chance.choices(SIGNS, k=chance.randrange(1, 50))) + text[at:],
            "".join(chance.choices(SIGNS, k=chance.randrange(1, 400))),
        )[kind]
        if changed.strip() == text or same_bits(changed, text):
            continue
        with pytest.raises(Authentication) as refused:
            await accounts.authenticator.authenticate(f"Bearer {changed}")
        assert str(refused.value) == "a valid bearer token is needed"


def same_bits(changed: str, text: str) -> bool:
    """Whether only the last digit of a base64 text differs, where bits stand that count for nothing."""
    return len(changed) == len(text) and changed[:-1] == text[:-1] and text.count(".") == 2
