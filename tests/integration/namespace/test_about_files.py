"""Metadata, versions and history of files."""

from tests.fakes.vault import Vault
from tests.integration.namespace.test_moving import id_of


async def test_metadata_has_an_etag_of_its_own_that_any_change_of_it_changes(vault: Vault) -> None:
    await vault.put("d/a", b"1")
    file_id = await id_of(vault, "d/a")
    target = f"/files/{file_id}/metadata"
    etags = [(await vault.client.get(target)).headers["etag"]]
    for change in (
        vault.client.patch(f"/files/{file_id}", json={"add_tags": ["x"]}),
        vault.client.patch("/spaces/main/folders/d", json={"path": "e"}),
        vault.put("e/a", b"2"),
    ):
        await change
        etags.append((await vault.client.get(target)).headers["etag"])
    assert len(set(etags)) == 4
    assert (await vault.client.get(target, headers={"if-none-match": etags[-1]})).status_code == 304
    assert (await vault.client.get(target, headers={"if-none-match": etags[0]})).status_code == 200
    by_path = await vault.client.get("/spaces/main/files/e/a?metadata")
    assert by_path.json() == (await vault.client.get(target)).json()
    assert by_path.headers["etag"] == etags[-1]


async def test_metadata_changes_under_the_etag_that_was_seen(vault: Vault) -> None:
    await vault.put("a", b"1")
    file_id = await id_of(vault, "a")
    seen = (await vault.client.get(f"/files/{file_id}/metadata")).headers["etag"]
    change = {"description": "first", "media_type": "text/x-mine"}
    changed = await vault.client.patch(f"/files/{file_id}", json=change, headers={"if-match": seen})
    assert (changed.status_code, changed.json()["media_type"]) == (200, "text/x-mine")
    stale = await vault.client.patch(f"/files/{file_id}", json={"description": "x"}, headers={"if-match": seen})
    assert stale.status_code == 412
    assert stale.headers["etag"] == changed.headers["etag"]
    both = {"path": "b", "add_tags": ["t"]}
    moved = await vault.client.patch(f"/files/{file_id}", json=both, headers={"if-match": changed.headers["etag"]})
    assert (moved.json()["path"], moved.json()["tags"]) == ("b", ["t"])


async def test_tags_are_set_or_added_and_removed_and_bounded(vault: Vault) -> None:
    await vault.put("a", b"1")
    for ask, expected in (
        ({"tags": ["b", "a", "b"]}, ["a", "b"]),
        ({"add_tags": ["c"], "remove_tags": ["a", "none"]}, ["b", "c"]),
        ({"tags": []}, []),
        ({}, []),
    ):
        assert (await vault.client.patch("/spaces/main/files/a", json=ask)).json()["tags"] == expected
    for wrong in (
        {"tags": ["x"], "add_tags": ["y"]},
        {"tags": [""]},
        {"tags": ["a\nb"]},
        {"tags": ["é" * 65]},
        {"tags": [str(number) for number in range(65)]},
        {"description": "é" * 2049},
        {"media_type": "no type"},
        {"colour": "red"},
        {"path": "../x"},
        {"path": ""},
        {"path": "a//b"},
        {"tags": "x"},
        [],
    ):
        refused = await vault.client.patch("/spaces/main/files/a", json=wrong)
        assert refused.status_code == 422, wrong
        assert refused.headers["content-type"] == "application/problem+json"


async def test_a_folder_has_metadata_but_none_that_people_set(vault: Vault) -> None:
    await vault.put("d/a", b"1")
    folder_id = await id_of(vault, "d")
    told = await vault.client.get(f"/files/{folder_id}/metadata")
    assert (told.json()["type"], told.json()["path"]) == ("folder", "d")
    assert (await vault.client.patch(f"/files/{folder_id}", json={"tags": ["x"]})).status_code == 409
    both = await vault.client.patch(f"/files/{folder_id}", json={"tags": ["x"], "path": "e"})
    assert both.status_code == 409
    assert (await vault.client.get(f"/files/{folder_id}/metadata")).json()["path"] == "d"
    assert (await vault.client.get(f"/files/{folder_id}/versions")).status_code == 409


async def test_versions_are_listed_newest_first_told_restored_and_removed(vault: Vault) -> None:
    for content in (b"1", b"22", b"333"):
        await vault.put("a", content)
    file_id = await id_of(vault, "a")
    first = (await vault.client.get(f"/files/{file_id}/versions?limit=2")).json()
    assert [(item["version"], item["current"]) for item in first["items"]] == [(3, True), (2, False)]
    rest = (await vault.client.get(f"/files/{file_id}/versions?limit=2&cursor={first['next_cursor']}")).json()
    assert [item["version"] for item in rest["items"]] == [1]
    assert not rest["more"]
    assert (await vault.client.get(f"/files/{file_id}/versions/2")).json()["size_bytes"] == 2
    restored = await vault.client.post(f"/files/{file_id}/versions/1/restore")
    assert (restored.status_code, restored.json()["version"]) == (200, 4)
    assert (await vault.get("a")).content == b"1"
    again = await vault.client.post(f"/files/{file_id}/versions/1/restore")
    assert again.json()["version"] == 4
    told = (await vault.client.get(f"/files/{file_id}/versions/4")).json()
    assert told["origin"] == {"how": "restore", "file_id": file_id, "version": 1}
    assert (await vault.client.delete(f"/files/{file_id}/versions/4")).status_code == 409
    assert (await vault.client.delete(f"/files/{file_id}/versions/2?dry_run=true")).json()["dry_run"] is True
    assert (await vault.client.delete(f"/files/{file_id}/versions/2")).status_code == 200
    assert (await vault.client.get(f"/files/{file_id}/versions/2")).status_code == 404
    assert (await vault.client.delete(f"/files/{file_id}/versions/2")).status_code == 404
    assert (await vault.client.post(f"/files/{file_id}/versions/2/restore")).status_code == 404
    for wrong in ("0", "x", "-1", "99999999999"):
        assert (await vault.client.get(f"/files/{file_id}/versions/{wrong}")).status_code == 422, wrong


async def test_a_version_comes_back_only_over_the_content_that_was_seen(vault: Vault) -> None:
    first = await vault.put("a", b"1")
    second = await vault.put("a", b"2")
    file_id = await id_of(vault, "a")
    target = f"/files/{file_id}/versions/1/restore"
    assert (await vault.client.post(target, headers={"if-match": first.headers["etag"]})).status_code == 412
    assert (await vault.client.post(target, headers={"if-match": second.headers["etag"]})).status_code == 200


async def test_a_removed_version_and_a_restore_are_repeated_with_the_same_key(vault: Vault) -> None:
    for content in (b"1", b"2", b"3"):
        await vault.put("a", content)
    file_id = await id_of(vault, "a")
    for method, target in (("DELETE", "versions/1"), ("POST", "versions/2/restore")):
        headers = {"idempotency-key": target}
        first = await vault.client.request(method, f"/files/{file_id}/{target}", headers=headers)
        appended = len(vault.log.events)
        again = await vault.client.request(method, f"/files/{file_id}/{target}", headers=headers)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert len(vault.log.events) == appended


async def test_the_history_tells_every_version_that_ever_was_and_where_it_ended(vault: Vault) -> None:
    for content in (b"1", b"2", b"3"):
        await vault.put("a", content)
    file_id = await id_of(vault, "a")
    await vault.client.delete(f"/files/{file_id}/versions/2")
    await vault.client.patch(f"/files/{file_id}", json={"tags": ["x"]})
    await vault.client.delete(f"/files/{file_id}")
    whole = (await vault.client.get(f"/files/{file_id}/history")).json()
    assert [(item["what"], item["version"], item["retained"]) for item in whole["items"]] == [
        ("trashed", None, None),
        ("metadata-changed", None, None),
        ("committed", 3, True),
        ("pruned", 2, False),
        ("committed", 1, True),
        ("created", None, None),
    ]
    assert whole["items"][2]["actor"] == "admin"
    target, paged = f"/files/{file_id}/history?limit=4", []
    page = (await vault.client.get(target)).json()
    paged += page["items"]
    paged += (await vault.client.get(f"{target}&cursor={page['next_cursor']}")).json()["items"]
    assert paged == whole["items"]


async def test_a_hash_names_a_file_only_where_it_names_exactly_one(vault: Vault) -> None:
    etag = (await vault.put("a", b"1")).headers["etag"].strip('"')
    file_id = await id_of(vault, "a")
    assert (await vault.client.get(f"/files/{etag}/metadata")).json()["id"] == file_id
    tagged = await vault.client.patch(f"/files/{etag}", json={"tags": ["x"]})
    assert (tagged.status_code, tagged.json()["id"]) == (200, file_id)
    await vault.put("b", b"1")
    for method, target in (("GET", "metadata"), ("GET", "versions"), ("DELETE", ""), ("PATCH", "")):
        refused = await vault.client.request(method, f"/files/{etag}/{target}".rstrip("/"), json={"tags": []})
        assert refused.status_code == 409, (method, target)
        assert sorted(item["path"] for item in refused.json()["files"]) == ["a", "b"]
    assert (await vault.client.get(f"/files/{'0' * 64}/metadata")).status_code == 404


async def test_a_reference_that_is_none_is_refused(vault: Vault) -> None:
    for ref in ("x", "f_", "F_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8", "a" * 63, "A" * 64, "f_81JCZ8M5T4Q9V2W3X4Y5Z6A7B8"):
        for method, target in (("GET", "metadata"), ("GET", "history"), ("PATCH", ""), ("DELETE", "")):
            answer = await vault.client.request(method, f"/files/{ref}/{target}".rstrip("/"), json={})
            assert answer.status_code == 422, (ref, method)
    unknown = "f_01JCZ8M5T4Q9V2W3X4Y5Z6A7B8"
    assert (await vault.client.get(f"/files/{unknown}/metadata")).status_code == 404
    assert (await vault.client.get(f"/files/{unknown}/history")).status_code == 404
