"""A write that the log did not take in time may be repeated, with the same key too."""

import pytest

from govault.domain.position import Position
from govault.errors import EventLog
from govault.limits import EVENT_NOT_AFTER_S
from govault.services.contents.commits import Commits
from schemas.envelope import Event
from schemas.events.files import VersionCommitted
from tests.fakes.epochs import open_epochs
from tests.fakes.vault import Vault


async def test_a_write_that_came_late_is_done_when_it_is_repeated_with_its_key(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = vault.log.append

    async def late(event: Event, partition: int) -> Position:
        vault.clock.advance(EVENT_NOT_AFTER_S + 1)
        return await append(event, partition)

    key = {"idempotency-key": "k"}
    with monkeypatch.context() as slow:
        slow.setattr(vault.log, "append", late)
        refused = await vault.put("a", b"some bytes", key)
    assert (refused.status_code, refused.json()["code"]) == (503, "event-log.event-expired")
    done = await vault.put("a", b"some bytes", key)
    assert done.status_code == 201, done.text
    again = await vault.put("a", b"some bytes", key)
    assert again.json()["id"] == done.json()["id"]
    assert again.json()["version"] == 1


async def test_an_upload_that_was_cut_off_before_its_next_attempt_goes_on_when_it_is_repeated(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = vault.log.append

    async def after_two_epochs(event: Event, partition: int) -> Position:
        if isinstance(event.data, VersionCommitted):
            await open_epochs(vault, 2)
        return await append(event, partition)

    async def fail(*_: object) -> None:
        raise EventLog("the node stops")

    key = {"idempotency-key": "k"}
    with monkeypatch.context() as slow:
        slow.setattr(vault.log, "append", after_two_epochs)
        slow.setattr(Commits, "_renew", fail)
        assert (await vault.put("a", b"some bytes", key)).status_code == 503
    done = await vault.put("a", b"some bytes", key)
    assert done.status_code == 201, done.text
    again = await vault.put("a", b"some bytes", key)
    assert again.json()["id"] == done.json()["id"]
    assert again.json()["version"] == 1
