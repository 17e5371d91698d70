"""``/audit``: who asked for what, and what came of it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import KNOWN_QUERY, LIMIT_DEFAULT, TELLS_NEXT, Cursor, Limit, page_answer, page_document, problems
from api.asks import instant_ms
from api.deps import ActorDep
from api.documents import Document, instant
from api.routes.upkeep_deps import UpkeepDep
from govault.services.log.audit_search import Audit, AuditQuery, AuditSearch
from govault.services.namespace import cursors
from schemas.rest.audit import AuditPage

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])
_Word = Annotated[str, Query(max_length=128)]
_Since = Annotated[str | None, Query(description="From this time on, RFC 3339.", examples=["2026-11-01T00:00:00Z"])]
_Until = Annotated[str | None, Query(description="Before this time, RFC 3339.", examples=["2026-11-02T00:00:00Z"])]


@router.get("/audit", operation_id="audit", response_model=AuditPage, responses={**TELLS_NEXT, **problems()})
async def search_audit(
    request: Request,
    asker: ActorDep,
    upkeep: UpkeepDep,
    actor: _Word = "",
    action: Annotated[str, Query(max_length=128, description="A part of method and route.")] = "",
    outcome: Annotated[Literal["", "allowed", "refused"], Query()] = "",
    code: _Word = "",
    subject: _Word = "",
    token_id: _Word = "",
    address: _Word = "",
    request_id: _Word = "",
    since: _Since = None,
    until: _Until = None,
    cursor: Cursor = "",
    limit: Limit = LIMIT_DEFAULT,
) -> Response:
    """Search the audit trail, the newest first. Administrators see all, everybody else his own requests.

    Kept are refusals, logins, grants, links, file tokens and where they are used, and what is done about accounts and
    the vault; reads of contents where `accounts.audit_reads` says so. Each search looks at a bounded number of records:
    a page may be empty and lead on.
    """
    query = AuditQuery(
        actor=actor if asker.is_admin else asker.name,
        action=action,
        outcome=outcome,
        code=code,
        subject=subject,
        token_id=token_id,
        address=address,
        request_id=request_id,
        since_ms=instant_ms(since, "since"),
        until_ms=instant_ms(until, "until"),
    )
    bound = ("audit", *(getattr(query, name) for name in AuditQuery.__slots__))
    place = cursors.place(bound, cursor)
    search = AuditSearch(upkeep.ports.reader, upkeep.ports.mac_key)
    page = await search.find(query, int(place) if place else None, limit)
    following = cursors.make(bound, str(page.before)) if page.before is not None else ""
    return page_answer(request, page_document([_document(one) for one in page.items], following))


def _document(audit: Audit) -> Document:
    noted = audit.noted
    return {
        "time": instant(audit.time_ms),
        "actor": audit.actor,
        "action": noted.action,
        "outcome": noted.outcome,
        "code": noted.code,
        "subject": noted.subject,
        "token_id": noted.token_id,
        "address": noted.address,
        "request_id": noted.request_id,
    }
