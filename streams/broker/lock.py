"""One process a log folder: an exclusive lock that the system drops with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from streams.broker.failures import LogLocked


class FolderLock:
    """`flock` on the file `lock` in the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises LogLocked: another process has it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LogLocked(f"the log in {self._path.parent} is in use by another process") from None
        self._descriptor = descriptor

    def release(self) -> None:
        """May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
