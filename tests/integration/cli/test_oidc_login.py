"""The loopback address that a command waits at for its browser."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from govault.cli.oidc_login import code_by_browser
from govault.errors import Authentication
from govault.services.accounts.oidc import challenge_of


async def test_the_code_comes_from_the_loopback_address_that_the_vault_was_told() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    waiting = asyncio.create_task(code_by_browser("https://vault.example", told.put_nowait, opens=False))
    address = urlsplit(await asyncio.wait_for(told.get(), 10))
    assert (address.scheme, address.netloc, address.path) == ("https", "vault.example", "/auth/oidc/start")
    query = parse_qs(address.query)
    base = f"http://127.0.0.1:{query['cli_port'][0]}"
    async with aiohttp.ClientSession() as browser:
        for elsewhere in ("/favicon.ico", "/", "/?code=", "/other?code=x"):
            async with browser.get(base + elsewhere) as answer:
                assert answer.status == 404
        async with browser.post(base + "/?code=x") as answer:
            assert answer.status == 404
        async with browser.get(base + "/?code=the-code") as answer:
            assert (answer.status, "logged in" in await answer.text()) == (200, True)
    code, verifier = await asyncio.wait_for(waiting, 10)
    assert code == "the-code"
    assert query["cli_challenge"] == [challenge_of(verifier)]


async def test_who_does_not_come_back_is_waited_for_no_longer_than_a_login_may_take() -> None:
    with pytest.raises(Authentication, match="nobody came back"):
        await code_by_browser("https://vault.example", lambda _: None, opens=False, within_s=0.01)
