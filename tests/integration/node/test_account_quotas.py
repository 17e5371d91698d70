"""Quotas of accounts on a whole node: what its configuration gives new ones, and what is left of them at a restart."""

from pathlib import Path

from tests.integration.conftest import real_vault

SETTINGS = {"GOVAULT_ACCOUNTS__QUOTA_BYTES_DEFAULT": "1KiB", "GOVAULT_ACCOUNTS__QUOTA_FILES_DEFAULT": "7"}


async def test_new_accounts_get_the_configured_quota_and_keep_it_when_the_node_starts_without(tmp_path: Path) -> None:
    async with real_vault(tmp_path / "data", SETTINGS) as vault:
        made = await vault.client.post("/accounts", json={"login": "ada"})
        assert made.json()["quota"] == {"bytes_max": 1024, "files_max": 7}
        first = (await vault.client.get("/accounts/admin")).json()
        assert first["quota"] == {"bytes_max": None, "files_max": None}
    async with real_vault(tmp_path / "data") as vault:
        assert (await vault.client.get("/accounts/ada")).json()["quota"] == {"bytes_max": 1024, "files_max": 7}
        made = await vault.client.post("/accounts", json={"login": "bob"})
        assert made.json()["quota"] == {"bytes_max": None, "files_max": None}
