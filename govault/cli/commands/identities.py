"""Whom of an identity provider an account belongs to: user link, user unlink; and login by a browser."""

from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.login_file import LoginFile
from govault.cli.oidc_login import code_by_browser
from govault.cli.output import emit, remark
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client

User = Annotated[str, typer.Argument(metavar="USER", help="Login or account id.")]


def log_in_by_browser(url: str, *, opens: bool) -> None:
    """Open a session of whoever logs in by a browser on this machine."""

    async def act(vault: "Client") -> None:
        # What the browser would show is said here instead, where somebody waits for the browser.
        await vault.accounts.try_provider()
        code, verifier = await code_by_browser(url, lambda address: remark(f"Log in at {address}"), opens=opens)
        tokens = await vault.accounts.redeem(code, verifier)
        login = tokens.account.login or tokens.account.id
        LoginFile(url).write(login, tokens)
        emit(tokens.account, lambda: f"Logged in at {url} as {login}.")

    connect(act, public=True, anonymous=True)


def user_link(
    user: User,
    subject: Annotated[str, typer.Option("--subject", help="Who it is at the identity provider: its 'sub'.")],
    issuer: Annotated[str, typer.Option("--issuer", help="The provider; else the configured one.")] = "",
) -> None:
    """Let somebody of the identity provider log in with an account. Its sessions end if it was somebody else's."""

    async def act(vault: "Client") -> None:
        account = await vault.accounts.link(user, subject, issuer)
        emit(account, lambda: f"{account.id}  {account.login}  linked")

    connect(act)


def user_unlink(user: User) -> None:
    """Let nobody of the identity provider log in with an account any more. Its sessions end."""

    async def act(vault: "Client") -> None:
        account = await vault.accounts.unlink(user)
        emit(account, lambda: f"{account.id}  {account.login}  not linked")

    connect(act)
