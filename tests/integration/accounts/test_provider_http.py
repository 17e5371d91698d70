"""Asking an identity provider over HTTP: bounded in time and size, and never led elsewhere."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from govault.auth.provider_http import AiohttpProvider
from govault.errors import IdentityProvider
from govault.limits import OIDC_ANSWER_BYTES_MAX


@pytest.fixture
async def base() -> AsyncIterator[str]:
    """A provider with some bad habits."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/echo")

    async def much(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * (OIDC_ANSWER_BYTES_MAX + 1))

    async def echo(request: web.Request) -> web.Response:
        form = dict(await request.post())
        return web.json_response({"by": request.headers.get("authorization"), "form": form}, status=201)

    app = web.Application()
    app.add_routes([web.get("/slow", slow), web.get("/moved", moved), web.get("/much", much)])
    app.add_routes([web.get("/echo", echo), web.post("/echo", echo)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_what_is_asked_carries_its_credential_and_the_answer_its_status(base: str) -> None:
    http = AiohttpProvider()
    assert await http.get(f"{base}/echo", "t") == (201, b'{"by": "Bearer t", "form": {}}')
    posted = await http.post(f"{base}/echo", {"code": "c"}, ("me", "hush"))
    assert posted.body == b'{"by": "Basic bWU6aHVzaA==", "form": {"code": "c"}}'
    assert b'"by": null' in (await http.post(f"{base}/echo", {})).body


async def test_no_redirect_is_followed(base: str) -> None:
    assert (await AiohttpProvider().get(f"{base}/moved")).status == 302


async def test_what_is_too_slow_too_much_or_not_there_is_the_provider_s_failure(base: str) -> None:
    with pytest.raises(IdentityProvider, match=r"within 0\.2 s"):
        await AiohttpProvider(answer_s=0.2).get(f"{base}/slow")
    with pytest.raises(IdentityProvider, match="more than"):
        await AiohttpProvider().get(f"{base}/much")
    for url in ("http://127.0.0.1:1/", "http://[", "nonsense"):
        with pytest.raises(IdentityProvider, match="cannot be reached"):
            await AiohttpProvider().get(url)
