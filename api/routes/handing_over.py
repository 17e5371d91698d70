"""``/accounts/{account}/hand-over``: what an account owns and manages goes to another. For administrators."""

from fastapi import APIRouter

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep, ServicesDep
from api.routes.account_deps import AccountsDep, RowDep
from govault.errors import NotFound
from govault.services.namespace.handing_over import no_heir
from schemas.rest.accounts import HandedOverDocument, HandOverAsk

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])


@router.post(
    "/accounts/{account}/hand-over",
    operation_id="hand_over",
    response_model=HandedOverDocument,
    responses=problems(403, 404, writes=True),
)
async def hand_over(
    ask: HandOverAsk, row: RowDep, actor: ActorDep, accounts: AccountsDep, services: ServicesDep
) -> HandedOverDocument:
    """Give the files and folders that an account owns, and its roles at spaces, to another account.

    A request gives a thousand at most: ask again while `more` is true. An erased account's can be given too. What was
    granted to the account at single files and folders is not: revoke that where it is.
    """
    try:
        heir = accounts.people.find(ask.to)
    except NotFound as error:
        raise no_heir(ask.to) from error
    given = await services.namespace.handing_over.hand_over(actor, row.account_id, heir.account_id)
    return HandedOverDocument(**given._asdict())
