"""A node whose program is older than the rules of a partition: it reads there and does not write."""

from dataclasses import replace

import pytest

from govault.domain.actor import Actor
from govault.domain.rules import RULES_LATEST
from govault.errors import EventLog
from schemas.events.files import FolderMade, RulesActivated
from schemas.topics import Topic
from tests.fakes.vault import Vault

ADMIN = Actor("admin", ("admin",))


async def test_a_partition_with_newer_rules_is_read_and_refuses_writes_at_once(vault: Vault) -> None:
    await vault.put("kept", b"readable")
    space = vault.views.space_named("main")
    assert space is not None
    submitter = replace(
        vault.services.submitter, is_stopped=lambda topic, number: (topic, number) in vault.views.stopped()
    )
    made = FolderMade(space_id=space.space_id, path="before")
    await submitter.submit(ADMIN, made, space.partition, subject=space.space_id)
    for rules in range(2, RULES_LATEST + 1):
        await submitter.submit(ADMIN, RulesActivated(rules=rules), space.partition, subject="rules", step=str(rules))
    # Activated by a node of a newer program: this one cannot judge what comes after.
    newer = submitter._event(ADMIN, RulesActivated(rules=RULES_LATEST + 1), "rules", "")
    await vault.log.append(newer, space.partition)
    vault.log.release()
    assert (await vault.get("kept")).content == b"readable"
    assert (Topic.FILES, space.partition) in vault.views.stopped()
    written = len(vault.log.records)
    with pytest.raises(EventLog, match="newer GoVault") as refused:
        await submitter.submit(
            ADMIN, FolderMade(space_id=space.space_id, path="after"), space.partition, subject=space.space_id
        )
    assert refused.value.specific_code == "event-log.newer-rules"
    assert len(vault.log.records) == written
