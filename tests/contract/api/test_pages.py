"""The pages for people need no token, nothing from elsewhere, and can be switched off."""

import re

import pytest

from tests.fakes.vault import Vault


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_is_open_to_all_and_loads_from_this_node_only(vault: Vault, path: str) -> None:
    answer = await vault.client.get(path, headers={"authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert loaded
    assert not [target for target in loaded if "//" in target]
    for target in (one for one in loaded if one.startswith("static/")):
        assert (await vault.client.get("/" + target)).status_code == 200, target


@pytest.mark.parametrize("name", ["nope.js", "..%2Fapp.py", "%2e%2e", "index.html%00"])
async def test_only_the_pages_own_files_are_served(vault: Vault, name: str) -> None:
    assert (await vault.client.get(f"/static/{name}")).status_code in (404, 422)
