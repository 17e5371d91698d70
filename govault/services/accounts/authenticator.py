"""Who stands behind a bearer credential: the operator's token, a session's access token, or an API token.

Nothing of what a credential may do is written in it: account, groups and roles are looked up at every request, in this
node's views. So a disabled account, an ended session and a left group count from the moment they were applied here.
"""

from govault.auth.access_tokens import AccessTokens
from govault.auth.secrets import API_TOKEN_PREFIX, read_api_token, same
from govault.auth.token import Authenticator, Identity
from govault.domain.accounts_draft import ROLE_ADMIN
from govault.domain.actor import ADMIN_ROLE
from govault.domain.principals import principals_of_account
from govault.errors import Authentication
from govault.ports import Clock, Views
from govault.services.accounts.freshness import AccessFreshness
from govault.services.accounts.session_table import SessionTable

_UNKNOWN_HASH = "0" * 64


class AccountsAuthenticator:
    """``Authenticator``. Every refusal has the same words: none tells what was wrong with a credential."""

    def __init__(
        self,
        operator: Authenticator,
        views: Views,
        table: SessionTable,
        tokens: AccessTokens,
        freshness: AccessFreshness,
        clock: Clock,
    ) -> None:
        """Args:
        operator: Knows the data folder's own token.
        """
        self._operator = operator
        self._views = views
        self._table = table
        self._tokens = tokens
        self._freshness = freshness
        self._clock = clock

    async def authenticate(self, authorization: str | None) -> Identity:
        """See the protocol.

        Raises:
            ViewsLagging: This node does not know lately enough whom the vault lets in.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        credential = credential.strip()
        if scheme.lower() == "bearer" and credential.startswith(API_TOKEN_PREFIX):
            return self._by_api_token(credential)
        if scheme.lower() == "bearer" and credential.count(".") == 2:
            return self._by_session(credential)
        return await self._operator.authenticate(authorization)

    def of_session(self, account_id: str, session_id: str) -> Identity:
        """Whoever has a session, where it was proved that it is his.

        Raises:
            Authentication: It counts no more, or is not of the account.
            ViewsLagging: As for ``authenticate``.
        """
        self._freshness.check()
        session = self._table.find(session_id)
        if session is None or session.account_id != account_id or not self._table.counts(session):
            raise _refused()
        row = self._views.accounts().account(session.account_id)
        if row is None or not row.is_live:
            raise _refused()
        return Identity(
            row.account_id,
            principals_of_account(self._views.accounts(), row),
            session_id=session.session_id,
            must_change=row.must_change,
        )

    def of_api_token(self, account_id: str, token_id: str) -> Identity:
        """The account of an API token, where it was proved that somebody has it.

        Raises:
            Authentication: It counts no more, or is not of the account.
            ViewsLagging: As for ``authenticate``.
        """
        self._freshness.check()
        token = self._views.accounts().api_token(token_id)
        if token is None or token.account_id != account_id:
            raise _refused()
        if token.expires_ms is not None and self._clock.time_ms() > token.expires_ms:
            raise _refused()
        row = self._views.accounts().account(token.account_id)
        if row is None or not row.is_live:
            raise _refused()
        principals = principals_of_account(self._views.accounts(), row)
        if ROLE_ADMIN not in token.scopes:
            principals = tuple(principal for principal in principals if principal != ADMIN_ROLE)
        return Identity(row.account_id, principals, scopes=token.scopes, api_token_id=token.token_id)

    def _by_session(self, text: str) -> Identity:
        claims = self._tokens.check(text, self._clock.time_ms() // 1000)
        if claims is None:
            raise _refused()
        return self.of_session(claims.account_id, claims.session_id)

    def _by_api_token(self, text: str) -> Identity:
        shown = read_api_token(text)
        token = None if shown is None else self._views.accounts().api_token(shown.opens)
        kept_hash = _UNKNOWN_HASH if token is None else token.secret_hash
        if shown is None or not same(shown.secret_hash, kept_hash) or token is None:
            raise _refused()
        return self.of_api_token(token.account_id, token.token_id)


def _refused() -> Authentication:
    return Authentication("a valid bearer token is needed")
