"""``ProviderHttp`` by aiohttp: a connection a request, for logins are rare."""

import asyncio
import base64
from collections.abc import Mapping

import aiohttp

from govault.errors import IdentityProvider
from govault.limits import OIDC_ANSWER_BYTES_MAX, OIDC_ANSWER_S
from govault.ports import ProviderAnswer

_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "govault"}
_PIECE_BYTES = 65_536


class AiohttpProvider:
    """See the port."""

    def __init__(self, answer_s: float = OIDC_ANSWER_S) -> None:
        self._answer_s = answer_s

    async def get(self, url: str, bearer: str = "") -> ProviderAnswer:
        """See the port."""
        return await self._ask("GET", url, None, {"authorization": f"Bearer {bearer}"} if bearer else {})

    async def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None = None) -> ProviderAnswer:
        """See the port."""
        given = ""
        if basic is not None:
            given = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        return await self._ask("POST", url, form, {"authorization": given} if given else {})

    async def _ask(
        self, method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> ProviderAnswer:
        try:
            async with (
                asyncio.timeout(self._answer_s),
                aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(
                    method, url, data=form, headers={**_HEADERS, **headers}, allow_redirects=False
                ) as response,
            ):
                return ProviderAnswer(response.status, await _bounded(response))
        except TimeoutError as error:
            raise IdentityProvider(f"the identity provider did not answer within {self._answer_s:g} s") from error
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise IdentityProvider(f"the identity provider cannot be reached: {error}") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(_PIECE_BYTES):
        body += piece
        if len(body) > OIDC_ANSWER_BYTES_MAX:
            raise IdentityProvider(f"the identity provider answered more than {OIDC_ANSWER_BYTES_MAX} bytes")
    return bytes(body)
