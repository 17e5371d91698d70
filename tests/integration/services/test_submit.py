"""The one way to the log: what is appended, what is not, and what repeats hear."""

import asyncio
from dataclasses import replace

import pytest

from govault.domain.actor import Actor
from govault.domain.position import Outcome, Verdict
from govault.errors import Conflict, IdempotencyMismatch, OutcomePending
from govault.limits import EVENT_NOT_AFTER_S
from schemas.events.files import EntityTrashed, FolderMade, SpaceClosed, VersionCommitted
from tests.fakes.vault import ADMIN, Vault

KEYED = replace(ADMIN, idempotency_key="k", request_hash="aa")


async def _make_folder(vault: Vault, path: str, actor: Actor = ADMIN) -> Outcome:
    space = vault.services.targets.space("main")
    made = FolderMade(space_id=space.space_id, path=path)
    return await vault.services.submitter.submit(actor, made, space.partition, subject=space.space_id)


async def test_an_event_says_who_caused_it_and_until_when_it_counts(vault: Vault) -> None:
    await _make_folder(vault, "a")
    event = vault.log.events[-1]
    assert (event.actor, event.principals, event.source) == ("admin", ("admin",), "/vaults/test/nodes/test")
    assert event.not_after_ms == event.time_ms + EVENT_NOT_AFTER_S * 1000


async def test_what_the_view_refuses_is_not_appended(vault: Vault) -> None:
    await vault.put("file", b"x")
    appended = len(vault.log.events)
    with pytest.raises(Conflict) as caught:
        await _make_folder(vault, "file/below")
    assert caught.value.details["reason"] == "not-a-folder"
    assert len(vault.log.events) == appended


async def test_what_only_the_log_can_refuse_is_told_alike(vault: Vault) -> None:
    vault.log.held = True
    racing = asyncio.gather(vault.put("x", b"file"), vault.put("x/y", b"below"))
    await vault.log.wait_appended(VersionCommitted, 2)
    vault.log.release()
    answers = await racing
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_repeat_is_answered_without_another_event(vault: Vault) -> None:
    first = await _make_folder(vault, "a", KEYED)
    appended = len(vault.log.events)
    again = await _make_folder(vault, "a", KEYED)
    assert (again.verdict, again.facts, again.position.offset) == (first.verdict, first.facts, first.position.offset)
    assert len(vault.log.events) == appended


async def test_a_key_of_another_request_is_refused_and_another_actors_key_is_another(vault: Vault) -> None:
    await _make_folder(vault, "a", KEYED)
    with pytest.raises(IdempotencyMismatch):
        await _make_folder(vault, "b", replace(KEYED, request_hash="bb"))
    other = replace(KEYED, name="someone", request_hash="bb")
    assert (await _make_folder(vault, "b", other)).verdict is Verdict.ACCEPTED


async def test_an_append_of_unknown_fate_is_pending_and_its_repeat_finds_it(vault: Vault) -> None:
    vault.log.forget_next = True
    with pytest.raises(OutcomePending) as caught:
        await _make_folder(vault, "a", KEYED)
    vault.log.release()
    row = vault.views.find_outcome(str(caught.value.details["event_id"]))
    assert row is not None
    again = await _make_folder(vault, "a", KEYED)
    assert (again.verdict.value, again.position.offset) == (row.verdict, row.offset)


async def test_a_write_that_comes_too_late_is_refused(vault: Vault) -> None:
    clock = vault.clock
    vault.log.clock = type(clock)(clock.now_ms + int(EVENT_NOT_AFTER_S * 1000) + 1)
    answer = await vault.put("late", b"x")
    assert (answer.status_code, answer.json()["code"]) == (503, "event-log.event-expired")
    assert answer.json()["retryable"] is True


async def test_a_closed_space_takes_no_more_contents(vault: Vault) -> None:
    space = vault.services.targets.space("main")
    file = (await vault.put("a", b"x")).json()
    close = SpaceClosed(space_id=space.space_id, force=True)
    await vault.services.submitter.submit(ADMIN, close, space.partition, subject=space.space_id)
    assert (await vault.put("b", b"x")).status_code == 404
    trash = EntityTrashed(space_id=space.space_id, entity_id=file["id"])
    await vault.services.submitter.submit(ADMIN, trash, space.partition, subject=space.space_id)
