"""Moves, renames, trash and coming back: what stands in the way, and under which condition."""

from dataclasses import replace

import pytest

from govault.domain.actor import Actor
from govault.errors import OutcomePending
from govault.services.namespace.copies import Copied, CopyWish
from govault.services.namespace.moves import MoveWish
from govault.services.namespace.targets import ByPath, Located
from schemas.events.files import EntityTrashed
from tests.fakes.vault import ADMIN, Vault


async def id_of(vault: Vault, path: str, space: str = "main") -> str:
    listed = await vault.client.get(f"/spaces/{space}/folders/", params={"recursive": True, "limit": 1000})
    return next(item["id"] for item in listed.json()["items"] if item["path"] == path)


async def paths(vault: Vault, space: str = "main") -> list[str]:
    listed = await vault.client.get(f"/spaces/{space}/folders/", params={"recursive": True, "limit": 1000})
    return [item["path"] for item in listed.json()["items"]]


async def test_a_move_keeps_the_id_the_versions_and_the_content(vault: Vault) -> None:
    await vault.put("a", b"1")
    await vault.put("a", b"2")
    file_id = await id_of(vault, "a")
    moved = await vault.client.patch("/spaces/main/files/a", json={"path": "b/c"})
    assert moved.status_code == 200
    assert (moved.json()["id"], moved.json()["path"], moved.json()["versions"]) == (file_id, "b/c", 2)
    assert (await vault.get("b/c")).content == b"2"
    assert (await vault.get("a")).status_code == 404


@pytest.mark.parametrize("by", ["path", "id"])
async def test_a_move_onto_an_occupied_path_is_a_conflict_unless_it_replaces(vault: Vault, by: str) -> None:
    await vault.put("a", b"1")
    await vault.put("b", b"2")
    target = "/spaces/main/files/a" if by == "path" else f"/files/{await id_of(vault, 'a')}"
    refused = await vault.client.patch(target, json={"path": "b"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "conflict.occupied"
    moved = await vault.client.patch(f"{target}?replace=true", json={"path": "b"})
    assert moved.status_code == 200
    assert (await vault.get("b")).content == b"1"
    trash = (await vault.client.get("/trash")).json()["items"]
    assert [item["trashed_path"] for item in trash] == ["b"]


async def test_a_folder_moves_with_all_in_it_and_never_into_itself(vault: Vault) -> None:
    await vault.put("a/b/c", b"1")
    into = await vault.client.patch("/spaces/main/folders/a", json={"path": "a/b/x"})
    assert into.status_code == 409
    assert into.json()["reason"] == "into-itself"
    appended = len(vault.log.events)
    moved = await vault.client.patch("/spaces/main/folders/a", json={"path": "z/a"})
    assert moved.status_code == 200
    assert len(vault.log.events) == appended + 1
    assert await paths(vault) == ["z", "z/a", "z/a/b", "z/a/b/c"]


async def test_a_file_cannot_be_a_folders_parent(vault: Vault) -> None:
    await vault.put("a", b"1")
    await vault.put("b", b"2")
    assert (await vault.client.patch("/spaces/main/files/b", json={"path": "a/b"})).status_code == 409
    assert (await vault.client.put("/spaces/main/folders/a/b")).status_code == 409
    assert (await vault.client.put("/spaces/main/folders/a")).status_code == 409


async def test_the_wrong_kind_is_a_conflict_and_nothing_is_a_404(vault: Vault) -> None:
    await vault.put("d/f", b"1")
    assert (await vault.client.patch("/spaces/main/files/d", json={"path": "x"})).status_code == 409
    assert (await vault.client.patch("/spaces/main/folders/d/f", json={"path": "x"})).status_code == 409
    assert (await vault.client.delete("/spaces/main/files/d")).status_code == 409
    assert (await vault.client.delete("/spaces/main/folders/d/f")).status_code == 409
    assert (await vault.client.patch("/spaces/main/files/no", json={"path": "x"})).status_code == 404
    assert (await vault.client.delete("/spaces/none/files/d")).status_code == 404
    assert (await vault.client.get("/spaces/main/folders/d/f")).status_code == 409
    assert await paths(vault) == ["d", "d/f"]


async def test_a_change_under_a_condition_that_fails_is_a_412_with_the_current_etag(vault: Vault) -> None:
    first = await vault.put("a", b"1")
    await vault.put("a", b"2")
    file_id = await id_of(vault, "a")
    for method, target, body in (
        ("PATCH", "/spaces/main/files/a", {"path": "b"}),
        ("PATCH", f"/files/{file_id}", {"path": "b"}),
        ("DELETE", "/spaces/main/files/a", None),
        ("DELETE", f"/files/{file_id}", None),
    ):
        refused = await vault.client.request(method, target, json=body, headers={"if-match": first.headers["etag"]})
        assert refused.status_code == 412, (method, target)
        assert refused.headers["etag"] == (await vault.get("a")).headers["etag"]
    assert await paths(vault) == ["a"]
    current = (await vault.get("a")).headers["etag"]
    assert (await vault.client.delete("/spaces/main/files/a", headers={"if-match": current})).status_code == 200


async def test_a_condition_that_is_no_list_of_etags_is_refused(vault: Vault) -> None:
    await vault.put("a", b"1")
    for wrong in ("abc", '"a" "b"', '"a', ""):
        refused = await vault.client.delete("/spaces/main/files/a", headers={"if-match": wrong})
        assert refused.status_code == 422, wrong
        assert refused.json()["rule"] == "entity-tag"
    weak = await vault.client.delete("/spaces/main/files/a", headers={"if-match": 'W/"abc"'})
    assert weak.status_code == 412


async def test_trash_comes_back_where_it_was_and_makes_the_folders_on_the_way(vault: Vault) -> None:
    await vault.put("a/b/c", b"1")
    deleted = await vault.client.delete("/spaces/main/files/a/b/c")
    assert deleted.json()["path"] == "a/b/c"
    await vault.client.delete("/spaces/main/folders/a")
    restored = await vault.client.post(f"/trash/{deleted.json()['id']}/restore")
    assert restored.status_code == 200
    assert restored.json()["path"] == "a/b/c"
    assert (await vault.get("a/b/c")).content == b"1"


async def test_a_restore_onto_an_occupied_path_is_a_conflict_unless_it_replaces_or_goes_elsewhere(vault: Vault) -> None:
    await vault.put("a", b"1")
    gone = (await vault.client.delete("/spaces/main/files/a")).json()["id"]
    await vault.put("a", b"2")
    assert (await vault.client.post(f"/trash/{gone}/restore")).status_code == 409
    elsewhere = await vault.client.post(f"/trash/{gone}/restore", json={"path": "b"})
    assert elsewhere.json()["path"] == "b"
    assert (await vault.client.post(f"/trash/{gone}/restore")).status_code == 409
    gone = (await vault.client.delete("/spaces/main/files/b")).json()["id"]
    replaced = await vault.client.post(f"/trash/{gone}/restore?replace=true", json={"path": "a"})
    assert replaced.status_code == 200
    assert (await vault.get("a")).content == b"1"


async def test_what_is_inside_trash_is_not_found_until_its_folder_comes_back(vault: Vault) -> None:
    await vault.put("d/f", b"1")
    file_id = await id_of(vault, "d/f")
    folder_id = (await vault.client.delete("/spaces/main/folders/d")).json()["id"]
    missing = await vault.client.get(f"/files/{file_id}/metadata")
    assert missing.status_code == 404
    assert "is in the trash" in missing.json()["detail"]
    assert (await vault.client.post(f"/trash/{file_id}/restore")).status_code == 409
    assert (await vault.client.post(f"/trash/{folder_id}/restore")).status_code == 200
    assert (await vault.client.get(f"/files/{file_id}/metadata")).json()["path"] == "d/f"


async def test_a_dry_run_removes_nothing(vault: Vault) -> None:
    await vault.put("d/f", b"1")
    told = await vault.client.delete("/spaces/main/folders/d?dry_run=true")
    assert (told.json()["dry_run"], told.json()["trashed_at"]) == (True, None)
    assert await paths(vault) == ["d", "d/f"]
    await vault.client.delete("/spaces/main/folders/d")
    counted = (await vault.client.delete("/trash?dry_run=true")).json()
    assert (counted["files"], counted["folders"], counted["versions"], counted["more"]) == (1, 1, 1, False)
    assert len((await vault.client.get("/trash")).json()["items"]) == 1


async def test_emptying_can_be_bound_to_a_space_and_an_age(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    for space in ("main", "other"):
        await vault.put("f", space.encode(), space=space)
        await vault.client.delete(f"/spaces/{space}/files/f")
    assert (await vault.client.delete("/trash?older_than=3600")).json()["files"] == 0
    assert (await vault.client.delete("/trash?space=other&older_than=0")).json()["files"] == 1
    assert [item["space"] for item in (await vault.client.get("/trash")).json()["items"]] == ["main"]
    assert (await vault.client.delete("/trash?space=none")).status_code == 404


async def test_a_file_with_more_versions_than_one_event_may_end_is_purged(vault: Vault) -> None:
    for number in range(70):
        await vault.put("f", str(number).encode())
    await vault.client.delete("/spaces/main/files/f")
    emptied = (await vault.client.delete("/trash")).json()
    assert (emptied["files"], emptied["versions"]) == (1, 70)
    space = (await vault.client.get("/spaces/main")).json()
    assert (space["files"], space["versions"], space["logical_bytes"]) == (0, 0, 0)


async def test_a_repeat_with_the_same_key_is_answered_as_the_first_time(vault: Vault) -> None:
    await vault.put("a/f", b"1")
    for method, target, body, key in (
        ("PATCH", "/spaces/main/files/a/f", {"path": "b/f"}, "k1"),
        ("PATCH", "/spaces/main/files/b/f", {"tags": ["x"]}, "k2"),
        ("PATCH", "/spaces/main/folders/b", {"path": "c"}, "k3"),
        ("DELETE", "/spaces/main/folders/c", None, "k4"),
        ("PUT", "/spaces/main/folders/new", None, "k5"),
        ("POST", "/spaces", {"name": "other"}, "k6"),
    ):
        headers = {"idempotency-key": key}
        first = await vault.client.request(method, target, json=body, headers=headers)
        assert first.status_code < 300, (method, target, first.text)
        appended = len(vault.log.events)
        again = await vault.client.request(method, target, json=body, headers=headers)
        assert again.status_code == first.status_code, (method, target, again.text)
        assert again.json()["id"] == first.json()["id"]
        assert len(vault.log.events) == appended
        other = await vault.client.request("PUT", "/spaces/main/folders/another", headers=headers)
        assert other.status_code == 422, (method, target)
        assert other.json()["code"].startswith("idempotency-mismatch")


async def test_a_refusal_is_repeated_with_the_same_key(vault: Vault) -> None:
    await vault.put("a", b"1")
    headers = {"idempotency-key": "k"}
    made = await vault.client.put("/spaces/main/folders/d", headers=headers)
    await vault.client.delete("/spaces/main/folders/d")
    again = await vault.client.put("/spaces/main/folders/d", headers=headers)
    assert made.status_code == 201
    assert again.status_code == 404
    assert "removed or replaced since" in again.json()["detail"]


async def test_a_move_to_another_space_is_a_copy_and_then_trash(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    await vault.put("d/f", b"1", {"govault-tags": "t"})
    await vault.put("d/e/g", b"2")
    moved = await vault.client.patch("/spaces/main/folders/d", json={"path": "x/d", "space": "other"})
    assert moved.status_code == 200, moved.text
    assert (moved.json()["space"], moved.json()["path"]) == ("other", "x/d")
    assert await paths(vault) == []
    assert await paths(vault, "other") == ["x", "x/d", "x/d/e", "x/d/e/g", "x/d/f"]
    assert (await vault.get("x/d/f", space="other")).content == b"1"
    assert [item["trashed_path"] for item in (await vault.client.get("/trash")).json()["items"]] == ["d"]
    single = await vault.client.patch("/spaces/other/files/x/d/f", json={"path": "f", "space": "main"})
    assert single.status_code == 200
    assert single.json()["tags"] == ["t"]
    assert (await vault.get("f")).content == b"1"
    occupied = await vault.client.patch("/spaces/other/files/x/d/e/g", json={"path": "f", "space": "main"})
    assert occupied.status_code == 409
    replaced = await vault.client.patch("/spaces/other/files/x/d/e/g?replace=true", json={"path": "f", "space": "main"})
    assert (replaced.status_code, replaced.json()["version"]) == (200, 1)
    assert (await vault.get("f")).content == b"2"
    trash = (await vault.client.get("/trash?space=main")).json()["items"]
    assert sorted(item["trashed_path"] for item in trash) == ["d", "f"]
    await vault.put("x/d/e/g", b"3", space="other")
    nowhere = await vault.client.patch("/spaces/other/files/x/d/e/g", json={"path": "f", "space": "none"})
    assert nowhere.status_code == 404


class Meddling:
    """A submitter that lets somebody else write between the copy and the trash of a move to another space."""

    def __init__(self, vault: Vault, path: str) -> None:
        self.vault, self.path, self.times = vault, path, 1

    def __getattr__(self, name: str) -> object:
        return getattr(self.vault.services.submitter, name)

    async def submit(self, actor, data, partition, *, subject, step=""):
        if isinstance(data, EntityTrashed) and self.times:
            self.times -= 1
            await self.vault.put(self.path, b"meddled")
        return await self.vault.services.submitter.submit(actor, data, partition, subject=subject, step=step)


async def test_a_file_that_changes_while_it_moves_to_another_space_arrives_changed(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    await vault.put("f", b"1")
    moves = vault.services.namespace.moves
    slow = replace(moves, trash=replace(moves.trash, submitter=Meddling(vault, "f")))  # type: ignore[arg-type]
    moved = await slow.move(ADMIN, ByPath("main", "f"), MoveWish("g", "other"))
    assert moved.path == "g"
    assert (await vault.get("g", space="other")).content == b"meddled"
    assert (await vault.get("f")).status_code == 404


async def test_a_folder_that_grows_while_it_moves_to_another_space_arrives_grown(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    await vault.put("d/f", b"1")
    moves = vault.services.namespace.moves
    meddled = False

    class Growing:
        """Copies; behind its back the source grows once."""

        def __getattr__(self, name: str) -> object:
            return getattr(moves.copies, name)

        async def copy_located(self, actor: Actor, source: Located, wish: CopyWish) -> Copied:
            nonlocal meddled
            copied = await moves.copies.copy_located(actor, source, wish)
            if not meddled:
                meddled = True
                await vault.put("d/late", b"2")
            return copied

    slow = replace(moves, copies=Growing())  # type: ignore[arg-type]
    await slow.move(ADMIN, ByPath("main", "d"), MoveWish("e", "other"))
    assert await paths(vault, "other") == ["e", "e/f", "e/late"]
    assert await paths(vault) == []


async def test_a_move_to_another_space_is_repeated_with_the_same_key(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    await vault.put("d/f", b"1")
    for target, to in (("files/d/f", "f"), ("folders/d", "d")):
        ask, headers = {"path": to, "space": "other", "replace": True}, {"idempotency-key": to}
        first = await vault.client.patch(f"/spaces/main/{target}", json=ask, headers=headers)
        appended = len(vault.log.events)
        again = await vault.client.patch(f"/spaces/main/{target}", json=ask, headers=headers)
        assert (first.status_code, first.json()) == (again.status_code, again.json())
        assert first.status_code == 200
        assert len(vault.log.events) == appended


async def test_what_a_file_became_before_its_cut_off_move_is_repeated_is_not_lost(vault: Vault) -> None:
    await vault.client.post("/spaces", json={"name": "other"})
    await vault.put("f", b"1")
    moves = vault.services.namespace.moves
    actor = replace(ADMIN, idempotency_key="k", request_hash="h")

    class CutOff:
        """A trash that is never reached."""

        async def trash_located(self, *told: object, **more: object) -> None:
            raise OutcomePending("the node stopped here", event_id="e")

    with pytest.raises(OutcomePending):
        await replace(moves, trash=CutOff()).move(  # type: ignore[arg-type]
            actor, ByPath("main", "f"), MoveWish("g", "other")
        )
    await vault.put("f", b"newer")
    moved = await moves.move(actor, ByPath("main", "f"), MoveWish("g", "other"))
    assert moved.path == "g"
    assert (await vault.get("g", space="other")).content == b"newer"
    assert (await vault.get("f")).status_code == 404


async def test_a_purge_is_repeated_with_the_same_key_after_all_is_gone(vault: Vault) -> None:
    await vault.put("f", b"1")
    await vault.put("d/f", b"1")
    for target in ("files/f", "folders/d"):
        await vault.client.delete(f"/spaces/main/{target}")
        (root,) = (await vault.client.get("/trash")).json()["items"]
        headers = {"idempotency-key": target}
        first = await vault.client.delete(f"/trash/{root['id']}", headers=headers)
        appended = len(vault.log.events)
        again = await vault.client.delete(f"/trash/{root['id']}", headers=headers)
        assert (first.status_code, again.status_code) == (200, 200)
        assert (again.json()["files"], again.json()["more"]) == (0, False)
        assert len(vault.log.events) == appended
        assert (await vault.client.delete(f"/trash/{root['id']}")).status_code == 404


async def test_a_restored_version_is_asked_for_again_with_the_same_key_after_the_old_one_is_gone(vault: Vault) -> None:
    await vault.put("f", b"1")
    await vault.put("f", b"2")
    file_id, headers = await id_of(vault, "f"), {"idempotency-key": "k"}
    first = await vault.client.post(f"/files/{file_id}/versions/1/restore", headers=headers)
    assert (await vault.client.delete(f"/files/{file_id}/versions/1")).status_code == 200
    appended = len(vault.log.events)
    again = await vault.client.post(f"/files/{file_id}/versions/1/restore", headers=headers)
    assert (first.status_code, again.status_code, again.json()["version"]) == (200, 200, 3)
    assert len(vault.log.events) == appended
