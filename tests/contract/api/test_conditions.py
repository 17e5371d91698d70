"""CONTRACT's table of conditions, each row over HTTP."""

import asyncio

from api.app import create_app
from api.settings import ApiSettings
from govault.auth.token import TokenAuthenticator
from schemas.events.files import VersionCommitted
from tests.fakes.vault import TOKEN, Vault, impatient


async def _etag(vault: Vault, path: str) -> str:
    return (await vault.get(path)).headers["etag"]


async def test_put_to_a_free_path_makes_version_one(vault: Vault) -> None:
    answer = await vault.put("a", b"one")
    assert (answer.status_code, answer.json()["version"], answer.json()["result"]) == (201, 1, "created")
    assert answer.headers["location"] == f"/files/{answer.json()['id']}"


async def test_put_over_a_file_makes_the_next_version(vault: Vault) -> None:
    await vault.put("a", b"one")
    answer = await vault.put("a", b"two")
    assert (answer.status_code, answer.json()["version"], answer.json()["result"]) == (200, 2, "version")


async def test_identical_content_makes_no_new_version(vault: Vault) -> None:
    await vault.put("a", b"one")
    answer = await vault.put("a", b"one")
    assert (answer.status_code, answer.json()["version"], answer.json()["result"]) == (200, 1, "unchanged")
    touched = await vault.put("a", b"one", {"govault-executable": "true"})
    assert (touched.status_code, touched.json()["version"], touched.json()["result"]) == (200, 1, "touched")


async def test_if_none_match_star_over_a_file_is_refused(vault: Vault) -> None:
    assert (await vault.put("a", b"one", {"if-none-match": "*"})).status_code == 201
    answer = await vault.put("a", b"two", {"if-none-match": "*"})
    assert answer.status_code == 412
    assert (await vault.get("a")).content == b"one"


async def test_if_match_of_another_content_is_refused_and_tells_the_current_tag(vault: Vault) -> None:
    await vault.put("a", b"one")
    first = await _etag(vault, "a")
    assert (await vault.put("a", b"two", {"if-match": first})).status_code == 200
    answer = await vault.put("a", b"three", {"if-match": first})
    assert answer.status_code == 412
    current = await _etag(vault, "a")
    assert answer.headers["etag"] == current
    assert answer.json()["etag"] == current.strip('"')


async def test_if_match_where_no_file_is_is_refused(vault: Vault) -> None:
    for value in ('"' + "0" * 64 + '"', "*"):
        answer = await vault.put("nowhere", b"x", {"if-match": value})
        assert answer.status_code == 412
    assert (await vault.get("nowhere")).status_code == 404


async def test_weak_tags_and_lists_follow_the_rfc(vault: Vault) -> None:
    await vault.put("a", b"one")
    tag = await _etag(vault, "a")
    assert (await vault.put("a", b"two", {"if-match": f"W/{tag}"})).status_code == 412
    assert (await vault.put("a", b"two", {"if-none-match": f'"other", {tag}'})).status_code == 412
    assert (await vault.put("a", b"two", {"if-match": f'"other", {tag}'})).status_code == 200
    assert (await vault.put("a", b"three", {"if-none-match": '"other"'})).status_code == 200
    assert (await vault.put("a", b"four", {"if-match": "*"})).status_code == 200
    assert (await vault.put("a", b"five", {"if-match": "unquoted"})).status_code == 422


async def test_two_writers_with_the_same_base_both_succeed_as_two_versions(vault: Vault) -> None:
    await vault.put("a", b"base")
    answers = await asyncio.gather(vault.put("a", b"left"), vault.put("a", b"right"))
    assert sorted(answer.status_code for answer in answers) == [200, 200]
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3]


async def test_of_two_writers_with_a_condition_one_wins(vault: Vault) -> None:
    await vault.put("a", b"base")
    tag = await _etag(vault, "a")
    answers = await asyncio.gather(*(vault.put("a", b"%d" % n, {"if-match": tag}) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]
    made = await asyncio.gather(*(vault.put("b", b"%d" % n, {"if-none-match": "*"}) for n in range(5)))
    assert sorted(answer.status_code for answer in made) == [201, 412, 412, 412, 412]


async def test_a_repeat_with_the_same_key_is_answered_with_the_first_outcome(vault: Vault) -> None:
    headers = {"idempotency-key": "k-1", "if-none-match": "*"}
    first = await vault.put("a", b"one", headers)
    again = await vault.put("a", b"one", headers)
    assert first.status_code == again.status_code == 201
    for name in ("id", "version", "etag", "path", "result", "media_type", "size_bytes"):
        assert first.json()[name] == again.json()[name]
    assert [event.data.TYPE for event in vault.log.events].count(VersionCommitted.TYPE) == 1


async def test_a_key_used_for_another_request_is_refused(vault: Vault) -> None:
    await vault.put("a", b"one", {"idempotency-key": "k-1"})
    for path, content, more in (
        ("b", b"one", {}),
        ("a", b"two", {}),
        ("a", b"one!", {}),
        ("a", b"one", {"govault-executable": "true"}),
        ("a", b"one", {"if-match": "*"}),
    ):
        answer = await vault.put(path, content, {"idempotency-key": "k-1", **more})
        assert answer.status_code == 422, (path, content, more)
        assert answer.json()["code"] == "idempotency-mismatch"
    assert (await vault.get("a")).content == b"one"
    assert (await vault.get("b")).status_code == 404


async def test_repeats_at_the_same_time_make_one_version(vault: Vault) -> None:
    headers = {"idempotency-key": "k-1"}
    answers = await asyncio.gather(*(vault.put("a", b"one", headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["version"] for answer in answers} == {1}


async def test_one_key_for_two_contents_at_the_same_time_makes_one_version(vault: Vault) -> None:
    headers = {"idempotency-key": "k-1"}
    answers = await asyncio.gather(*(vault.put("a", content, headers) for content in (b"one", b"two", b"six")))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
    made = next(answer for answer in answers if answer.status_code == 201)
    assert (await vault.get("a")).headers["etag"] == f'"{made.json()["etag"]}"'


async def test_an_outcome_not_known_in_time_is_a_202_with_its_place(vault: Vault) -> None:
    app = create_app(impatient(vault.services, 0.01), ApiSettings(), TokenAuthenticator(TOKEN))
    async with vault.client_for(app) as client:
        vault.log.held = True
        answer = await client.put("/spaces/main/files/slow", content=b"x")
        assert answer.status_code == 202
        place = answer.headers["location"]
        assert place.startswith("/outcomes/e_")
        assert (await client.get(place)).status_code == 404
        vault.log.release()
        outcome = await client.get(place)
        assert outcome.status_code == 200
        assert outcome.json()["verdict"] == "accepted"
        assert outcome.json()["facts"]["version"] == 1
        assert (await client.get("/spaces/main/files/slow")).content == b"x"


async def test_a_write_that_certainly_was_not_written_is_a_503(vault: Vault) -> None:
    vault.log.lose_next = True
    answer = await vault.put("a", b"one")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["retryable"] is True
    assert (await vault.get("a")).status_code == 404


async def test_a_read_waits_for_the_position_it_asks_for(vault: Vault) -> None:
    position = (await vault.put("a", b"one")).headers["govault-position"]
    assert (await vault.get("a", {"govault-at-least": position})).status_code == 200
    answer = await vault.get("a", {"govault-at-least": "nonsense"})
    assert answer.status_code == 422
    assert answer.json()["rule"] == "position"
