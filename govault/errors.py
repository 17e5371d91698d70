"""Every error GoVault raises on purpose: a stable code, whether a retry can help, and advice in the message.

The edges (REST, CLI) turn families into status and exit codes, each in one table.
"""

import errno
from typing import ClassVar


class GoVaultError(Exception):
    """Base of all. ``str(error)`` says what is wrong, with which value, and what to do.

    Attributes:
        code: Stable, for programs: ``<family>.<what>`` in kebab-case words.
        retryable: Whether the same request may succeed later.
        details: Facts for programs, JSON-able.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.specific_code = code or self.code
        self.details = details


class InvalidRequest(GoVaultError):
    """The request can never succeed as it is. ``rule`` in details names the rule it breaks."""

    code = "invalid-request"


class TooLarge(InvalidRequest):
    """A body, name or list is beyond its bound."""

    code = "too-large"


class DigestMismatch(InvalidRequest):
    """The bytes that came are not the bytes that were announced; nothing was kept."""

    code = "digest-mismatch"


class RangeNotSatisfiable(InvalidRequest):
    """No byte of the content lies in the range asked for; ``size_bytes`` in details."""

    code = "range-not-satisfiable"


class Authentication(GoVaultError):
    """Nobody we know: log in or send a valid token."""

    code = "authentication"


class AccessDenied(GoVaultError):
    """Known, but not allowed."""

    code = "access-denied"


class TooManyRequests(GoVaultError):
    """More than the rate that is allowed; ``retry_after_s`` in details says when the next may come."""

    code = "too-many-requests"
    retryable = True


class NotFound(GoVaultError):
    """It is not there, or the actor may not know that it is."""

    code = "not-found"


class Conflict(GoVaultError):
    """The state has moved on, or something else is in the way."""

    code = "conflict"


class PreconditionFailed(Conflict):
    """The condition of the request does not hold; ``etag`` in details is the current one, if any."""

    code = "precondition-failed"


class IdempotencyMismatch(Conflict):
    """The Idempotency-Key was used for another request before."""

    code = "idempotency-mismatch"


class QuotaExceeded(GoVaultError):
    """A space may not hold as much, or an account not own as much (``whose`` in details).

    Further facts, the middle two for who may know them: ``limit`` (bytes or files), ``most``, ``used``, ``asked``.
    """

    code = "quota-exceeded"


class Storage(GoVaultError):
    """The disk, or the chunk store on it, cannot do it."""

    code = "storage"


class StorageFull(Storage):
    """No space left; nothing was kept. Free space and repeat."""

    code = "storage-full"
    retryable = True


def is_full(error: OSError) -> bool:
    """Whether the system says that the disk is full, or one's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


class ChunkDamaged(Storage):
    """A stored chunk fails its check; it was quarantined and is not served."""

    code = "chunk-damaged"


class ChunkMissing(Storage):
    """A referenced chunk is not in the store."""

    code = "chunk-missing"


class Cluster(GoVaultError):
    """Too few peers, or this node is cut off."""

    code = "cluster"
    retryable = True


class IdentityProvider(GoVaultError):
    """The identity provider (OIDC) cannot be reached, or does not answer as one does; other ways in still work."""

    code = "identity-provider"
    retryable = True


class EventLog(GoVaultError):
    """The log cannot be reached, or is not the log of this vault."""

    code = "event-log"
    retryable = True


class OutcomePending(EventLog):
    """The event was (or may have been) written, but its outcome is not known in time: ask for it later.

    ``event_id`` in details names it.
    """

    code = "outcome-pending"


class ViewsLagging(EventLog):
    """The views have not applied the position asked for in time."""

    code = "views-lagging"


class Config(GoVaultError):
    """The configuration, the data folder or the machine stands against a start; the message says what and how out."""

    code = "config"
