"""The tables at the REST edge are complete, and problems look as RFC 9457 says."""

import inspect

import orjson
import pytest

from api.errors import STATUS, problem, status_of
from govault import errors as families
from govault.domain.position import Outcome, Position, Verdict
from govault.domain.reasons import Reason
from govault.errors import GoVaultError
from govault.services.log.refusals import REFUSALS, refusal
from schemas.topics import Topic

FAMILIES = [cls for _, cls in inspect.getmembers(families, inspect.isclass) if issubclass(cls, GoVaultError)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_status(family: type[GoVaultError]) -> None:
    assert family in STATUS
    assert status_of(family("message")) == STATUS[family]


def test_no_status_is_for_a_family_that_is_gone() -> None:
    assert set(STATUS) == set(FAMILIES)


def test_codes_of_families_are_distinct() -> None:
    assert len({family.code for family in FAMILIES}) == len(FAMILIES)


def test_every_reason_has_a_refusal() -> None:
    assert set(REFUSALS) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_refusal_says_what_to_do_and_keeps_its_facts(reason: Reason) -> None:
    facts = (("etag", "abc"), ("detail", "because"))
    error = refusal(Outcome(Verdict.REFUSED, Position(Topic.FILES, 0, 1), reason.value, facts), "e_1")
    said = {"whose": "space"} if reason is Reason.QUOTA_EXCEEDED else {}
    assert error.details == {"reason": reason.value, "event_id": "e_1", "etag": "abc", **said}
    assert str(error).endswith(": because")
    assert 400 <= status_of(error) < 600


def test_a_problem_has_the_standard_members_and_the_facts() -> None:
    status, headers, body = problem(families.PreconditionFailed("it changed", etag="abc"), "req-1")
    assert status == 412
    assert dict(headers)[b"content-type"] == b"application/problem+json"
    assert dict(headers)[b"etag"] == b'"abc"'
    assert orjson.loads(body) == {
        "type": "urn:govault:problem:precondition-failed",
        "title": "Precondition Failed",
        "status": 412,
        "code": "precondition-failed",
        "detail": "it changed",
        "instance": "urn:govault:request:req-1",
        "request_id": "req-1",
        "retryable": False,
        "etag": "abc",
    }


def test_a_facts_name_cannot_replace_a_standard_member() -> None:
    error = families.Conflict("real", status="forged", type="forged", title="forged")
    assert orjson.loads(problem(error, "r")[2])["status"] == 409
