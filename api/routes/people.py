"""``/people/{login}``: whom something can be granted to, for everybody who has logged in."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.answers import KNOWN_QUERY, problems
from api.routes.account_deps import AccountsDep
from govault.errors import NotFound
from schemas.rest.accounts import PersonDocument

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])


@router.get("/people/{login}", operation_id="find_person", response_model=PersonDocument, responses=problems(404))
async def find_person(
    login: Annotated[str, Path(description="The whole login.", examples=["ada"])], accounts: AccountsDep
) -> PersonDocument:
    """Find somebody by the whole login, to grant something to. Nobody lists people, or looks for a part of a login."""
    row = accounts.people.of_login(login)
    if row is None or not row.is_live:
        raise NotFound(f"there is nobody with the login {login[:100]!r}", code="not-found.account-unknown")
    personal = accounts.people.opened(row).personal
    return PersonDocument(id=row.account_id, login=personal.login, display_name=personal.display_name or None)
