"""The session of a login, kept for the next commands: one file a node, readable by its owner only."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from govault.errors import Authentication, Config, GoVaultError

if TYPE_CHECKING:
    from schemas.rest.accounts import SessionTokens

_REFRESH_BEFORE_S = 60
_FILE_BYTES_MAX = 65_536


@dataclass(frozen=True)
class KeptSession:
    """What a login left. ``expires_s``: when its access token ends, by this machine's clock."""

    url: str
    login: str
    access_token: str
    refresh_token: str
    expires_s: float


class LoginFile:
    """The file of one node's session. Commands at the same time refresh it one after the other: a token counts once."""

    def __init__(self, url: str) -> None:
        base = os.environ.get("XDG_STATE_HOME", "")
        folder = (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "govault"
        self._url = url
        self._path = folder / f"session-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"

    def read(self) -> KeptSession | None:
        """The session; None where nobody is logged in.

        Raises:
            Config: The file is damaged, or open to others.
        """
        try:
            with self._path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
                kept = KeptSession(**json.loads(file.read(_FILE_BYTES_MAX)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise Config(f"the session in {self._path} cannot be read ({error}); log in again") from error
        if mode & 0o077:
            raise Config(f"the session in {self._path} is open to others (mode {mode:04o}); run: chmod 600 it")
        return kept if kept.url == self._url else None

    def write(self, login: str, tokens: "SessionTokens") -> None:
        """Keep a session, whole or not at all."""
        assert tokens.access_token is not None
        assert tokens.refresh_token is not None
        kept = KeptSession(self._url, login, tokens.access_token, tokens.refresh_token, time.time() + tokens.expires_in)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(kept), file)
        draft.replace(self._path)

    def forget(self) -> None:
        """Nobody is logged in any more."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the file; blocks while another command refreshes it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class SessionTokenSource:
    """Gives the access token of now, refreshed before it ends."""

    def __init__(self, file: LoginFile, ca_file: str | None, now_s: Callable[[], float] = time.time) -> None:
        self._file = file
        self._ca_file = ca_file
        self._now_s = now_s
        self._kept: KeptSession | None = None

    async def __call__(self) -> str:
        """The token.

        Raises:
            Authentication: The session has ended.
        """
        kept = self._kept or self._file.read()
        if kept is None or kept.expires_s - self._now_s() < _REFRESH_BEFORE_S:
            kept = await self._refresh()
        self._kept = kept
        return kept.access_token

    async def _refresh(self) -> KeptSession:
        from govault.client import Client

        with self._file.locked():
            kept = self._file.read()
            if kept is None:
                raise Authentication("nobody is logged in any more; log in again (govault login)")
            if kept.expires_s - self._now_s() >= _REFRESH_BEFORE_S:
                return kept
            try:
                async with Client(kept.url, None, ca_file=self._ca_file) as client:
                    tokens = await client.accounts.refresh(kept.refresh_token)
            except Authentication as error:
                self._file.forget()
                raise Authentication("the session has ended; log in again (govault login)") from error
            except GoVaultError:
                if kept.expires_s > self._now_s():
                    return kept
                raise
            self._file.write(kept.login, tokens)
            fresh = self._file.read()
            assert fresh is not None
            return fresh
