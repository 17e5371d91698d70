"""Handing over: who gets what an account owned, in how many requests, and what stays."""

from typing import Any

import pytest

from schemas.events.files import RulesActivated
from tests.integration.accounts.conftest import Doors
from tests.integration.namespace.test_shares import ADMIN, at_rules_2


async def handed(doors: Doors, owner: str, heir: str) -> dict[str, Any]:
    answer = await doors.operator("POST", f"/accounts/{owner}/hand-over", {"to": heir})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def owners(doors: Doors, ids: list[str]) -> set[str]:
    """Whom files belong to."""
    found = set()
    for file_id in ids:
        about = await doors.operator("GET", f"/files/{file_id}/access")
        assert about.status_code == 200, about.text
        found.add(about.json()["owner"])
    return found


async def adas_space(doors: Doors, files: list[str]) -> tuple[str, str, list[str]]:
    """Ada with a space of her own and files in it, and Bob: their ids, and those of the files."""
    await at_rules_2(doors.vault)
    ada, bob = (await doors.make("ada"))["id"], (await doors.make("bob"))["id"]
    token = await doors.token("ada")
    assert (await doors.ask(token, "POST", "/spaces", {"name": "adas"})).status_code == 201
    made = [await doors.ask(token, "PUT", f"/spaces/adas/files/{path}") for path in files]
    assert [answer.status_code for answer in made] == [201] * len(files)
    return ada, bob, [answer.json()["id"] for answer in made]


async def test_files_folders_and_roles_go_to_the_heir_who_reads_them_at_once(doors: Doors) -> None:
    ada, bob, ids = await adas_space(doors, ["plan", "folder/inner"])
    assert await doors.status(await doors.token("bob"), "GET", "/spaces/adas/files/plan") == 404
    assert await handed(doors, "ada", "bob") == {"entities": 3, "spaces": 1, "more": False}
    assert await owners(doors, ids) == {bob}
    assert await doors.status(await doors.token("bob"), "GET", "/spaces/adas/files/plan") == 200
    assert await doors.status(await doors.token("ada"), "GET", "/spaces/adas/files/plan") == 404
    assert await handed(doors, "ada", "bob") == {"entities": 0, "spaces": 0, "more": False}
    assert ada != bob


async def test_trash_is_handed_over_too(doors: Doors) -> None:
    _, bob, ids = await adas_space(doors, ["plan"])
    assert (await doors.operator("DELETE", "/spaces/adas/files/plan")).status_code in (200, 204)
    assert (await handed(doors, "ada", "bob"))["entities"] == 1
    (thrown,) = (await doors.operator("GET", "/trash?space=adas")).json()["items"]
    token = await doors.token("bob")
    assert await doors.status(token, "POST", f"/trash/{thrown['id']}/restore") == 200
    assert await owners(doors, ids) == {bob}


async def test_what_an_erased_account_owned_can_still_be_given(doors: Doors) -> None:
    ada, bob, ids = await adas_space(doors, ["plan"])
    assert (await doors.operator("DELETE", "/accounts/ada")).status_code == 204
    assert (await handed(doors, ada, bob))["entities"] == 1
    assert await owners(doors, ids) == {bob}


async def test_a_request_gives_so_many_and_tells_that_there_is_more(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govault.services.namespace.handing_over.HANDED_OVER_PER_REQUEST", 3)
    _, bob, ids = await adas_space(doors, [f"plan{number}" for number in range(7)])
    given = [await handed(doors, "ada", "bob") for _ in range(3)]
    assert [(one["entities"], one["more"]) for one in given] == [(3, True), (3, True), (1, False)]
    assert await owners(doors, ids) == {bob}


async def test_roles_count_too_so_that_a_request_ends_however_many_spaces_there_are(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govault.services.namespace.handing_over.HANDED_OVER_PER_REQUEST", 2)
    await adas_space(doors, [])
    token = await doors.token("ada")
    for partition in doors.vault.views.partitions():
        if doors.vault.views.partition_row(partition).rules < 2:
            await doors.vault.services.submitter.submit(ADMIN, RulesActivated(rules=2), partition, subject="rules")
    for number in range(4):
        made = await doors.ask(token, "POST", "/spaces", {"name": f"more-{number}"})
        assert made.status_code == 201, made.text
    given = [await handed(doors, "ada", "bob") for _ in range(3)]
    assert [(one["spaces"], one["more"]) for one in given] == [(2, True), (2, True), (1, False)]


async def test_what_is_purged_meanwhile_stops_nothing(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    _, bob, ids = await adas_space(doors, ["plan", "other"])
    views = doors.vault.services.views
    listed = views.owned_by
    gone = ["f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8", "f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B9"]
    monkeypatch.setattr(views, "owned_by", lambda *asked: [*gone, *listed(*asked)])
    answer = await doors.operator("POST", "/accounts/ada/hand-over", {"to": "bob"})
    assert answer.status_code == 200, answer.text
    assert await owners(doors, ids) == {bob}


async def test_an_heir_who_manages_the_space_already_keeps_his_role(doors: Doors) -> None:
    _, bob, _ = await adas_space(doors, [])
    await doors.operator("PUT", f"/spaces/adas/access/{bob}", {"level": "manager"})
    assert (await handed(doors, "ada", "bob"))["spaces"] == 0
    shown = (await doors.operator("GET", "/spaces/adas/access")).json()
    assert shown["grants"] == [{"principal": bob, "level": "manager"}]


@pytest.mark.parametrize(
    ("heir", "status", "code"),
    [
        ("ada", 409, "conflict.own-heir"),
        ("nobody", 409, "conflict.heir-unknown"),
        ("gone", 409, "conflict.heir-unknown"),
    ],
)
async def test_only_another_account_inherits(doors: Doors, heir: str, status: int, code: str) -> None:
    ada, _, ids = await adas_space(doors, ["plan"])
    gone = (await doors.make("gone"))["id"]
    await doors.operator("DELETE", "/accounts/gone")
    answer = await doors.operator("POST", "/accounts/ada/hand-over", {"to": gone if heir == "gone" else heir})
    assert (answer.status_code, code in answer.text) == (status, True), answer.text
    assert await owners(doors, ids) == {ada}
