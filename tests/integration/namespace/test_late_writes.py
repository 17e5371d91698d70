"""A write that reached the log too late may be repeated, with the same key too."""

import pytest

from govault.domain.position import Position
from govault.limits import EVENT_NOT_AFTER_S
from schemas.envelope import Event
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
