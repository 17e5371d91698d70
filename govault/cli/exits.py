"""Exit codes: the one table from error families to what a shell sees. A test holds it complete."""

from govault import errors as families
from govault.cli.codes import CONFLICT, ERROR, NOT_ALLOWED, NOT_FOUND, USAGE
from govault.client.problems import ProtocolError, Unreachable
from govault.errors import GoVaultError

EXIT_CODES: dict[type[GoVaultError], int] = {
    GoVaultError: ERROR,
    families.InvalidRequest: USAGE,
    families.TooLarge: ERROR,
    families.DigestMismatch: ERROR,
    families.RangeNotSatisfiable: USAGE,
    families.Authentication: NOT_ALLOWED,
    families.AccessDenied: NOT_ALLOWED,
    families.TooManyRequests: ERROR,
    families.NotFound: NOT_FOUND,
    families.Conflict: CONFLICT,
    families.PreconditionFailed: CONFLICT,
    families.IdempotencyMismatch: CONFLICT,
    families.QuotaExceeded: ERROR,
    families.Storage: ERROR,
    families.StorageFull: ERROR,
    families.ChunkDamaged: ERROR,
    families.ChunkMissing: ERROR,
    families.Cluster: ERROR,
    families.IdentityProvider: ERROR,
    families.EventLog: ERROR,
    families.OutcomePending: ERROR,
    families.ViewsLagging: ERROR,
    families.Config: ERROR,
    Unreachable: ERROR,
    ProtocolError: ERROR,
}


def exit_code(error: GoVaultError) -> int:
    """The exit code of an error: that of its nearest family."""
    return next(EXIT_CODES[family] for family in type(error).__mro__ if family in EXIT_CODES)
