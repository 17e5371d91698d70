"""Logging in by a browser: a loopback address waits for the code that the vault sends there (RFC 8252, 7.3).

No token goes through an address: the code counts once, for a minute, and only with a secret that never left here.
"""

import asyncio
import base64
import secrets
import webbrowser
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

from govault.errors import Authentication
from govault.limits import OIDC_FLOW_VALID_S

_REQUEST_BYTES_MAX = 16_384
_REQUEST_S = 10.0
_TEXT = "You are logged in. You can close this window."
_NOT_THIS = "Nothing is here."


async def code_by_browser(
    url: str, tell: Callable[[str], None], *, opens: bool = True, within_s: float = OIDC_FLOW_VALID_S
) -> tuple[str, str]:
    """Let a person log in by a browser on this machine.

    Args:
        tell: Takes the address to open.
        opens: Whether a browser is opened too.

    Returns:
        A code and the secret to redeem it with.

    Raises:
        Authentication: Nobody came back in time.
    """
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_S):
                found = _code_of(await reader.readuntil(b"\r\n\r\n"))
                writer.write(_answer(200, _TEXT) if found else _answer(404, _NOT_THIS))
                await writer.drain()
            if found and not code.done():
                code.set_result(found)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_REQUEST_BYTES_MAX)
    try:
        port = server.sockets[0].getsockname()[1]
        address = f"{url}/auth/oidc/start?{urlencode({'cli_port': port, 'cli_challenge': challenge})}"
        tell(address)
        if opens:
            await asyncio.to_thread(webbrowser.open, address)
        return await asyncio.wait_for(code, within_s), verifier
    except TimeoutError as error:
        raise Authentication(f"nobody came back from the browser within {within_s:g} s; begin again") from error
    finally:
        # Connections that a browser opened in advance and never used are not waited for.
        server.close()


def _code_of(request: bytes) -> str:
    """The code of a request's first line; empty where it has none."""
    method, _, rest = request.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target = urlsplit(rest.partition(" ")[0])
    return parse_qs(target.query).get("code", [""])[0] if method == "GET" and target.path == "/" else ""


def _answer(status: int, text: str) -> bytes:
    head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Found'}\r\ncontent-type: text/plain; charset=utf-8\r\n"
    return f"{head}content-length: {len(text)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{text}".encode()
