"""``/accounts/{account}/identity``: who of an identity provider logs in with an account. For administrators."""

from fastapi import APIRouter

from api.answers import KNOWN_QUERY, problems
from api.deps import ActorDep
from api.routes.account_deps import AccountsDep, KeptRowDep, account_document
from govault.errors import Conflict
from schemas.rest.accounts import AccountDocument, IdentityAsk

router = APIRouter(tags=["accounts"], dependencies=[KNOWN_QUERY])


@router.put(
    "/accounts/{account}/identity",
    operation_id="link_account",
    response_model=AccountDocument,
    responses=problems(403, 404, writes=True),
)
async def link_account(ask: IdentityAsk, row: KeptRowDep, actor: ActorDep, accounts: AccountsDep) -> AccountDocument:
    """Let somebody of the identity provider log in with an account, instead of whoever of it did.

    Sessions of the account end where it was somebody else's.
    """
    issuer = ask.issuer or ("" if accounts.oidc is None else accounts.oidc.settings.issuer)
    if not issuer:
        raise Conflict(
            "this vault has no identity provider (accounts.oidc.issuer); name the issuer",
            code="conflict.no-identity-provider",
        )
    identity_hash = accounts.people.sealing.identity_hash(issuer, ask.subject)
    return account_document(accounts, await accounts.registry.link(actor, row, identity_hash))


@router.delete(
    "/accounts/{account}/identity",
    operation_id="unlink_account",
    response_model=AccountDocument,
    responses=problems(403, 404, writes=True),
)
async def unlink_account(row: KeptRowDep, actor: ActorDep, accounts: AccountsDep) -> AccountDocument:
    """Let nobody of the identity provider log in with an account any more. Its sessions end."""
    return account_document(accounts, await accounts.registry.link(actor, row, ""))
