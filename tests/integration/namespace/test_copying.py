"""Copies inside a space and across spaces: no bytes move, and nothing is lost to collection meanwhile."""

from dataclasses import replace

import pytest

from govault.domain.actor import system
from govault.services.namespace import copies as copies_module
from schemas.events.files import EpochOpened, VersionCommitted
from tests.fakes.vault import Vault
from tests.integration.namespace.test_moving import id_of, paths

BIG = bytes(range(256)) * 4096


async def test_a_copy_has_content_tags_and_an_origin_but_its_own_id_and_history(vault: Vault) -> None:
    await vault.put("a", b"1")
    await vault.put("a", b"2", {"govault-tags": "t"})
    file_id = await id_of(vault, "a")
    stored = await vault.store.stats()
    copied = await vault.client.post(f"/files/{file_id}/copy", json={"path": "b/c"})
    assert copied.status_code == 201
    document = copied.json()["copied"]
    assert (document["path"], document["tags"], document["versions"]) == ("b/c", ["t"], 1)
    assert document["id"] != file_id
    versions = (await vault.client.get(f"/files/{document['id']}/versions")).json()["items"]
    assert versions[0]["origin"] == {"how": "copy", "file_id": file_id, "version": 2}
    assert (await vault.get("b/c")).content == b"2"
    assert (await vault.store.stats())._replace(free_disk_bytes=0) == stored._replace(free_disk_bytes=0)


async def test_an_older_version_can_be_copied(vault: Vault) -> None:
    await vault.put("a", b"1")
    await vault.put("a", b"2")
    file_id = await id_of(vault, "a")
    await vault.client.post(f"/files/{file_id}/copy", json={"path": "old", "version": 1})
    assert (await vault.get("old")).content == b"1"
    missing = await vault.client.post(f"/files/{file_id}/copy", json={"path": "x", "version": 7})
    assert missing.status_code == 404


async def test_a_copy_onto_a_file_is_a_conflict_unless_it_replaces_then_it_is_the_next_version(vault: Vault) -> None:
    await vault.put("a", b"1")
    await vault.put("b", b"2")
    await vault.put("d/x", b"3")
    file_id = await id_of(vault, "a")
    refused = await vault.client.post(f"/files/{file_id}/copy", json={"path": "b"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict.occupied")
    replaced = await vault.client.post(f"/files/{file_id}/copy", json={"path": "b", "replace": True})
    assert replaced.json()["copied"]["version"] == 2
    assert (await vault.client.post(f"/files/{file_id}/copy?replace=true", json={"path": "d"})).status_code == 409


@pytest.mark.parametrize("content", [b"", b"small", BIG], ids=["empty", "inline", "large"])
async def test_a_copy_to_another_space_reads_the_same(vault: Vault, content: bytes) -> None:
    for number in range(6):
        await vault.client.post("/spaces", json={"name": f"other-{number}"})
    await vault.put("a", content)
    file_id = await id_of(vault, "a")
    for number in range(6):
        space = f"other-{number}"
        copied = await vault.client.post(f"/files/{file_id}/copy", json={"path": "d/b", "space": space})
        assert copied.status_code == 201, copied.text
        assert (await vault.get("d/b", space=space)).content == content
    await vault.client.delete("/spaces/main?force=true")
    assert (await vault.get("d/b", space="other-0")).content == content


async def test_a_folder_is_copied_with_all_in_it_and_not_into_itself(vault: Vault) -> None:
    for path in ("a/b/c", "a/d", "a/e/f/g"):
        await vault.put(path, path.encode())
    await vault.client.put("/spaces/main/folders/a/empty")
    folder_id = await id_of(vault, "a")
    copied = await vault.client.post(f"/files/{folder_id}/copy", json={"path": "z"})
    assert copied.status_code == 201
    assert (copied.json()["files"], copied.json()["folders"], copied.json()["more"]) == (3, 4, False)
    assert [path for path in await paths(vault) if path.startswith("z")] == [
        "z",
        "z/b",
        "z/b/c",
        "z/d",
        "z/e",
        "z/e/f",
        "z/e/f/g",
        "z/empty",
    ]
    assert (await vault.get("z/e/f/g")).content == b"a/e/f/g"
    for into in ("a", "a/b/x"):
        assert (await vault.client.post(f"/files/{folder_id}/copy", json={"path": into})).status_code == 409
    beside = await vault.client.post(f"/files/{folder_id}/copy", json={"path": "z", "replace": True})
    assert beside.status_code == 201
    assert (await vault.client.post(f"/files/{folder_id}/copy", json={"path": "z"})).status_code == 409


async def test_a_folder_copied_over_a_file_where_it_needs_a_folder_is_a_conflict(vault: Vault) -> None:
    await vault.put("a/x/f", b"1")
    await vault.put("z/x", b"2")
    folder_id = await id_of(vault, "a")
    refused = await vault.client.post(f"/files/{folder_id}/copy", json={"path": "z", "replace": True})
    assert refused.status_code == 409
    assert (await vault.get("z/x")).content == b"2"


async def test_a_large_folder_is_copied_in_bounded_steps(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies_module, "COPY_ENTRIES_MAX", 3)
    monkeypatch.setattr(copies_module, "COPIES_AT_ONCE_MAX", 2)
    expected = []
    for number in range(5):
        await vault.put(f"a/{number}/f", b"1")
        expected += [f"z/{number}", f"z/{number}/f"]
    folder_id = await id_of(vault, "a")
    ask, answers = {"path": "z"}, []
    while True:
        answer = (await vault.client.post(f"/files/{folder_id}/copy", json=ask)).json()
        answers.append(answer["files"] + answer["folders"])
        if not answer["more"]:
            break
        ask = {"path": "z", "cursor": answer["next_cursor"]}
    assert [path for path in await paths(vault) if path.startswith("z/")] == expected
    assert sum(answers) == 10
    assert max(answers) <= 3
    wrong = await vault.client.post(f"/files/{folder_id}/copy", json={**ask, "path": "y"})
    assert (wrong.status_code, wrong.json()["rule"]) == (422, "cursor-of-another-query")
    across = {"path": "q", "space": "other"}
    await vault.client.post("/spaces", json={"name": "other"})
    assert (await vault.client.patch("/spaces/main/folders/a", json=across)).status_code == 413


async def test_a_copy_whose_epoch_passed_is_committed_under_the_new_one(vault: Vault) -> None:
    await vault.put("a", b"1")
    file_id = await id_of(vault, "a")
    row = vault.views.space_named("main")
    assert row is not None
    submitter, copies = vault.services.submitter, vault.services.namespace.copies
    passed = False

    class Passing:
        """Lets two epochs pass between the look at the epoch and the commit."""

        def __getattr__(self, name: str) -> object:
            return getattr(submitter, name)

        async def submit(self, actor, data, partition, *, subject, step=""):
            nonlocal passed
            if isinstance(data, VersionCommitted) and not passed:
                passed = True
                for epoch in (1, 2):
                    opened = EpochOpened(epoch=epoch)
                    await submitter.submit(system("epochs"), opened, partition, subject="epochs")
            return await submitter.submit(actor, data, partition, subject=subject, step=step)

    slow = replace(copies, recommits=replace(copies.recommits, submitter=Passing()))  # type: ignore[arg-type]
    located = vault.services.targets.located(file_id)
    copied = await slow.copy_located(system("test"), located, copies_module.CopyWish("b"))
    assert passed
    assert copied.located.path == "b"


async def test_a_repeated_copy_makes_one_copy(vault: Vault) -> None:
    await vault.put("a", b"1")
    await vault.put("d/x", b"1")
    for path in ("a", "d"):
        file_id = await id_of(vault, path)
        headers = {"idempotency-key": f"copy-{path}"}
        first = await vault.client.post(f"/files/{file_id}/copy", json={"path": f"{path}2"}, headers=headers)
        again = await vault.client.post(f"/files/{file_id}/copy", json={"path": f"{path}2"}, headers=headers)
        assert first.status_code == again.status_code == 201, again.text
        assert first.json()["copied"]["id"] == again.json()["copied"]["id"]
