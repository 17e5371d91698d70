"""What stops the broker, each with the exit code its process ends with."""

from __future__ import annotations

import errno
from typing import ClassVar


class BrokerFailure(Exception):
    """The broker cannot go on; the process ends with `exit_code` and the message says why."""

    exit_code: ClassVar[int] = 70


class DiskFailed(BrokerFailure):
    """A write or fsync failed. Its data may be lost although a later fsync succeeds: never retried."""

    exit_code = 74


class DiskFull(DiskFailed):
    """No space (or quota) is left for the log. Free some, then start again."""

    exit_code = 28


class LogDamaged(BrokerFailure):
    """What was acknowledged and synced is missing or altered. Restore the log from a backup."""

    exit_code = 65


class LogLocked(BrokerFailure):
    """Another process serves this log folder. Stop it first."""

    exit_code = 75


class LogTooNew(BrokerFailure):
    """The folder was written by a newer version. Run that version or restore an older copy."""

    exit_code = 78


class Bug(BrokerFailure):
    """An error of our own while data was being made durable: stop rather than guess."""

    exit_code = 70


def failure_of(error: Exception, doing: str) -> BrokerFailure:
    """Translate what went wrong on the disk into what the process ends with."""
    if isinstance(error, BrokerFailure):
        return error
    if not isinstance(error, OSError):
        return Bug(f"{doing}: {error!r}")
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else DiskFailed
    return kind(f"{doing}: {error.strerror or error}")
