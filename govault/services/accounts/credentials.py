"""What is handed out to come in without a password: API tokens of accounts, and invites to make an account."""

from collections.abc import Sequence
from dataclasses import dataclass

from govault.auth.secrets import api_token, hash_secret, invite, new_secret
from govault.domain.account_rows import AccountRow, ApiTokenRow, InviteRow
from govault.domain.actor import Actor
from govault.errors import Conflict, InvalidRequest, NotFound
from govault.limits import INVITE_VALID_S_MAX
from govault.ports import Clock, Randomness, Views
from govault.services.log.submit import Submitter
from schemas.events.accounts import ApiTokenIssued, ApiTokenRevoked, InviteIssued, InviteRevoked
from schemas.ids import new_token_id

_PARTITION = 0
SCOPES = ("admin", "read", "write")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The acts. Secrets are told once, by what makes them."""

    views: Views
    submitter: Submitter
    clock: Clock
    randomness: Randomness

    def tokens_of(self, account: AccountRow) -> Sequence[ApiTokenRow]:
        """An account's tokens, by id."""
        return self.views.accounts().api_tokens(account.account_id)

    async def issue_token(
        self, actor: Actor, account: AccountRow, name: str, scopes: tuple[str, ...], valid_s: float | None
    ) -> tuple[ApiTokenRow, str]:
        """A token of an account, and its text.

        Args:
            valid_s: None: until it is revoked.

        Raises:
            InvalidRequest: No such scope, or none.
            Conflict: The account has as many as it can have; or this is a repeat, and the text was told once.
            AccessDenied: The actor is neither the account nor an administrator.
        """
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise InvalidRequest(
                f"a token has one or more of the scopes {', '.join(SCOPES)}", rule="accounts.token-scopes"
            )
        if valid_s is not None and valid_s <= 0:
            raise InvalidRequest("a token is valid for more than 0 seconds", rule="accounts.token-expires")
        token_id = new_token_id(self.clock.time_ms(), self.randomness.token(10))
        secret = new_secret(self.randomness)
        issued = ApiTokenIssued(
            token_id=token_id,
            account_id=account.account_id,
            name=name,
            secret_hash=hash_secret(secret),
            scopes=tuple(sorted(set(scopes))),
            expires_ms=None if valid_s is None else self.clock.time_ms() + int(valid_s * 1000),
        )
        outcome = await self.submitter.submit(actor, issued, _PARTITION, subject=account.account_id)
        if (first := outcome.fact("token_id")) != token_id:
            raise told_once(f"the API token {first}", "revoke it and make another, with a new key")
        row = self.views.accounts().api_token(token_id)
        if row is None:
            raise NotFound("the token was revoked in the same moment", code="not-found.api-token-unknown")
        return row, api_token(token_id, secret)

    async def revoke_token(self, actor: Actor, account: AccountRow, token_id: str) -> None:
        """Take a token of an account back.

        Raises:
            NotFound: The account has no such token.
            AccessDenied: The actor is neither the account nor an administrator.
        """
        row = self.views.accounts().api_token(token_id)
        if row is None or row.account_id != account.account_id:
            raise NotFound(f"there is no API token {token_id[:100]!r}", code="not-found.api-token-unknown")
        await self.submitter.submit(actor, ApiTokenRevoked(token_id=token_id), _PARTITION, subject=account.account_id)

    def invites(self, after: str, limit: int) -> Sequence[InviteRow]:
        """Invites by hash, behind one; spent and revoked ones too."""
        return self.views.accounts().invites(after, limit)

    async def issue_invite(self, actor: Actor, roles: tuple[str, ...], valid_s: float) -> tuple[InviteRow, str]:
        """An invite to make one account, and its text.

        Raises:
            InvalidRequest: It would be valid too long, or not at all.
            Conflict: This is a repeat, and the text was told once.
            AccessDenied: The actor is no administrator.
        """
        if not 1 <= valid_s <= INVITE_VALID_S_MAX:
            raise InvalidRequest(
                f"an invite is valid between 1 second and {INVITE_VALID_S_MAX:.0f}, not {valid_s:g}",
                rule="accounts.invite-expires",
            )
        secret = new_secret(self.randomness)
        invite_hash = hash_secret(secret)
        issued = InviteIssued(
            invite_hash=invite_hash, roles=roles, expires_ms=self.clock.time_ms() + int(valid_s * 1000)
        )
        outcome = await self.submitter.submit(actor, issued, _PARTITION, subject=invite_hash)
        if (first := outcome.fact("invite_hash")) != invite_hash:
            raise told_once(f"the invite {first}", "revoke it and make another, with a new key")
        row = self.views.accounts().invite(invite_hash)
        assert row is not None, "the outcome was waited for"
        return row, invite(secret)

    async def revoke_invite(self, actor: Actor, invite_hash: str) -> None:
        """Withdraw an invite that nobody has used.

        Raises:
            NotFound: There is none.
            AccessDenied: It is used, or the actor is no administrator.
        """
        if self.views.accounts().invite(invite_hash) is None:
            raise NotFound("there is no such invite", code="not-found.invite-unknown")
        await self.submitter.submit(actor, InviteRevoked(invite_hash=invite_hash), _PARTITION, subject=invite_hash)


def told_once(made: str, advice: str) -> Conflict:
    """What a repeat is told of something whose secret was in the first answer, and is kept nowhere."""
    return Conflict(
        f"a request with this Idempotency-Key made {made} before, and its secret was told then and only then: {advice}",
        code="conflict.told-once",
    )
