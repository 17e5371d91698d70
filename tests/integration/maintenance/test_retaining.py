"""Retention: versions and trash end by events that vault time calls for, and never by a node's clock."""

from pathlib import Path

import pytest

from govault.domain.actor import system
from govault.services.maintenance.purges import PurgeBudget, Purged
from schemas.events.files import TrashPurged, VersionsPruned
from tests.fakes.vault import Vault, open_vault
from tests.integration.maintenance.upkeep import one_round, upkeep_of

DAY_S = 86_400


async def settings(vault: Vault, **retention: int | None) -> None:
    answer = await vault.client.patch("/spaces/main", json={"retention": retention})
    assert answer.status_code == 200, answer.text


async def versions(vault: Vault, path: str) -> list[int]:
    answer = (await vault.client.get(f"/spaces/main/files/{path}?metadata")).json()
    listed = (await vault.client.get(f"/files/{answer['id']}/versions")).json()
    return sorted(row["version"] for row in listed["items"])


async def write_versions(vault: Vault, path: str, count: int, every_s: float = 0) -> None:
    for number in range(count):
        await vault.put(path, f"{path} {number}".encode())
        vault.clock.advance(every_s)


async def test_without_settings_everything_is_kept(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await write_versions(vault, "a", 4, DAY_S)
        await one_round(upkeep_of(vault).retention)
        assert await versions(vault, "a") == [1, 2, 3, 4]


async def test_keep_last_keeps_the_newest_the_current_one_counted(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await write_versions(vault, "a", 5)
        await write_versions(vault, "b", 1)
        await settings(vault, keep_last=2)
        retention = upkeep_of(vault).retention
        await one_round(retention)
        assert await versions(vault, "a") == [4, 5]
        assert await versions(vault, "b") == [1]
        assert retention.counts.versions == 3
        pruned = [event for event in vault.log.events if isinstance(event.data, VersionsPruned)]
        assert [event.actor for event in pruned] == ["system:retention"]
        assert pruned[0].data.reason == "retention"  # type: ignore[attr-defined]
        await one_round(retention)
        assert retention.counts.versions == 3


async def test_keep_within_counts_from_when_a_version_was_replaced(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await write_versions(vault, "a", 4, 2 * DAY_S)
        await settings(vault, keep_within_s=3 * DAY_S)
        await one_round(upkeep_of(vault).retention)
        assert await versions(vault, "a") == [3, 4]


async def test_trash_expires_by_vault_time_not_by_the_nodes_clock(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        for number in range(5):
            await vault.put(f"folder/sub/{number}", b"x")
        await settings(vault, trash_expires_after_s=DAY_S)
        await vault.client.delete("/spaces/main/folders/folder")
        retention = upkeep_of(vault).retention
        vault.clock.advance(2 * DAY_S)
        await one_round(retention)
        assert len((await vault.client.get("/trash")).json()["items"]) == 1
        await vault.put("something", b"moves the log on")
        await vault.client.delete("/spaces/main/files/something")
        await one_round(retention)
        assert [row["name"] for row in (await vault.client.get("/trash")).json()["items"]] == ["something"]
        assert retention.counts.trash == 7
        purged = [event for event in vault.log.events if isinstance(event.data, TrashPurged)]
        assert {event.data.reason for event in purged} == {"expired"}  # type: ignore[attr-defined]


async def test_a_large_tree_of_trash_ends_over_several_bounded_steps(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("govault.services.maintenance.retention.PURGE_ENTITIES_PER_STEP", 10)
    async with open_vault(tmp_path) as vault:
        for number in range(35):
            await vault.put(f"folder/{number}", b"x")
        await settings(vault, trash_expires_after_s=DAY_S)
        await vault.client.delete("/spaces/main/folders/folder")
        vault.clock.advance(2 * DAY_S)
        await vault.put("something", b"moves the log on")
        retention = upkeep_of(vault).retention
        assert await one_round(retention) >= 4
        assert retention.counts.trash == 36
        assert (await vault.client.get("/trash")).json()["items"] == []


async def test_trash_that_came_back_and_was_trashed_anew_is_not_ended_for_its_first_time(tmp_path: Path) -> None:
    async with open_vault(tmp_path) as vault:
        await vault.put("other", b"x")
        await vault.put("folder/f", b"x")
        await settings(vault, trash_expires_after_s=DAY_S)
        await vault.client.delete("/spaces/main/folders/folder")
        (root,) = (await vault.client.get("/trash")).json()["items"]
        stale = vault.views.entity(root["id"])
        assert stale is not None
        vault.clock.advance(2 * DAY_S)
        await vault.client.post(f"/trash/{root['id']}/restore")
        await vault.client.delete("/spaces/main/folders/folder")
        budget = PurgeBudget(100)
        await vault.services.namespace.purges.purge_tree(system("retention"), stale, budget, "expired")
        assert budget.purged == Purged()
        assert [row["name"] for row in (await vault.client.get("/trash")).json()["items"]] == ["folder"]


async def test_a_tree_that_comes_back_while_it_ends_keeps_what_is_left_and_ends_the_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govault.services.maintenance.retention.PURGE_ENTITIES_PER_STEP", 10)
    async with open_vault(tmp_path) as vault:
        for number in range(35):
            await vault.put(f"folder/{number:02}", b"x")
        await write_versions(vault, "folder/34", 70)
        await settings(vault, trash_expires_after_s=DAY_S)
        await vault.client.delete("/spaces/main/folders/folder")
        vault.clock.advance(2 * DAY_S)
        await vault.put("something", b"moves the log on")
        retention = upkeep_of(vault).retention
        assert await retention.work()
        (root,) = (await vault.client.get("/trash")).json()["items"]
        assert (await vault.client.post(f"/trash/{root['id']}/restore")).status_code == 200
        steps = 0
        while await retention.work():
            steps += 1
            assert steps < 20, "it goes on with what is trash no more"
        assert retention.counts.trash == 10
        assert len(await versions(vault, "folder/34")) == 71


async def test_settings_that_change_during_a_round_hold_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govault.services.maintenance.retention.RETENTION_FILES_PER_STEP", 1)
    async with open_vault(tmp_path) as vault:
        await write_versions(vault, "a", 4)
        await write_versions(vault, "b", 4)
        await settings(vault, keep_last=1)
        retention = upkeep_of(vault).retention
        assert await retention.work()
        await settings(vault, keep_last=3)
        await one_round(retention)
        assert await versions(vault, "a") == [4]
        assert await versions(vault, "b") == [2, 3, 4]
