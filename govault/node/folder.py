"""The data folder: what lies where, which format it has, and the lock that keeps a second node out.

A folder is one node's. Its format version is raised when an older program could no longer read it.
"""

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from govault.errors import Config

FORMAT = 1


@dataclass
class DataFolder:
    """The open data folder of this process.

    Attributes:
        root: Made with mode 0700 where it is missing.
    """

    root: Path
    _lock: IO[str] | None = field(default=None, repr=False)

    @classmethod
    def open(cls, root: Path) -> Self:
        """Take the folder for this process: made where missing, its format checked, its lock held until ``close``.

        Raises:
            Config: It cannot be used; the message says why and the way out.
        """
        root = root.expanduser().absolute()
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (root / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise Config(
                f"the data folder {root} cannot be used: {error.strerror}. "
                "Give it to this user, or choose another with server.storage_root"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Config(
                f"the data folder {root} is in use by another node (process {holder}). "
                "Stop it, or choose another folder with server.storage_root"
            ) from error
        folder = cls(root, lock)
        try:
            folder._check_format()
        except BaseException:
            folder.close()
            raise
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        return folder

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _check_format(self) -> None:
        path = self.root / "FORMAT"
        if not path.exists():
            strangers = sorted(entry.name for entry in self.root.iterdir() if entry.name != "lock")
            if strangers:
                raise Config(
                    f"{self.root} holds files of something else ({', '.join(strangers[:3])}) and no vault. "
                    "Choose an empty folder with server.storage_root"
                )
            write_durably(path, f"{FORMAT}\n")
            return
        text = path.read_text(encoding="utf-8").strip()
        if text != str(FORMAT):
            raise Config(
                f"the data folder {self.root} has format {text!r}; this program reads format {FORMAT}. "
                "Use the GoVault that wrote it or a newer one"
            )

    @property
    def keys(self) -> Path:
        """Secrets of vault and node."""
        return self.root / "keys"

    @property
    def log(self) -> Path:
        """The embedded log."""
        return self.root / "log"

    @property
    def views(self) -> Path:
        """Disposable state folded from the log."""
        return self.root / "views"

    @property
    def store(self) -> Path:
        """Packs and their index."""
        return self.root / "store"

    @property
    def token_file(self) -> Path:
        """The administrator's bearer token."""
        return self.root / "admin.token"

    @property
    def password_file(self) -> Path:
        """The first account's password, until it is changed."""
        return self.root / "admin.password"

    @property
    def vault_file(self) -> Path:
        """Which vault this is."""
        return self.root / "vault.json"

    def announce(self, facts: dict[str, object]) -> None:
        """Tell commands on this machine where the running node is (``node.json``)."""
        path = self.root / "node.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(path)

    def withdraw(self) -> None:
        """The node no longer runs."""
        (self.root / "node.json").unlink(missing_ok=True)


def write_durably(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small file so that after a power loss it is there whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
