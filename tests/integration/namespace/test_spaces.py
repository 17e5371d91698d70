"""Spaces over HTTP, and how their acts are finished after a crash between two topics."""

import asyncio
from dataclasses import replace

import pytest

from govault.domain.actor import system
from govault.services.maintenance.purges import PurgeBudget
from govault.services.maintenance.space_worker import SpacesWorker
from govault.services.namespace.spaces import SpaceWish
from schemas.events.directory import SpaceCreated, SpaceRemoved
from schemas.events.files import Retention, SpaceClosed, SpaceOpened
from schemas.ids import ChunkId, new_space_id
from tests.fakes.vault import Vault


async def test_a_space_is_made_told_listed_and_removed(vault: Vault) -> None:
    made = await vault.client.post(
        "/spaces", json={"name": "photos", "description": "Family", "retention": {"keep_last": 3}}
    )
    assert made.status_code == 201
    assert made.headers["location"] == "/spaces/photos"
    told = await vault.client.get("/spaces/photos")
    assert told.json() == made.json()
    assert told.json()["retention"] == {"keep_last": 3, "keep_within_s": None, "trash_expires_after_s": None}
    assert told.json()["state"] == "open"
    names = [item["name"] for item in (await vault.client.get("/spaces")).json()["items"]]
    assert names == ["main", "photos"]
    assert (await vault.client.delete("/spaces/photos")).status_code == 204
    assert (await vault.client.get("/spaces/photos")).status_code == 404


async def test_of_two_requests_for_one_name_one_wins(vault: Vault) -> None:
    both = await asyncio.gather(*(vault.client.post("/spaces", json={"name": "same"}) for _ in range(2)))
    assert sorted(answer.status_code for answer in both) == [201, 409]
    assert (await vault.client.post("/spaces", json={"name": "main"})).status_code == 409


@pytest.mark.parametrize("name", ["A", "ab", "-ab", "ab-", "a" * 64, "a_b", "a/b", "", "ä" * 3])
async def test_a_name_that_is_none_is_refused(vault: Vault, name: str) -> None:
    assert (await vault.client.post("/spaces", json={"name": name})).status_code == 422


async def test_settings_change_under_the_revision_that_was_seen(vault: Vault) -> None:
    etag = (await vault.client.get("/spaces/main")).headers["etag"]
    headers = {"if-match": etag}
    changed = await vault.client.patch("/spaces/main", json={"description": "Mine"}, headers=headers)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    stale = await vault.client.patch("/spaces/main", json={"description": "Other"}, headers=headers)
    assert stale.status_code == 412
    retention = {"retention": {"trash_expires_after_s": 60}}
    assert (await vault.client.patch("/spaces/main", json=retention)).json()["description"] == "Mine"
    assert (await vault.client.patch("/spaces/main", json={"retention": {"keep_last": 0}})).status_code == 422
    assert (await vault.client.patch("/spaces/main", json={"name": "x"})).status_code == 422


async def test_a_space_that_is_not_empty_goes_only_by_force_and_with_all_that_is_in_it(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "full"})
    for path in ("a/b/c", "a/d", "e"):
        await vault.put(path, path.encode(), space="full")
    trashed = (await vault.client.delete("/spaces/full/files/e")).json()["id"]
    refused = await vault.client.delete("/spaces/full")
    assert refused.status_code == 409
    assert refused.json()["reason"] == "space-not-empty"
    assert (await vault.client.delete("/spaces/full?dry_run=true")).status_code == 409
    told = (await vault.client.delete("/spaces/full?dry_run=true&force=true")).json()
    assert (told["dry_run"], told["files"], told["folders"], told["versions"]) == (True, 3, 2, 3)
    row = vault.views.space_named("full")
    assert row is not None
    assert (await vault.client.delete("/spaces/full?force=true")).status_code == 204
    assert (await vault.client.get("/spaces/full")).status_code == 404
    assert (await vault.get("a/d", space="full")).status_code == 404
    assert (await vault.client.get(f"/files/{trashed}/history")).status_code == 404
    reader = vault.views.files(row.partition)
    assert reader.totals(row.space_id)._replace(space_id="") == ("", 0, 0, 0, 0)
    again = await vault.client.post("/spaces", json={"name": "full"})
    assert again.status_code == 201
    assert again.json()["id"] != row.space_id


async def test_a_removal_that_a_crash_has_cut_is_finished_and_takes_no_writes_meanwhile(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "full"})
    await vault.put("a/b", b"1", space="full")
    row = vault.views.space_named("full")
    assert row is not None
    submitter, spaces = vault.services.submitter, vault.services.namespace.spaces
    closed = SpaceClosed(space_id=row.space_id, force=True)
    await submitter.submit(system("test"), closed, row.partition, subject=row.space_id)
    assert (await vault.client.get("/spaces/full")).json()["state"] == "closing"
    assert (await vault.put("x", b"2", space="full")).status_code in (404, 409)
    assert (await vault.client.put("/spaces/full/folders/x")).status_code in (404, 409)
    assert await spaces.finish_closings(PurgeBudget(1)) == 0
    assert await spaces.finish_closings(PurgeBudget(100)) == 1
    assert (await vault.client.get("/spaces/full")).status_code == 404
    assert isinstance(vault.log.events[-1].data, SpaceRemoved)


async def test_a_removal_beyond_its_budget_says_so_and_goes_on(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "full"})
    for number in range(4):
        await vault.put(f"d/{number}", b"1", space="full")
    spaces = vault.services.namespace.spaces
    actor = system("test")
    assert not await spaces.remove(actor, "full", True, PurgeBudget(2))
    assert vault.views.space_named("full") is not None
    worker = SpacesWorker(spaces)
    while await worker.work():
        pass
    assert vault.views.space_named("full") is None


async def test_an_opening_that_a_crash_has_cut_is_finished(vault: Vault) -> None:
    space_id = new_space_id(1, b"0123456789")
    created = SpaceCreated(space_id=space_id, name="half", partition=0)
    await vault.services.submitter.submit(system("test"), created, 0, subject="half")
    assert (await vault.client.get("/spaces/half")).json()["state"] == "opening"
    assert await vault.services.namespace.spaces.finish_openings() == 1
    assert await vault.services.namespace.spaces.finish_openings() == 0
    assert (await vault.put("f", b"1", space="half")).status_code == 201


async def test_a_repeat_after_a_lost_answer_finds_the_space_it_made(vault: Vault) -> None:
    headers = {"idempotency-key": "once"}
    vault.log.forget_next = True
    lost = await vault.client.post("/spaces", json={"name": "kept"}, headers=headers)
    assert lost.status_code == 202
    assert lost.headers["location"].startswith("/outcomes/e_")
    again = await vault.client.post("/spaces", json={"name": "kept"}, headers=headers)
    assert again.status_code == 201
    assert again.json()["state"] == "open"


async def test_the_default_space_is_made_once(vault: Vault) -> None:
    await vault.services.namespace.spaces.ensure_default_space()
    assert [row.name for row in vault.views.spaces()] == ["main"]


async def test_a_removed_default_space_stays_removed_while_there_are_others(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    assert (await vault.client.delete("/spaces/main")).status_code == 204
    await vault.services.namespace.spaces.ensure_default_space()
    assert [row.name for row in vault.views.spaces()] == ["other"]


async def test_settings_survive_when_another_node_opens_the_space_first(vault: Vault) -> None:
    spaces = vault.services.namespace.spaces

    class Racing:
        """Opens the space as another node's start would, before its maker does."""

        def __getattr__(self, name: str) -> object:
            return getattr(vault.services.submitter, name)

        async def submit(self, actor, data, partition, *, subject, step=""):
            if isinstance(data, SpaceOpened):
                await spaces.finish_openings()
            return await vault.services.submitter.submit(actor, data, partition, subject=subject, step=step)

    racing = replace(spaces, submitter=Racing())  # type: ignore[arg-type]
    state = await racing.create(system("test"), "raced", SpaceWish("Kept", Retention(keep_last=2)))
    assert state.settings is not None
    assert (state.settings.description, state.settings.keep_last) == ("Kept", 2)


async def test_a_chunk_has_as_many_replicas_as_the_most_demanding_of_its_spaces_asks(vault: Vault) -> None:
    assert not vault.views.replication_asked()
    made = await vault.client.post("/spaces", json={"name": "safe", "replication": {"replicas": 5, "write_quorum": 3}})
    assert made.json()["replication"] == {"replicas": 5, "write_quorum": 3}
    assert vault.views.replication_asked()
    safe = vault.views.space_named("safe")
    assert safe is not None
    assert vault.views.replicas_asked() == {(safe.space_id, 5)}
    await vault.put("a", b"only in main")
    await vault.put("b", b"in both")
    await vault.put("b", b"in both", space="safe")
    views = vault.views
    wanted = {views.replicas_of(ChunkId(chunk), 3) for chunk in views.referenced_chunks(b"", 10)}
    assert wanted == {3, 5}
    assert views.replicas_of(ChunkId(bytes(32)), 3) == 3
    assert (await vault.client.patch("/spaces/safe", json={"replication": {"replicas": 2}})).status_code == 200
    assert vault.views.replicas_asked() == {(safe.space_id, 2)}
    wanted = {views.replicas_of(ChunkId(chunk), 3) for chunk in views.referenced_chunks(b"", 10)}
    assert wanted == {3}
    for nonsense in ({"replicas": 0}, {"replicas": 17}, {"write_quorum": True}, {"copies": 3}):
        assert (await vault.client.patch("/spaces/safe", json={"replication": nonsense})).status_code == 422


async def test_spaces_with_other_wishes_are_put_into_other_partitions_while_there_are_some(vault: Vault) -> None:
    for number in range(6):
        await vault.client.post("/spaces", json={"name": f"wide{number}", "replication": {"replicas": 5}})
    main = vault.views.space_named("main")
    assert main is not None
    wide = {row.partition for row in vault.views.spaces() if row.name.startswith("wide")}
    assert main.partition not in wide
