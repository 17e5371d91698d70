"""Quotas of accounts over HTTP: set by administrators, told, and refused at the doors before it is too much."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from api.app import create_app
from govault.domain.position import Position
from govault.limits import EARLY_JUDGEMENT_BYTES_MIN
from govault.ports import EventLog
from govault.services.catalog import assemble
from schemas.envelope import Event
from schemas.events.files import RulesActivated, VersionCommitted
from schemas.topics import Topic
from streams.views.fold import FoldKeys
from streams.views.generation import Generation, VaultIdentity
from streams.views.views import RocksViews
from tests.fakes.vault import ADMIN, FILES_PARTITIONS, Vault
from tests.integration.accounts.conftest import Doors
from tests.integration.namespace.test_shares import stranger

NONE = {"bytes_max": None, "files_max": None}


@dataclass
class Person:
    """Ada, who has a space of her own, and what she asks."""

    doors: Doors
    token: str
    account_id: str

    async def ask(
        self, method: str, path: str, json: object = None, content: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        given = {"authorization": f"Bearer {self.token}", **(headers or {})}
        transport = httpx.ASGITransport(app=self.doors.vault.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://vault.test") as client:
            return await client.request(method, path, json=json, content=content, headers=given)

    async def put(self, path: str, content: bytes, space: str = "adas") -> httpx.Response:
        return await self.ask("PUT", f"/spaces/{space}/files/{path}", content=content)

    async def bound(self, **quota: int | None) -> None:
        changed = await self.doors.operator("PATCH", "/accounts/ada", {"quota": quota})
        assert changed.status_code == 200, changed.text

    async def owns(self) -> tuple[int, int]:
        owns = (await self.ask("GET", "/me")).json()["account"]["owns"]
        return owns["logical_bytes"], owns["files"]


async def raise_rules(vault: Vault, rules: int) -> None:
    """Bring every partition to rules."""
    for partition in vault.views.partitions():
        while (known := vault.views.partition_row(partition).rules) < rules:
            raised = RulesActivated(rules=known + 1)
            await vault.services.submitter.submit(ADMIN, raised, partition, subject="rules")


@pytest.fixture
async def ada(doors: Doors) -> Person:
    await raise_rules(doors.vault, 2)
    made = await doors.make("ada")
    person = Person(doors, await doors.token("ada"), made["id"])
    assert (await person.ask("POST", "/spaces", {"name": "adas"})).status_code == 201
    return person


def figures(problem: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(problem[name] for name in ("whose", "limit", "most", "used", "asked", "retryable"))


async def test_a_quota_is_told_with_what_the_account_owns_to_itself_and_to_administrators(ada: Person) -> None:
    await ada.put("a", b"123")
    await ada.put("a", b"4567")
    await ada.bound(bytes_max=100, files_max=5)
    shown = (await ada.doors.operator("GET", "/accounts/ada")).json()
    assert shown["quota"] == {"bytes_max": 100, "files_max": 5}
    assert shown["owns"] == {"logical_bytes": 7, "files": 1}
    mine = (await ada.ask("GET", "/me")).json()["account"]
    assert (mine["quota"], mine["owns"]) == (shown["quota"], shown["owns"])
    listed = (await ada.doors.operator("GET", "/accounts")).json()["items"]
    assert [(one["quota"]["files_max"], one["owns"]) for one in listed if one["login"] == "ada"] == [(5, None)]
    await ada.bound(bytes_max=9)
    assert (await ada.doors.operator("GET", "/accounts/ada")).json()["quota"] == {**NONE, "bytes_max": 9}


async def test_a_write_beyond_the_quota_is_refused_in_words_that_help(ada: Person) -> None:
    await ada.put("a", b"123")
    await ada.bound(bytes_max=4)
    refused = await ada.put("b", b"45")
    assert refused.status_code == 507
    problem = refused.json()
    assert problem["code"] == "quota-exceeded"
    assert problem["detail"] == (
        "you may own 4 bytes in this vault, own 3, and were to own 2 more: purge trash, remove files or old versions, "
        "or ask an administrator for a larger quota"
    )
    assert figures(problem) == ("account", "bytes", 4, 3, 2, False)
    assert (await ada.ask("GET", "/spaces/adas/files/b")).status_code == 404
    assert (await ada.put("b", b"4")).status_code == 201
    assert await ada.owns() == (4, 2)


async def test_what_is_owned_counts_over_all_spaces_of_every_partition(ada: Person) -> None:
    names = [f"space-{number}" for number in range(6)]
    for name in names:
        assert (await ada.ask("POST", "/spaces", {"name": name})).status_code == 201
        assert (await ada.put("a", b"12", space=name)).status_code == 201
    views = ada.doors.vault.views
    assert len({row.partition for row in views.spaces() if row.name in names}) > 1
    await ada.bound(files_max=6)
    assert await ada.owns() == (12, 6)
    refused = await ada.put("b", b"", space=names[0])
    assert figures(refused.json()) == ("account", "files", 6, 6, 1, False)


async def test_purged_trash_removed_versions_and_files_given_away_make_room(ada: Person) -> None:
    bob = await ada.doors.make("bob")
    await ada.put("a", b"123")
    await ada.put("a", b"4567")
    file_id = (await ada.put("b", b"89")).json()["id"]
    await ada.bound(bytes_max=9)
    assert (await ada.put("c", b"0")).status_code == 507
    a = (await ada.ask("GET", "/spaces/adas/files/a?metadata=true")).json()["id"]
    assert (await ada.ask("DELETE", f"/files/{a}/versions/1")).status_code < 300
    assert await ada.owns() == (6, 2)
    assert (await ada.ask("DELETE", "/spaces/adas/files/a")).status_code < 300
    assert await ada.owns() == (6, 2)
    assert (await ada.ask("DELETE", "/trash?space=adas")).status_code < 300
    assert await ada.owns() == (2, 1)
    assert (await ada.ask("PUT", f"/files/{file_id}/owner", {"owner": bob["id"]})).status_code < 300
    assert await ada.owns() == (0, 0)
    assert (await ada.put("c", b"123456789")).status_code == 201


async def test_copies_and_restored_versions_count_like_uploads(ada: Person) -> None:
    file_id = (await ada.put("a", b"123")).json()["id"]
    await ada.put("a", b"45")
    await ada.bound(bytes_max=7)
    copied = await ada.ask("POST", f"/files/{file_id}/copy", {"path": "b"})
    assert copied.status_code == 201, copied.text
    await ada.bound(bytes_max=8)
    refused = await ada.ask("POST", f"/files/{file_id}/copy", {"path": "c"})
    assert figures(refused.json()) == ("account", "bytes", 8, 7, 2, False)
    refused = await ada.ask("POST", f"/files/{file_id}/versions/1/restore")
    assert (refused.status_code, figures(refused.json())) == (507, ("account", "bytes", 8, 7, 3, False))


async def test_a_form_counts_like_any_upload(ada: Person) -> None:
    await ada.bound(files_max=1)

    async def post(path: str) -> httpx.Response:
        form = {"space": (None, "adas"), "path": (None, path), "file": ("name", b"1")}
        sent = httpx.Request("POST", "http://vault.test/files", files=form)
        headers = {"content-type": sent.headers["content-type"]}
        return await ada.ask("POST", "/files", content=sent.read(), headers=headers)

    assert (await post("one")).status_code == 201
    refused = await post("two")
    assert (refused.status_code, refused.json()["code"]) == (507, "quota-exceeded")


async def test_whoever_writes_a_new_version_fills_the_quota_of_the_files_owner_and_learns_no_figure(
    ada: Person,
) -> None:
    await ada.put("shared", b"123")
    bob = await ada.doors.make("bob")
    file_id = (await ada.ask("GET", "/spaces/adas/files/shared?metadata=true")).json()["id"]
    granted = await ada.ask("PUT", f"/files/{file_id}/access/{bob['id']}", {"level": "write"})
    assert granted.status_code < 300, granted.text
    await ada.bound(bytes_max=5)
    by_bob = replace(ada, token=await ada.doors.token("bob"), account_id=bob["id"])
    refused = await by_bob.put("shared", b"456")
    assert (refused.status_code, refused.json()["whose"], refused.json()["asked"]) == (507, "account", 3)
    assert {"most", "used", "owner"}.isdisjoint(refused.json())
    assert (await by_bob.put("shared", b"45")).status_code == 200
    assert await ada.owns() == (5, 1)
    by_operator = await ada.doors.vault.client.put("/spaces/adas/files/shared", content=b"6")
    assert figures(by_operator.json()) == ("account", "bytes", 5, 5, 1, False)
    assert by_operator.json()["owner"] == ada.account_id


async def test_a_body_that_cannot_fit_is_refused_before_it_is_read(ada: Person) -> None:
    await ada.bound(bytes_max=EARLY_JUDGEMENT_BYTES_MIN - 1)
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield b"x" * (EARLY_JUDGEMENT_BYTES_MIN // 64)

    headers = {"content-length": str(EARLY_JUDGEMENT_BYTES_MIN)}
    refused = await ada.ask("PUT", "/spaces/adas/files/large", content=body(), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (507, "quota-exceeded")
    assert read < 64
    again = await ada.ask("PUT", "/spaces/adas/files/large", content=body())
    assert (again.status_code, read) == (507, 64)
    assert await ada.owns() == (0, 0)


async def test_the_same_content_again_fits_into_a_full_quota(ada: Person) -> None:
    content = b"x" * EARLY_JUDGEMENT_BYTES_MIN
    await ada.put("large", content)
    await ada.bound(bytes_max=len(content))
    assert (await ada.put("large", content)).status_code == 200


async def test_nobody_gives_files_to_whom_they_do_not_fit_but_administrators(ada: Person) -> None:
    bob = await ada.doors.make("bob", quota={"bytes_max": 2})
    assert bob["quota"] == {**NONE, "bytes_max": 2}
    file_id = (await ada.put("a", b"123")).json()["id"]
    refused = await ada.ask("PUT", f"/files/{file_id}/owner", {"owner": bob["id"]})
    assert (refused.status_code, refused.json()["code"]) == (507, "quota-exceeded")
    assert "most" not in refused.json()
    assert await ada.owns() == (3, 1)
    given = await ada.doors.operator("POST", "/accounts/ada/hand-over", {"to": "bob"})
    assert given.json()["entities"] == 1
    shown = (await ada.doors.operator("GET", "/accounts/bob")).json()
    assert shown["owns"] == {"logical_bytes": 3, "files": 1}


async def test_only_administrators_set_quotas(ada: Person) -> None:
    assert (await ada.ask("PATCH", "/accounts/ada", {"quota": {}})).status_code == 403
    assert (await ada.ask("PATCH", "/me", {"quota": {}})).status_code == 422
    await ada.bound(files_max=0)
    assert (await ada.put("a", b"")).status_code == 507
    lifted = await ada.doors.operator("PATCH", "/accounts/ada", {"quota": {}})
    assert lifted.json()["quota"] == NONE
    assert (await ada.put("a", b"")).status_code == 201


@pytest.mark.parametrize(("rules", "status"), [(3, 201), (4, 507)])
async def test_what_comes_by_an_upload_link_fills_the_quota_of_the_folders_owner_from_rules_4_on(
    ada: Person, rules: int, status: int
) -> None:
    vault = ada.doors.vault
    await raise_rules(vault, rules)
    assert (await ada.put("inbox/first", b"1")).status_code == 201
    inbox = (await ada.ask("GET", "/spaces/adas/folders/inbox")).json()["folder"]["id"]
    link = (await ada.ask("POST", f"/files/{inbox}/shares", {"mode": "upload"})).json()["url"]
    async with stranger(vault) as client:
        assert (await client.put(f"{link}/deep/new", content=b"xx")).status_code == 201
        assert await ada.owns() == ((3, 2) if rules == 4 else (1, 1))
        await ada.bound(bytes_max=3)
        refused = await client.put(f"{link}/more", content=b"x")
        assert refused.status_code == status
        assert status == 201 or ("asked" in refused.json() and "most" not in refused.json())
        large = b"x" * EARLY_JUDGEMENT_BYTES_MIN
        assert (await client.put(f"{link}/large", content=large)).status_code == status
    assert await ada.owns() == ((3, 2) if rules == 4 else (1, 1))


async def test_writers_that_race_at_one_door_fill_the_quota_and_not_more(ada: Person) -> None:
    await ada.bound(bytes_max=7)
    log = ada.doors.vault.log
    log.held = True  # The door's views show nothing of the writes that it has let through.
    racing = [asyncio.create_task(ada.put(f"f{number}", b"xx")) for number in range(6)]
    done, pending = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    await log.wait_appended(VersionCommitted, 3)
    while len(done) < 3:
        more, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        assert more
        done |= more
    assert {task.result().status_code for task in done} == {507}
    log.release()
    answers = await asyncio.gather(*racing)
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 507, 507, 507]
    assert await ada.owns() == (6, 3)


async def test_a_write_whose_outcome_is_not_known_yet_counts_until_it_is(ada: Person) -> None:
    await ada.bound(files_max=1)
    log = ada.doors.vault.log
    log.held, log.forget_next = True, True
    unknown = await ada.put("a", b"x")
    assert unknown.status_code == 202, unknown.text
    assert (await ada.put("b", b"x")).status_code == 507
    log.release()
    assert await ada.owns() == (1, 1)
    assert (await ada.put("b", b"x")).status_code == 507
    await ada.bound(files_max=2)
    assert (await ada.put("b", b"x")).status_code == 201


@pytest.mark.parametrize("size_bytes", [5, EARLY_JUDGEMENT_BYTES_MIN + 5])
async def test_a_write_that_is_sent_again_while_its_outcome_is_not_known_does_not_count_twice(
    ada: Person, size_bytes: int
) -> None:
    await ada.bound(files_max=1, bytes_max=size_bytes)
    log = ada.doors.vault.log
    log.held, log.forget_next = True, True
    content, key = b"x" * size_bytes, {"idempotency-key": "once"}
    unknown = await ada.ask("PUT", "/spaces/adas/files/a", content=content, headers=key)
    assert unknown.status_code == 202, unknown.text
    again = asyncio.create_task(ada.ask("PUT", "/spaces/adas/files/a", content=content, headers=key))
    await log.wait_appended(VersionCommitted, 2)
    log.release()
    assert (await again).status_code == 201, again.result().text
    assert await ada.owns() == (size_bytes, 1)


async def test_a_file_of_an_erased_account_keeps_its_bound_until_it_is_handed_over(ada: Person) -> None:
    await ada.put("shared", b"123")
    file_id = (await ada.ask("GET", "/spaces/adas/files/shared?metadata=true")).json()["id"]
    bob = await ada.doors.make("bob")
    granted = await ada.ask("PUT", f"/files/{file_id}/access/{bob['id']}", {"level": "write"})
    assert granted.status_code < 300, granted.text
    await ada.bound(bytes_max=3)
    assert (await ada.doors.operator("DELETE", f"/accounts/{ada.account_id}")).status_code == 204
    by_bob = replace(ada, token=await ada.doors.token("bob"), account_id=bob["id"])
    refused = await by_bob.put("shared", b"4567")
    assert (refused.status_code, "to hand what it owned over" in refused.json()["detail"]) == (507, True)
    by_operator = await ada.doors.vault.client.put("/spaces/adas/files/shared", content=b"6")
    assert "hand what it owned over to another" in by_operator.json()["detail"]
    handed = await ada.doors.operator("POST", f"/accounts/{ada.account_id}/hand-over", {"to": "bob"})
    assert handed.status_code == 200, handed.text
    assert (await by_bob.put("shared", b"4567")).status_code == 200


async def test_a_write_that_the_log_did_not_take_frees_its_room_at_once(ada: Person) -> None:
    await ada.bound(files_max=1)
    ada.doors.vault.log.lose_next = True
    assert (await ada.put("a", b"x")).status_code == 503
    assert (await ada.put("b", b"x")).status_code == 201


@dataclass
class SecondLog:
    """The same log, at a door whose own views fold only what it is told to; and then all that there is."""

    vault: Vault
    views: RocksViews
    folded: int = 0

    async def append(self, event: Event, partition: int) -> Position:
        position = await self.vault.log.append(event, partition)
        self.catch_up()
        return position

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        return await self.vault.log.end_offsets(topic)

    def catch_up(self) -> None:
        for record in self.vault.log.records[self.folded :]:
            if (record.position.topic, record.position.partition) in self.views.applied():
                self.views.fold(record)
        self.folded = len(self.vault.log.records)


@asynccontextmanager
async def second_door(person: Person) -> AsyncIterator[tuple[Person, SecondLog]]:
    """The same person at another node of the vault."""
    vault = person.doors.vault
    identity = VaultIdentity("test-vault", FILES_PARTITIONS, FoldKeys(b"m" * 32, b"d" * 32))
    views = RocksViews(Generation(vault.root / "views-2", identity), identity)
    log = SecondLog(vault, views)
    port: EventLog = log
    services = assemble(
        log=port,
        views=views,
        store=vault.store,
        clock=vault.clock,
        randomness=vault.randomness,
        source="/vaults/test/nodes/second",
    )
    accounts = vault.services.accounts
    assert accounts is not None
    services = replace(services, accounts=accounts, shares=vault.services.shares)
    settings = replace(vault.settings, registry=CollectorRegistry())
    app = create_app(services, settings, accounts.authenticator, vault.clock.monotonic_s)
    try:
        yield replace(person, doors=replace(person.doors, vault=replace(vault, app=app))), log
    finally:
        views.close()


async def test_a_second_door_that_lags_lets_through_no_more_than_it_sees_room_for(ada: Person) -> None:
    await ada.put("a", b"1")
    await ada.bound(bytes_max=10)
    async with second_door(ada) as (there, log):
        log.catch_up()
        assert (await ada.put("b", b"x" * 9)).status_code == 201
        assert (await there.put("c", b"x" * 10)).status_code == 507
        assert (await there.put("c", b"x" * 9)).status_code == 201  # It has not read of the nine bytes yet.
        # One further door, and nine bytes of room when both were even: the overshoot is nine bytes.
        assert await ada.owns() == (19, 3)
        for door in (ada, there):
            assert (await door.put("d", b"x")).status_code == 507
