"""What a start waits for: it decides nothing by views that do not know yet what the log says of the vault."""

import asyncio
from pathlib import Path

import pytest

from govault.errors import ViewsLagging
from govault.node.compose import know_the_vault
from schemas.events.accounts import GroupCreated
from schemas.ids import new_group_id
from tests.fakes.vault import ADMIN, open_vault


async def test_a_start_waits_until_what_the_log_says_of_the_vault_is_folded(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await know_the_vault(vault.log, vault.views, 5)
        vault.log.held = True
        group_id = new_group_id(1, b"group-----")
        made = GroupCreated(group_id=group_id, name="editors")
        writing = asyncio.create_task(vault.services.submitter.submit(ADMIN, made, 0, subject=group_id))
        await vault.log.wait_appended(GroupCreated, 1)
        with pytest.raises(ViewsLagging, match="accounts was not folded"):
            await know_the_vault(vault.log, vault.views, 0.05)
        waiting = asyncio.create_task(know_the_vault(vault.log, vault.views, 5))
        await asyncio.sleep(0)
        assert not waiting.done()
        vault.log.release()
        await waiting
        assert vault.views.accounts().group(group_id) is not None
        await writing
