"""Which node a command talks to, and as whom."""

import asyncio
import ipaddress
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from govault.cli.login_file import LoginFile, SessionTokenSource
from govault.cli.options import Options, options
from govault.errors import Authentication, Config

if TYPE_CHECKING:
    from govault.client import Client

Result = TypeVar("Result")
_TOKEN_BYTES_MAX = 4096
_NODE_FILE_BYTES_MAX = 65_536


def connect(act: "Callable[[Client], Awaitable[Result]]", *, public: bool = False, anonymous: bool = False) -> Result:
    """Run a coroutine with a client of the node that the options name.

    Args:
        public: The routes it uses need no token; one is sent where there is one.
        anonymous: None is sent.
    """
    from govault.client import Client

    asked = options()
    url, folder = find_node(asked)
    ca_file = None if asked.ca_file is None else str(asked.ca_file)
    token = None if anonymous else find_credential(asked, url, folder, ca_file)
    if token is None and not public:
        raise Authentication(
            f"no token for {url}: log in (govault login), set GOVAULT_TOKEN, give --token-file, or name the node's "
            "data folder with --data"
        )

    async def session() -> Result:
        async with Client(url, token, ca_file=ca_file) as client:
            return await act(client)

    return _run(session())


def _run(main: Awaitable[Result]) -> Result:
    async def wrapped() -> Result:
        return await main

    try:
        import uvloop
    except ImportError:  # pragma: no cover - a dependency; the standard loop does too
        return asyncio.run(wrapped())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(wrapped())


def data_folder(asked: Options) -> Path:
    """The data folder that the options, the environment or the configuration name.

    Without any of them, a folder ``data`` here that holds a vault comes before the default: that is where
    ``make run`` keeps its own.
    """
    if asked.data is not None:
        return asked.data
    named = os.environ.get("GOVAULT_SERVER__STORAGE_ROOT")
    if named:
        return Path(named).expanduser()
    from govault.config import find_file, load

    if find_file(asked.config, os.environ) is not None:
        return load(asked.config).configuration.server.storage_root
    from govault.config.model import default_storage_root

    beside = Path("data")
    usual = default_storage_root()
    return beside if (beside / "FORMAT").is_file() and not (usual / "node.json").is_file() else usual


def find_node(asked: Options) -> tuple[str, Path | None]:
    """The node's address, and the data folder where the address was found (None: it was given).

    Raises:
        Config: No address is known.
    """
    given = asked.url or os.environ.get("GOVAULT_URL")
    if given:
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Config(f"{given!r} is not the address of a node: write http://host:port or https://host:port")
        return given.rstrip("/"), None
    folder = data_folder(asked)
    try:
        announced = json.loads((folder / "node.json").read_bytes()[:_NODE_FILE_BYTES_MAX])
        url = announced["url"]
    except FileNotFoundError:
        raise Config(
            f"no node is running on {folder}: start one with 'govault start', "
            "or name one with --url, GOVAULT_URL or --data"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Config(f"{folder / 'node.json'} does not say where the node is ({error}); use --url") from error
    return str(url).rstrip("/"), folder


def find_credential(
    asked: Options, url: str, folder: Path | None, ca_file: str | None
) -> "str | SessionTokenSource | None":
    """As whom to ask: by the token that was named, else by the session of a login, else by the data folder's token."""
    if asked.token_file is None and not os.environ.get("GOVAULT_TOKEN", "").strip():
        file = LoginFile(url)
        if file.read() is not None:
            return SessionTokenSource(file, ca_file)
    return find_token(asked, url, folder)


def find_token(asked: Options, url: str, folder: Path | None) -> str | None:
    """The token: of the environment, of the file named, or of the data folder.

    The data folder's own token goes only to a node that announced itself there, or to this machine: never to an
    address that somebody else may have written.

    Raises:
        Config: The token file is unreadable or empty.
    """
    if asked.token_file is not None:
        return _read_token(asked.token_file)
    token = os.environ.get("GOVAULT_TOKEN", "").strip()
    if token:
        return token
    if folder is None:
        if not _is_loopback(url):
            return None
        folder = data_folder(asked)
    path = folder / "admin.token"
    return _read_token(path) if path.exists() else None


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            token = file.read(_TOKEN_BYTES_MAX).decode("ascii", "replace").strip()
    except OSError as error:
        raise Config(f"the token file {path} cannot be read: {error.strerror}") from error
    if not token or any(sign.isspace() for sign in token):
        raise Config(f"the token file {path} does not hold one token")
    return token


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
