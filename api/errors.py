"""Errors at the REST edge: every family has one status, every refusal is an RFC 9457 problem with a stable type."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson

from api.types import Headers
from govault import errors as families
from govault.errors import GoVaultError

PROBLEM_MEDIA_TYPE = "application/problem+json"
PROBLEM_TYPE_PREFIX = "urn:govault:problem:"
RETRY_AFTER_S = 1

STATUS: dict[type[GoVaultError], int] = {
    GoVaultError: 500,
    families.InvalidRequest: 422,
    families.TooLarge: 413,
    families.DigestMismatch: 400,
    families.RangeNotSatisfiable: 416,
    families.Authentication: 401,
    families.AccessDenied: 403,
    families.TooManyRequests: 429,
    families.NotFound: 404,
    families.Conflict: 409,
    families.PreconditionFailed: 412,
    families.IdempotencyMismatch: 422,
    families.QuotaExceeded: 507,
    families.Storage: 500,
    families.StorageFull: 507,
    families.ChunkDamaged: 500,
    families.ChunkMissing: 500,
    families.Cluster: 503,
    families.IdentityProvider: 503,
    families.EventLog: 503,
    families.OutcomePending: 202,
    families.ViewsLagging: 503,
    families.Config: 500,
}
"""A test asserts that every family of ``govault.errors`` is here."""

FRAMEWORK_CODES: dict[int, str] = {
    400: "invalid-request.malformed",
    401: "authentication",
    403: "access-denied",
    404: "not-found.route",
    405: "invalid-request.method",
    413: "too-large",
    415: "invalid-request.media-type",
    422: "invalid-request.fields",
}
"""Codes of the statuses that the web framework gives by itself."""


def status_of(error: GoVaultError) -> int:
    """The HTTP status of an error: that of its nearest family."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def problem(error: GoVaultError, request_id: str) -> tuple[int, Headers, bytes]:
    """Status, headers and body that tell a client of an error."""
    status = status_of(error)
    return (
        status,
        _headers(error, status),
        document(status, error.specific_code, str(error), request_id, {**error.details, "retryable": error.retryable}),
    )


def document(status: int, code: str, detail: str, request_id: str, extra: Mapping[str, object] | None = None) -> bytes:
    """The body of a problem. Facts of the error are members beside the standard ones (RFC 9457, 3.2)."""
    body: dict[str, object] = dict(extra or {})
    body.update(
        type=PROBLEM_TYPE_PREFIX + code,
        title=title_of(status),
        status=status,
        code=code,
        instance=f"urn:govault:request:{request_id}",
        request_id=request_id,
    )
    if detail:
        body["detail"] = detail
    return orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)


def title_of(status: int) -> str:
    """The standard phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _headers(error: GoVaultError, status: int) -> Headers:
    headers: Headers = [(b"content-type", PROBLEM_MEDIA_TYPE.encode()), (b"cache-control", b"no-store")]
    if status == 401:
        by_password = error.specific_code == "authentication.share-password"
        headers.append((b"www-authenticate", b'Basic realm="share"' if by_password else b'Bearer realm="govault"'))
    if isinstance(error, families.OutcomePending) and "event_id" in error.details:
        headers.append((b"location", f"/outcomes/{error.details['event_id']}".encode()))
    if error.retryable:
        headers.append((b"retry-after", str(error.details.get("retry_after_s", RETRY_AFTER_S)).encode()))
    if isinstance(error, families.PreconditionFailed) and error.details.get("etag"):
        headers.append((b"etag", f'"{error.details["etag"]}"'.encode()))
    if isinstance(error, families.RangeNotSatisfiable):
        headers.append((b"content-range", f"bytes */{error.details.get('size_bytes', 0)}".encode()))
    return headers
