"""Quotas of a space over HTTP: told, set by administrators only, and exact for writers that race."""

import asyncio
from typing import Any

import pytest

from govault.limits import EARLY_JUDGEMENT_BYTES_MIN
from schemas.events.files import RulesActivated, VersionCommitted
from tests.fakes.vault import ADMIN, Vault
from tests.integration.namespace.people import people_at
from tests.integration.namespace.test_shares import share, stranger

NONE = {"bytes_max": None, "files_max": None}


async def decide_quotas(vault: Vault, rules: int = 3) -> None:
    """Bring every partition to rules that decide quotas."""
    for partition in vault.views.partitions():
        while (known := vault.views.partition_row(partition).rules) < rules:
            raised = RulesActivated(rules=known + 1)
            await vault.services.submitter.submit(ADMIN, raised, partition, subject="rules")


@pytest.fixture
async def bounded(vault: Vault) -> Vault:
    await decide_quotas(vault)
    return vault


async def bound(vault: Vault, **bounds: int | None) -> dict[str, Any]:
    changed = await vault.client.patch("/spaces/main", json={"quota": bounds})
    assert changed.status_code == 200, changed.text
    return dict(changed.json())


async def test_a_space_tells_what_it_may_hold_and_what_it_holds(bounded: Vault) -> None:
    assert (await bounded.client.get("/spaces/main")).json()["quota"] == NONE
    await bounded.put("a", b"123")
    told = await bound(bounded, bytes_max=10, files_max=2)
    assert (told["quota"], told["logical_bytes"], told["files"]) == ({"bytes_max": 10, "files_max": 2}, 3, 1)
    assert told == (await bounded.client.get("/spaces/main")).json()
    assert (await bound(bounded))["quota"] == NONE


async def test_a_write_beyond_the_quota_is_told_what_the_space_holds_and_what_helps(bounded: Vault) -> None:
    await bounded.put("a", b"123")
    await bound(bounded, bytes_max=4)
    refused = await bounded.put("b", b"45")
    assert refused.status_code == 507
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["code"] == "quota-exceeded"
    assert problem["detail"] == (
        "the space may hold 4 bytes, holds 3, and was to hold 2 more: this does not fit into the quota of the space; "
        "purge trash, remove files or old versions, or ask an administrator for a larger quota"
    )
    facts = {name: problem[name] for name in ("limit", "most", "used", "asked", "retryable")}
    assert facts == {"limit": "bytes", "most": 4, "used": 3, "asked": 2, "retryable": False}
    assert (await bounded.get("b")).status_code == 404
    assert (await bounded.put("b", b"4")).status_code == 201


async def test_of_writers_that_race_for_the_last_file_exactly_one_wins(bounded: Vault) -> None:
    await bound(bounded, files_max=1)
    bounded.log.held = True  # No door sees the other's write: the log alone decides.
    racing = [asyncio.create_task(bounded.put(f"f{number}", b"x")) for number in range(5)]
    await bounded.log.wait_appended(VersionCommitted, 5)
    bounded.log.held = False
    bounded.log.release()
    answers = await asyncio.gather(*racing)
    assert sorted(answer.status_code for answer in answers) == [201, 507, 507, 507, 507]
    assert (await bounded.client.get("/spaces/main")).json()["files"] == 1


async def test_purged_trash_and_removed_versions_make_room(bounded: Vault) -> None:
    await bounded.put("a", b"123")
    await bounded.put("a", b"4567")
    await bound(bounded, bytes_max=7)
    assert (await bounded.put("b", b"89")).status_code == 507
    file_id = (await bounded.client.get("/spaces/main/files/a?metadata=true")).json()["id"]
    assert (await bounded.client.delete(f"/files/{file_id}/versions/1")).status_code < 300
    assert (await bounded.put("b", b"89")).status_code == 201
    assert (await bounded.client.delete("/spaces/main/files/a")).status_code < 300
    assert (await bounded.put("c", b"89")).status_code == 507
    assert (await bounded.client.delete("/trash", params={"space": "main"})).status_code < 300
    assert (await bounded.put("c", b"89")).status_code == 201


async def test_a_copy_counts_like_an_upload(bounded: Vault) -> None:
    file_id = (await bounded.put("a", b"123")).json()["id"]
    await bound(bounded, bytes_max=5)
    copied = await bounded.client.post(f"/files/{file_id}/copy", json={"path": "b"})
    assert (copied.status_code, copied.json()["code"]) == (507, "quota-exceeded")


async def test_a_body_that_cannot_fit_is_refused_before_it_is_read(bounded: Vault) -> None:
    await bound(bounded, bytes_max=EARLY_JUDGEMENT_BYTES_MIN - 1)
    read = 0

    async def body() -> Any:
        nonlocal read
        for _ in range(64):
            read += 1
            yield b"x" * (EARLY_JUDGEMENT_BYTES_MIN // 64)

    headers = {"content-length": str(EARLY_JUDGEMENT_BYTES_MIN)}
    refused = await bounded.client.put("/spaces/main/files/large", content=body(), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (507, "quota-exceeded")
    assert read < 64
    assert not any(isinstance(event.data, VersionCommitted) for event in bounded.log.events)


async def test_the_same_large_content_again_fits_into_a_full_space(bounded: Vault) -> None:
    content = b"x" * EARLY_JUDGEMENT_BYTES_MIN
    await bounded.put("large", content)
    await bound(bounded, bytes_max=len(content))
    assert (await bounded.put("large", content)).status_code == 200


async def test_only_administrators_set_quotas(bounded: Vault) -> None:
    async with people_at(bounded) as people:
        for who, status in (("manager", 403), ("owner", 404), ("reader", 404), ("stranger", 404), ("admin", 200)):
            answer = await people.ask(who, "PATCH", "/spaces/main", {"quota": {"files_max": 9}})
            assert answer.status_code == status, who
        lifted = await people.ask("manager", "PATCH", "/spaces/main", {"quota": {}})
        assert (lifted.status_code, lifted.json()["code"]) == (403, "access-denied.administrators")
        own = await people.ask("stranger", "POST", "/spaces", {"name": "theirs", "quota": {"files_max": 9}})
        assert own.status_code == 403
        made = await people.ask("admin", "POST", "/spaces", {"name": "small", "quota": {"files_max": 9}})
        assert made.json()["quota"] == {"bytes_max": None, "files_max": 9}


async def test_who_reads_a_part_learns_neither_quota_nor_figures(bounded: Vault) -> None:
    async with people_at(bounded) as people:
        await bound(bounded, bytes_max=13)
        assert (await people.ask("reader", "GET", "/spaces/main")).json()["quota"] is None
        assert (await people.ask("manager", "GET", "/spaces/main")).json()["quota"] == {**NONE, "bytes_max": 13}
        refused = await people.ask("writer", "PUT", "/spaces/main/files/docs/plan", content=b"longer")
        assert (refused.status_code, refused.json()["asked"]) == (507, 6)
        assert "used" not in refused.json()
        assert "most" not in refused.json()


async def test_who_uploads_by_a_link_is_refused_and_learns_no_figure(bounded: Vault) -> None:
    await bounded.put("inbox/there", b"first")
    made = await share(bounded, "inbox", mode="upload")
    await bound(bounded, files_max=1)
    async with stranger(bounded) as client:
        refused = await client.put(made["url"] + "/new", content=b"x")
    assert (refused.status_code, refused.json()["code"], refused.json()["asked"]) == (507, "quota-exceeded", 1)
    assert {"most", "used"}.isdisjoint(refused.json())


async def test_quotas_are_not_taken_while_a_partition_does_not_decide_them(vault: Vault) -> None:
    await decide_quotas(vault, rules=2)
    refused = await vault.client.patch("/spaces/main", json={"quota": {"files_max": 1}})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict.quotas-not-decided")
    made = await vault.client.post("/spaces", json={"name": "small", "quota": {"files_max": 1}})
    assert made.status_code == 409
    assert (await vault.client.get("/spaces/small")).status_code == 404
