"""Grants, roles and owners over HTTP: given, taken back, shown, explained, and refused to whom they are not for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from api.app import create_app
from govault.auth.token import Identity
from govault.domain.actor import system
from govault.domain.principals import principals_of
from govault.errors import Authentication
from govault.limits import GRANTS_PER_TARGET_MAX
from schemas.events.accounts import AccountChanged, AccountCreated, GroupCreated, GroupMembersChanged, GroupRemoved
from schemas.events.base import EventData
from schemas.events.files import RulesActivated
from schemas.ids import ulid
from schemas.rest.access import AccessChange, AccessDocument, AccessExplanation
from tests.fakes.vault import ADMIN, Vault

ANN, BOB, CAT = ("a_" + ulid(number, b"account---") for number in range(3))
NOBODY = "a_" + ulid(9, b"account---")
TEAM = "g_" + ulid(1, b"group-----")


@dataclass
class People:
    """A vault with Ann, Bob and Cat, Bob in a team; and ``docs/plan`` in ``main``, which Ann owns."""

    vault: Vault
    client: httpx.AsyncClient
    file_id: str = ""
    folder_id: str = ""

    async def ask(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {who}", **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    async def told(self, who: str, path: str, principal: str | None = None) -> dict[str, Any]:
        query = {} if principal is None else {"principal": principal}
        answer = await self.ask(who, "GET", f"{path}/access/explain", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def grant(self, who: str, path: str, principal: str, level: str) -> httpx.Response:
        return await self.ask(who, "PUT", f"{path}/access/{principal}", json={"level": level})

    async def submit(self, data: EventData, partition: int = 0) -> None:
        await self.vault.services.submitter.submit(ADMIN, data, partition, subject="test")


class Doorman:
    """Takes the bearer's name for an account's id, or for the administrator."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def authenticate(self, authorization: str | None) -> Identity:
        name = (authorization or "").removeprefix("Bearer ")
        principals = ("role:admin",) if name == "admin" else principals_of(self._vault.views.accounts(), name)
        if not principals:
            raise Authentication("a valid bearer token is needed")
        return Identity(name, principals)


async def activate_rules(people: People) -> None:
    for partition in people.vault.views.partitions():
        activated = RulesActivated(rules=2)
        step = str(partition)
        await people.vault.services.submitter.submit(system("test"), activated, partition, subject="rules", step=step)


async def opened(vault: Vault, client: httpx.AsyncClient) -> People:
    people = People(vault, client)
    for number, account_id in enumerate((ANN, BOB, CAT)):
        await people.submit(AccountCreated(account_id=account_id, login_hash=f"{number}" * 64, sealed=""))
    await people.submit(GroupCreated(group_id=TEAM, name="team"))
    await people.submit(GroupMembersChanged(group_id=TEAM, members=(BOB,)))
    people.file_id = (await vault.put("docs/plan", b"secret")).json()["id"]
    space = vault.views.space_named("main")
    assert space is not None
    folder = vault.views.resolve(space.space_id, "docs")
    assert folder is not None
    people.folder_id = folder.entity_id
    return people


@pytest.fixture
async def old(vault: Vault) -> AsyncIterator[People]:
    """A vault whose partitions still go by rules 1."""
    app = create_app(vault.services, replace(vault.settings, registry=CollectorRegistry()), Doorman(vault))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
        yield await opened(vault, client)


@pytest.fixture
async def people(old: People) -> People:
    """The same under rules 2, where Ann owns the file."""
    await activate_rules(old)
    owned = await old.ask("admin", "PUT", f"/files/{old.file_id}/owner", json={"owner": ANN})
    assert owned.status_code == 200, owned.text
    return old


async def test_an_owner_grants_shows_and_takes_back(people: People) -> None:
    path = f"/files/{people.file_id}"
    given = await people.grant(ANN, path, BOB, "read")
    assert given.status_code == 200
    assert given.json() == {"id": people.file_id, "principal": BOB, "level": "read", "revision": 2}
    assert given.headers["etag"] == '"r2"'
    assert (await people.grant(ANN, path, BOB, "write")).json()["revision"] == 3
    shown = await people.ask(ANN, "GET", f"{path}/access")
    assert shown.headers["etag"] == '"r3"'
    assert shown.json()["owner"] == ANN
    assert shown.json()["grants"] == [{"principal": BOB, "level": "write"}]
    assert (await people.told(BOB, path))["level"] == "write"
    taken = await people.ask(ANN, "DELETE", f"{path}/access/{BOB}")
    assert taken.json() == {"id": people.file_id, "principal": BOB, "level": None, "revision": 4}
    again = await people.ask(ANN, "DELETE", f"{path}/access/{BOB}")
    assert (again.status_code, again.json()["revision"]) == (200, 4)
    assert (await people.ask(BOB, "GET", f"{path}/access/explain")).status_code == 404


async def test_a_place_shows_what_it_inherits_nearest_first(people: People) -> None:
    await people.grant("admin", f"/files/{people.folder_id}", TEAM, "write")
    await people.grant("admin", "/spaces/main", "users", "viewer")
    shown = (await people.ask(ANN, "GET", f"/files/{people.file_id}/access")).json()
    assert (shown["type"], shown["path"], shown["space"], shown["decided"]) == ("file", "docs/plan", "main", True)
    assert [(place["type"], place["path"], place["grants"]) for place in shown["inherited"]] == [
        ("folder", "docs", [{"principal": TEAM, "level": "write"}]),
        ("space", "", [{"principal": "users", "level": "viewer"}]),
    ]
    top = (await people.ask("admin", "GET", "/spaces/main/access")).json()
    assert (top["type"], top["inherited"]) == ("space", [])
    assert top["grants"] == [{"principal": "users", "level": "viewer"}]


async def test_an_explanation_names_every_step_that_counts(people: People) -> None:
    await people.grant("admin", f"/files/{people.folder_id}", TEAM, "write")
    await people.grant("admin", "/spaces/main", "users", "viewer")
    await people.grant(ANN, f"/files/{people.file_id}", "public", "read")
    told = await people.told(ANN, f"/files/{people.file_id}", BOB)
    assert told["counted_as"] == [BOB, TEAM, "users", "public"]
    assert (told["level"], told["administers"]) == ("write", False)
    assert [(step["path"], step["type"], step["principal"], step["word"], step["level"]) for step in told["steps"]] == [
        ("docs/plan", "file", "public", "read", "read"),
        ("docs", "folder", TEAM, "write", "write"),
        ("", "space", "users", "viewer", "read"),
    ]
    assert (await people.told(ANN, f"/files/{people.file_id}", "public"))["level"] == "read"
    own = await people.told(ANN, f"/files/{people.file_id}")
    assert (own["principal"], own["level"], own["steps"][0]["word"]) == (ANN, "owner", "owner")
    assert (await people.told("admin", "/spaces/main", CAT))["level"] == "read"
    assert (await people.told("admin", "/spaces/main"))["administers"] is True


async def test_who_only_reads_explains_himself_and_neither_shows_nor_grants(people: People) -> None:
    path = f"/files/{people.file_id}"
    await people.grant(ANN, path, BOB, "write")
    assert (await people.told(BOB, path))["level"] == "write"
    for method, route, body in (
        ("GET", f"{path}/access", None),
        ("GET", f"{path}/access/explain?principal={ANN}", None),
        ("PUT", f"{path}/access/{CAT}", {"level": "read"}),
        ("DELETE", f"{path}/access/{BOB}", None),
        ("PUT", f"{path}/owner", {"owner": BOB}),
    ):
        refused = await people.ask(BOB, method, route, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "access-denied.access-denied"), route


async def test_who_may_not_read_is_told_that_there_is_nothing(people: People) -> None:
    for path, missing in (
        (f"/files/{people.file_id}", f"/files/f_{ulid(1, b'no-such---')}"),
        ("/spaces/main", "/spaces/none"),
    ):
        for method, route, body in (
            ("GET", "access", None),
            ("GET", "access/explain", None),
            ("PUT", f"access/{CAT}", {"level": "read" if "files" in path else "viewer"}),
            ("DELETE", f"access/{CAT}", None),
        ):
            hidden = await people.ask(CAT, method, f"{path}/{route}", json=body)
            gone = await people.ask(CAT, method, f"{missing}/{route}", json=body)
            assert hidden.status_code == gone.status_code == 404, route
            assert hidden.json()["code"] == gone.json()["code"], route


async def test_a_manager_grants_in_the_whole_space(people: People) -> None:
    assert (await people.grant("admin", "/spaces/main", BOB, "manager")).status_code == 200
    assert (await people.grant(BOB, "/spaces/main", CAT, "editor")).status_code == 200
    assert (await people.grant(BOB, f"/files/{people.file_id}", CAT, "read")).status_code == 200
    assert (await people.told(CAT, f"/files/{people.file_id}"))["level"] == "write"
    assert (await people.grant(CAT, "/spaces/main", CAT, "manager")).status_code == 403


async def test_an_owner_who_gives_it_away_keeps_nothing(people: People) -> None:
    path = f"/files/{people.file_id}"
    given = await people.ask(ANN, "PUT", f"{path}/owner", json={"owner": CAT}, headers={"idempotency-key": "once"})
    assert given.json() == {"id": people.file_id, "principal": CAT, "level": "owner", "revision": 2}
    assert (await people.ask(ANN, "GET", f"{path}/access")).status_code == 404
    assert (await people.told(CAT, path))["level"] == "owner"
    again = await people.ask(ANN, "PUT", f"{path}/owner", json={"owner": CAT}, headers={"idempotency-key": "once"})
    assert again.json() == given.json()


async def test_a_repeat_with_its_key_gets_the_first_outcome(people: People) -> None:
    path, key = f"/files/{people.file_id}/access/{BOB}", {"idempotency-key": "once"}
    first = await people.ask(ANN, "PUT", path, json={"level": "read"}, headers=key)
    await people.grant(ANN, f"/files/{people.file_id}", BOB, "write")
    again = await people.ask(ANN, "PUT", path, json={"level": "read"}, headers=key)
    assert again.json() == first.json()
    other = await people.ask(ANN, "PUT", path, json={"level": "write"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert (await people.told(BOB, f"/files/{people.file_id}"))["level"] == "write"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_change_under_a_revision_that_is_not_current_is_refused(people: People, method: str) -> None:
    path = f"/files/{people.file_id}/access"
    etag = (await people.ask(ANN, "GET", path)).headers["etag"]
    await people.grant(ANN, f"/files/{people.file_id}", CAT, "read")
    body = {"level": "read"} if method == "PUT" else None
    stale = await people.ask(ANN, method, f"{path}/{CAT}", json=body, headers={"if-match": etag})
    assert stale.status_code == 412
    etag = (await people.ask(ANN, "GET", path)).headers["etag"]
    fresh = await people.ask(ANN, method, f"{path}/{CAT}", json=body, headers={"if-match": etag})
    assert fresh.status_code == 200


@pytest.mark.parametrize(
    ("route", "body", "status", "code"),
    [
        ("/files/{file}/access/somebody", {"level": "read"}, 422, "invalid-request"),
        ("/files/{file}/access/role:admin", {"level": "read"}, 422, "invalid-request"),
        (f"/files/{{file}}/access/{NOBODY}", {"level": "read"}, 404, "not-found.account-unknown"),
        (f"/files/{{file}}/access/g_{ulid(7, b'group-----')}", {"level": "read"}, 404, "not-found.group-unknown"),
        (f"/files/{{file}}/access/{BOB}", {"level": "manager"}, 422, "invalid-request.fields"),
        (f"/files/{{file}}/access/{BOB}", {"level": "read", "for": "ever"}, 422, "invalid-request.fields"),
        (f"/spaces/main/access/{BOB}", {"level": "read"}, 422, "invalid-request.fields"),
        ("/files/{file}/owner", {"owner": TEAM}, 422, "invalid-request.fields"),
        ("/files/{file}/owner", {"owner": NOBODY}, 404, "not-found.account-unknown"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_reason(
    people: People, route: str, body: dict[str, str], status: int, code: str
) -> None:
    refused = await people.ask("admin", "PUT", route.format(file=people.file_id), json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_nobody_is_called_explain(people: People, method: str) -> None:
    for where in (f"/files/{people.file_id}", "/spaces/main"):
        refused = await people.ask("admin", method, f"{where}/access/explain", json={"level": "read"})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_as_much_as_can_be_is_granted_and_no_more(people: People) -> None:
    path = f"/files/{people.file_id}"
    for number in range(GRANTS_PER_TARGET_MAX):
        account_id = "a_" + ulid(number, b"many------")
        await people.submit(AccountCreated(account_id=account_id, login_hash=f"{number + 16:064x}", sealed=""))
        assert (await people.grant(ANN, path, account_id, "read")).status_code == 200
    full = await people.grant(ANN, path, BOB, "read")
    assert (full.status_code, full.json()["code"]) == (409, "conflict.too-many-grants")
    assert (await people.grant(ANN, path, account_id, "write")).status_code == 200


async def test_a_disabled_account_and_a_removed_group_count_as_nobody(people: People) -> None:
    path = f"/files/{people.file_id}"
    await people.grant(ANN, path, TEAM, "write")
    await people.grant(ANN, path, CAT, "read")
    await people.submit(GroupRemoved(group_id=TEAM))
    await people.submit(AccountChanged(account_id=CAT, disabled=True))
    assert (await people.told(ANN, path, BOB))["level"] == "none"
    disabled = await people.told(ANN, path, CAT)
    assert (disabled["level"], disabled["counted_as"], disabled["steps"]) == ("none", [], [])
    # What was granted to them stands until somebody takes it back, also from a group that is no more.
    assert (await people.ask(ANN, "DELETE", f"{path}/access/{TEAM}")).status_code == 200
    shown = (await people.ask(ANN, "GET", f"{path}/access")).json()
    assert [grant["principal"] for grant in shown["grants"]] == [CAT]


async def test_before_rules_2_nothing_is_granted_and_nobody_is_told_otherwise(old: People) -> None:
    for method, route, body in (
        ("PUT", f"/files/{old.file_id}/access/{BOB}", {"level": "read"}),
        ("DELETE", f"/files/{old.file_id}/access/{BOB}", None),
        ("PUT", f"/files/{old.file_id}/owner", {"owner": BOB}),
        ("PUT", f"/spaces/main/access/{BOB}", {"level": "viewer"}),
    ):
        refused = await old.ask("admin", method, route, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict.access-not-decided"), route
        assert "decides no access yet" in refused.json()["detail"]
    shown = (await old.ask("admin", "GET", f"/files/{old.file_id}/access")).json()
    assert (shown["decided"], shown["grants"]) == (False, [])
    told = await old.told("admin", f"/files/{old.file_id}", BOB)
    assert (told["decided"], told["level"], told["steps"]) == (False, "none", [])
    assert (await old.ask(BOB, "GET", f"/files/{old.file_id}/access/explain")).status_code == 404


async def test_every_answer_is_as_the_document_says(people: People) -> None:
    path = f"/files/{people.file_id}"
    assert AccessChange.model_validate((await people.grant(ANN, path, BOB, "read")).json()).level == "read"
    for where in (path, "/spaces/main"):
        shown = (await people.ask("admin", "GET", f"{where}/access")).json()
        assert set(shown) == set(AccessDocument.model_fields)
        AccessDocument.model_validate(shown)
        told = await people.told("admin", where, BOB)
        assert set(told) == set(AccessExplanation.model_fields)
        AccessExplanation.model_validate(told)
    for model in (AccessChange, AccessDocument, AccessExplanation):
        for example in model.model_json_schema()["examples"]:
            model.model_validate(example)
