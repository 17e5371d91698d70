"""What a node answered, as the errors of ``govault.errors``: the code names the family, the status stands in for it."""

from collections.abc import Iterator, Mapping

import orjson

from govault import errors as families
from govault.errors import Cluster, GoVaultError

PROBLEM_TYPE_PREFIX = "urn:govault:problem:"
_STANDARD_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code"})

_BY_STATUS: dict[int, type[GoVaultError]] = {
    400: families.InvalidRequest,
    401: families.Authentication,
    403: families.AccessDenied,
    404: families.NotFound,
    405: families.InvalidRequest,
    409: families.Conflict,
    411: families.InvalidRequest,
    412: families.PreconditionFailed,
    413: families.TooLarge,
    415: families.InvalidRequest,
    416: families.RangeNotSatisfiable,
    422: families.InvalidRequest,
    428: families.PreconditionFailed,
    429: families.TooManyRequests,
    503: families.Cluster,
    507: families.StorageFull,
}


class Unreachable(Cluster):
    """No node answers at the address, or the connection was lost and repeating did not help."""

    code = "cluster.unreachable"


class ProtocolError(GoVaultError):
    """What answers is no GoVault node, or one that this client does not understand."""

    code = "protocol"


def _all_families(base: type[GoVaultError]) -> Iterator[type[GoVaultError]]:
    yield base
    for family in base.__subclasses__():
        yield from _all_families(family)


_BY_CODE = {family.code: family for family in _all_families(GoVaultError)}


def error_of(status: int, body: bytes, headers: Mapping[str, str]) -> GoVaultError:
    """The error that an answer of status 400 or above means."""
    problem = _problem(body)
    code = _text(problem, "code") or _text(problem, "type").removeprefix(PROBLEM_TYPE_PREFIX)
    family = _BY_CODE.get(code) or _BY_CODE.get(code.partition(".")[0]) or _BY_STATUS.get(status, GoVaultError)
    message = _text(problem, "detail") or _text(problem, "title") or f"the node answered with status {status}"
    if status == 401 and family is families.Authentication:
        message += " (GOVAULT_TOKEN, --token-file, or admin.token in the node's data folder)"
    details = {name: value for name, value in problem.items() if name not in _STANDARD_MEMBERS and name != "message"}
    details.setdefault("status", status)
    if "request_id" not in details and "x-request-id" in headers:
        details["request_id"] = headers["x-request-id"]
    return family(message, code=code or None, **details)


def _problem(body: bytes) -> dict[str, object]:
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _text(problem: Mapping[str, object], name: str) -> str:
    value = problem.get(name)
    return value if isinstance(value, str) else ""
