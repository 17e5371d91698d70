import json

import pytest

from govault import errors
from govault.client.problems import error_of


def problem(code: str, **facts: object) -> bytes:
    return json.dumps({"type": f"urn:govault:problem:{code}", "code": code, "detail": "so it is", **facts}).encode()


@pytest.mark.parametrize(
    ("status", "code", "family"),
    [
        (404, "not-found", errors.NotFound),
        (404, "not-found.space-unknown", errors.NotFound),
        (409, "conflict.occupied", errors.Conflict),
        (412, "precondition-failed", errors.PreconditionFailed),
        (422, "idempotency-mismatch", errors.IdempotencyMismatch),
        (422, "invalid-path", errors.InvalidRequest),
        (503, "views-lagging", errors.ViewsLagging),
        (507, "storage-full", errors.StorageFull),
        (507, "quota-exceeded", errors.QuotaExceeded),
        (500, "chunk-damaged", errors.ChunkDamaged),
        (401, "authentication", errors.Authentication),
    ],
)
def test_a_problem_becomes_the_error_of_its_family(status: int, code: str, family: type[errors.GoVaultError]) -> None:
    error = error_of(status, problem(code, etag="x"), {})
    assert type(error) is family
    assert error.specific_code == code
    assert error.details["etag"] == "x"
    assert str(error).startswith("so it is")


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (401, errors.Authentication),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (412, errors.PreconditionFailed),
        (413, errors.TooLarge),
        (416, errors.RangeNotSatisfiable),
        (418, errors.GoVaultError),
        (502, errors.GoVaultError),
        (503, errors.Cluster),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"code": 7}', b'{"type": "about:blank"}'])
def test_without_a_known_code_the_status_decides(status: int, family: type[errors.GoVaultError], body: bytes) -> None:
    assert type(error_of(status, body, {})) is family


def test_the_request_id_is_kept() -> None:
    assert error_of(500, b"", {"x-request-id": "abc"}).details["request_id"] == "abc"
