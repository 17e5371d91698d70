"""Lists and searches: pages, cursors, filters, and what is refused."""

import pytest

from tests.fakes.vault import Vault
from tests.integration.namespace.test_moving import id_of

TREE = ("a", "b/x", "b/y/z", "b.txt", "b0", "c/d/e", "ä/ö")


@pytest.fixture
async def tree(vault: Vault) -> Vault:
    for path in TREE:
        await vault.put(path, path.encode())
    return vault


async def test_a_folder_lists_its_entries_in_byte_order_page_by_page(tree: Vault) -> None:
    whole = (await tree.client.get("/spaces/main/folders/")).json()
    assert [(item["name"], item["type"]) for item in whole["items"]] == [
        ("a", "file"),
        ("b.txt", "file"),
        ("b", "folder"),
        ("b0", "file"),
        ("c", "folder"),
        ("ä", "folder"),
    ]
    assert (whole["folder"]["path"], whole["more"], whole["next_cursor"]) == ("", False, None)
    target, names = "/spaces/main/folders/?limit=2", []
    while target:
        page = await tree.client.get(target)
        names += [item["name"] for item in page.json()["items"]]
        link = page.headers.get("link", "")
        assert bool(link) is page.json()["more"]
        target = link.partition(">")[0].removeprefix("<")
    assert names == [item["name"] for item in whole["items"]]


async def test_an_inner_folder_tells_whole_paths(tree: Vault) -> None:
    page = (await tree.client.get("/spaces/main/folders/b/y")).json()
    assert (page["folder"]["path"], [item["path"] for item in page["items"]]) == ("b/y", ["b/y/z"])
    assert (await tree.client.get("/spaces/main/folders/b/")).json()["folder"]["path"] == "b"
    assert (await tree.client.get("/spaces/main/folders/%C3%A4")).json()["items"][0]["path"] == "ä/ö"
    assert (await tree.client.get("/spaces/main/folders/none")).status_code == 404
    assert (await tree.client.get("/spaces/none/folders/")).status_code == 404


async def test_a_page_goes_on_where_its_last_entry_was_removed(tree: Vault) -> None:
    first = (await tree.client.get("/spaces/main/folders/?recursive=true&limit=5")).json()
    assert [item["path"] for item in first["items"]] == ["a", "b.txt", "b", "b/x", "b/y"]
    await tree.client.delete("/spaces/main/folders/b")
    params = {"recursive": True, "limit": 5, "cursor": first["next_cursor"]}
    second = (await tree.client.get("/spaces/main/folders/", params=params)).json()
    assert [item["path"] for item in second["items"]] == ["b0", "c", "c/d", "c/d/e", "ä"]


async def test_a_cursor_is_bound_to_its_query(tree: Vault) -> None:
    cursor = (await tree.client.get("/files?space=main&limit=1")).json()["next_cursor"]
    for query in ("space=main&prefix=b", "", "space=main&sort=-size", "space=main&q=x", "space=main&delimiter=/"):
        refused = await tree.client.get(f"/files?{query}&limit=1&cursor={cursor}")
        assert (refused.status_code, refused.json()["rule"]) == (422, "cursor-of-another-query"), query
    for wrong in ("x", "%00", "AAAA", "ä", cursor[:-2], cursor + "AAAA"):
        assert (await tree.client.get(f"/files?space=main&limit=1&cursor={wrong}")).status_code == 422, wrong
    assert (await tree.client.get(f"/files?space=main&limit=2&cursor={cursor}")).status_code == 200


async def test_files_are_listed_by_place_and_rolled_up_at_the_delimiter(tree: Vault) -> None:
    plain = (await tree.client.get("/files?space=main")).json()
    assert [item["path"] for item in plain["items"]] == sorted(TREE, key=str.encode)
    rolled = (await tree.client.get("/files?space=main&delimiter=/")).json()
    assert [item["path"] for item in rolled["items"]] == ["a", "b.txt", "b0"]
    assert rolled["prefixes"] == ["b/", "c/", "ä/"]
    inside = (await tree.client.get("/files?space=main&prefix=b&delimiter=/")).json()
    assert ([item["path"] for item in inside["items"]], inside["prefixes"]) == (["b.txt", "b0"], ["b/"])
    deep = (await tree.client.get("/files?space=main&prefix=b/y/")).json()
    assert [item["path"] for item in deep["items"]] == ["b/y/z"]
    assert (await tree.client.get("/files?space=none")).status_code == 404


async def test_unknown_and_doubled_query_fields_are_refused_by_name(tree: Vault) -> None:
    for query, name in (("as_of=now", "as_of"), ("space=main&spaces=x", "spaces"), ("limit=1&limit=2", "limit")):
        refused = await tree.client.get(f"/files?{query}")
        assert refused.status_code == 422
        assert name in refused.json()["detail"]
    for query in (
        "limit=0",
        "limit=1001",
        "limit=x",
        "larger=-1",
        "sort=colour",
        "since=yesterday",
        "since=2026-01-01",
    ):
        assert (await tree.client.get(f"/files?{query}")).status_code == 422, query


async def test_files_are_found_by_what_is_known_of_them(tree: Vault) -> None:
    file_id = await id_of(tree, "b/x")
    change = {"tags": ["red", "blue"], "description": "The holiday pictures"}
    assert (await tree.client.patch(f"/files/{file_id}", json=change)).status_code == 200
    for query in ("tag=red", "q=holiday", "q=holi", "name=X", "name=?&prefix=b/&space=main", "larger=2&smaller=4"):
        found = (await tree.client.get(f"/files?{query}")).json()
        assert "b/x" in [item["path"] for item in found["items"]], query
    for query in ("tag=re", "q=nothing", "name=*.pdf", "larger=100", "owner=nobody", "type=image/"):
        assert (await tree.client.get(f"/files?{query}")).json()["items"] == [], query
    sizes = [item["size_bytes"] for item in (await tree.client.get("/files?sort=-size")).json()["items"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == len(TREE)


async def test_a_search_goes_on_page_by_page(tree: Vault) -> None:
    for sort in ("name", "-name", "size", "-size", "modified", "-modified", "created", "-path"):
        seen: list[str] = []
        cursor = ""
        while True:
            page = (await tree.client.get("/files", params={"sort": sort, "limit": 2, "cursor": cursor})).json()
            seen += [item["path"] for item in page["items"]]
            if not page["more"]:
                break
            cursor = page["next_cursor"]
        assert sorted(seen) == sorted(TREE), sort


async def test_what_is_in_the_trash_is_not_listed(tree: Vault) -> None:
    await tree.client.delete("/spaces/main/folders/b")
    for query in ("space=main", "sort=name", "name=*", "prefix=b/&space=main"):
        listed = [item["path"] for item in (await tree.client.get(f"/files?{query}")).json()["items"]]
        assert not [path for path in listed if path.startswith("b/")], query


async def test_what_a_search_finds_is_rolled_up_too(tree: Vault) -> None:
    for limit in (1, 2, 100):
        for query, files, prefixes in (
            ("larger=0", ["a", "b.txt", "b0"], ["b/", "c/", "ä/"]),
            ("larger=0&space=main&prefix=b", ["b.txt", "b0"], ["b/"]),
            ("name=[xz]", [], ["b/"]),
            ("name=[xz]&prefix=b/", ["b/x"], ["b/y/"]),
        ):
            found: tuple[list[str], list[str]] = ([], [])
            cursor = ""
            while True:
                page = (await tree.client.get(f"/files?{query}&delimiter=/&limit={limit}&cursor={cursor}")).json()
                found[0].extend(item["path"] for item in page["items"])
                found[1].extend(page["prefixes"])
                if not page["more"]:
                    break
                cursor = page["next_cursor"]
            assert found == (files, prefixes), (query, limit)
