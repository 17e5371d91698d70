"""Accounts, groups, sessions, API tokens and invites, through the REST interface."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from govault.client.paging import Query, items, read_as
from govault.client.references import segment
from govault.client.transport import Transport
from schemas.rest.accounts import (
    AccountDocument,
    AccountsPage,
    FreshPassword,
    HandedOverDocument,
    InviteDocument,
    InvitesPage,
    NewAccountDocument,
    NewInviteDocument,
    NewTokenDocument,
    PersonDocument,
    SessionDocument,
    SessionsDocument,
    SessionTokens,
    TokenDocument,
    TokensDocument,
    WhoDocument,
)
from schemas.rest.audit import AuditDocument, AuditPage
from schemas.rest.groups import GroupDocument, GroupsPage, MemberDocument, MembersPage

ME = "/me"


@dataclass(frozen=True)
class Accounts:
    """Acts on accounts. ``account`` is an id or a login; None is whoever asks."""

    transport: Transport

    # --- coming in -------------------------------------------------------------------------------------------

    async def log_in(self, login: str, password: str) -> SessionTokens:
        """Open a session. Public."""
        ask = {"login": login, "password": password}
        return read_as(SessionTokens, await self.transport.request("POST", "/auth/login", document=ask))

    async def refresh(self, refresh_token: str) -> SessionTokens:
        """Go on with a session. Public."""
        ask = {"refresh_token": refresh_token}
        return read_as(SessionTokens, await self.transport.request("POST", "/auth/refresh", document=ask))

    async def try_provider(self) -> None:
        """Begin a login at the identity provider that nobody goes on with: it fails where none could. Public."""
        await self.transport.request("GET", "/auth/oidc/start")

    async def redeem(self, code: str, verifier: str) -> SessionTokens:
        """Open a session by the code that the identity provider's login brought. Public."""
        ask = {"code": code, "verifier": verifier}
        return read_as(SessionTokens, await self.transport.request("POST", "/auth/oidc/redeem", document=ask))

    async def log_out(self) -> None:
        """End the session that asks."""
        await self.transport.request("POST", "/auth/logout")

    async def register(
        self, login: str, password: str, *, display_name: str, email: str, invite: str
    ) -> AccountDocument:
        """Make an account for oneself. Public."""
        ask = {
            "login": login,
            "password": password,
            "display_name": display_name,
            "email": email,
            "invite": invite,
        }
        return read_as(AccountDocument, await self.transport.request("POST", "/auth/register", document=ask))

    async def who_am_i(self) -> WhoDocument:
        """Who asks, and with what."""
        return read_as(WhoDocument, await self.transport.request("GET", ME))

    async def audit(self, query: Query, limit: int) -> AsyncIterator[AuditDocument]:
        """Entries of the audit trail, the newest first; ``limit`` 0: all."""
        count = 0
        async for entry in items(self.transport, "/audit", AuditPage, query):
            yield entry
            count += 1
            if count == limit:
                return

    # --- accounts --------------------------------------------------------------------------------------------

    def list(self) -> AsyncIterator[AccountDocument]:
        """All accounts, the oldest first."""
        return items(self.transport, "/accounts", AccountsPage)

    async def get(self, account: str) -> AccountDocument:
        """One account."""
        return read_as(AccountDocument, await self.transport.request("GET", _route(account)))

    async def find(self, login: str) -> PersonDocument:
        """Somebody by the whole login; for everybody who has logged in.

        Raises:
            NotFound: Nobody has it.
        """
        return read_as(PersonDocument, await self.transport.request("GET", f"/people/{segment(login)}"))

    async def create(self, ask: dict[str, object]) -> NewAccountDocument:
        """Make an account; ``ask`` as ``POST /accounts`` takes it."""
        return read_as(NewAccountDocument, await self.transport.request("POST", "/accounts", document=ask))

    async def change(self, account: str | None, changes: dict[str, object]) -> AccountDocument:
        """Change an account."""
        return read_as(AccountDocument, await self.transport.request("PATCH", _route(account), document=changes))

    async def change_password(self, current: str, new: str) -> None:
        """Change one's own password; every session ends."""
        await self.transport.request("POST", f"{ME}/password", document={"current": current, "new": new})

    async def reset_password(self, account: str) -> str:
        """Give an account a fresh password, to be changed at its next login."""
        answer = await self.transport.request("POST", f"{_route(account)}/password")
        return read_as(FreshPassword, answer).password

    async def link(self, account: str, subject: str, issuer: str = "") -> AccountDocument:
        """Let somebody of the identity provider log in with an account. ``issuer`` empty: of the configured one."""
        ask = {"subject": subject, "issuer": issuer}
        answer = await self.transport.request("PUT", f"{_route(account)}/identity", document=ask)
        return read_as(AccountDocument, answer)

    async def unlink(self, account: str) -> AccountDocument:
        """Let nobody of the identity provider log in with an account any more."""
        return read_as(AccountDocument, await self.transport.request("DELETE", f"{_route(account)}/identity"))

    async def hand_over(self, account: str, heir: str) -> HandedOverDocument:
        """Give a thousand at most of what an account owns to another."""
        answer = await self.transport.request("POST", f"{_route(account)}/hand-over", document={"to": heir})
        return read_as(HandedOverDocument, answer)

    async def erase(self, account: str) -> None:
        """Erase an account for good."""
        await self.transport.request("DELETE", _route(account))

    # --- sessions and tokens ---------------------------------------------------------------------------------

    async def sessions(self) -> Sequence[SessionDocument]:
        """One's own sessions."""
        return read_as(SessionsDocument, await self.transport.request("GET", f"{ME}/sessions")).items

    async def end_session(self, session_id: str) -> None:
        """End one of one's own sessions."""
        await self.transport.request("DELETE", f"{ME}/sessions/{segment(session_id)}")

    async def end_sessions(self, account: str | None = None) -> None:
        """Log an account out everywhere."""
        await self.transport.request("DELETE", f"{_route(account)}/sessions")

    async def tokens(self, account: str | None = None) -> Sequence[TokenDocument]:
        """An account's API tokens."""
        return read_as(TokensDocument, await self.transport.request("GET", f"{_route(account)}/tokens")).items

    async def make_token(
        self, account: str | None, *, name: str, scopes: Sequence[str], expires_s: int | None
    ) -> NewTokenDocument:
        """Make an API token."""
        ask = {"name": name, "scopes": list(scopes), "expires_s": expires_s}
        answer = await self.transport.request("POST", f"{_route(account)}/tokens", document=ask)
        return read_as(NewTokenDocument, answer)

    async def revoke_token(self, account: str | None, token_id: str) -> None:
        """Take an API token back."""
        await self.transport.request("DELETE", f"{_route(account)}/tokens/{segment(token_id)}")

    # --- invites ---------------------------------------------------------------------------------------------

    def invites(self) -> AsyncIterator[InviteDocument]:
        """All invites."""
        return items(self.transport, "/invites", InvitesPage)

    async def make_invite(self, *, roles: Sequence[str], expires_s: int) -> NewInviteDocument:
        """Make an invite for one account."""
        ask = {"roles": list(roles), "expires_s": expires_s}
        return read_as(NewInviteDocument, await self.transport.request("POST", "/invites", document=ask))

    async def revoke_invite(self, invite_hash: str) -> None:
        """Withdraw an invite."""
        await self.transport.request("DELETE", f"/invites/{segment(invite_hash)}")

    # --- groups ----------------------------------------------------------------------------------------------

    def groups(self) -> AsyncIterator[GroupDocument]:
        """The groups that one may see."""
        return items(self.transport, "/groups", GroupsPage)

    async def group(self, group: str) -> GroupDocument:
        """One group."""
        return read_as(GroupDocument, await self.transport.request("GET", f"/groups/{segment(group)}"))

    async def create_group(self, name: str, description: str) -> GroupDocument:
        """Make a group."""
        ask = {"name": name, "description": description}
        return read_as(GroupDocument, await self.transport.request("POST", "/groups", document=ask))

    async def change_group(self, group: str, changes: dict[str, object]) -> GroupDocument:
        """Rename or describe a group."""
        answer = await self.transport.request("PATCH", f"/groups/{segment(group)}", document=changes)
        return read_as(GroupDocument, answer)

    async def remove_group(self, group: str) -> None:
        """Remove a group."""
        await self.transport.request("DELETE", f"/groups/{segment(group)}")

    def members(self, group: str) -> AsyncIterator[MemberDocument]:
        """Who is in a group."""
        return items(self.transport, f"/groups/{segment(group)}/members", MembersPage)

    async def put_member(self, group: str, account: str, *, manager: bool) -> None:
        """Take an account into a group."""
        route = f"/groups/{segment(group)}/members/{segment(account)}"
        await self.transport.request("PUT", route, document={"manager": manager})

    async def remove_member(self, group: str, account: str) -> None:
        """Let an account go from a group."""
        await self.transport.request("DELETE", f"/groups/{segment(group)}/members/{segment(account)}")


def _route(account: str | None) -> str:
    return ME if account is None else f"/accounts/{segment(account)}"
