"""Who asks: login, logout, whoami, register, token, invite; the verbs of ``user`` are beside."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.commands.identities import log_in_by_browser
from govault.cli.commands.users import Email, Login, Name, owned_text, register_users
from govault.cli.filters import parse_duration_s
from govault.cli.login_file import LoginFile
from govault.cli.options import options
from govault.cli.output import emit, emit_list, fields, remark, when
from govault.cli.passwords import ask_password
from govault.cli.session import connect, find_node
from govault.errors import Authentication, InvalidRequest

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.accounts import TokenDocument

For = Annotated[str | None, typer.Option("--user", help="Of another account (administrators).")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    app.verb("login")(log_in)
    app.verb("logout")(log_out)
    app.verb("whoami")(who_am_i)
    app.verb("register")(register_me)
    register_users(app)
    sessions = App(help="Where you are logged in.")
    sessions.verb("ls")(sessions_ls)
    sessions.verb("end")(sessions_end)
    app.add_typer(sessions, name="sessions")
    token = App(help="API tokens for programs.")
    token.verb("ls")(token_ls)
    token.verb("create")(token_create)
    token.verb("revoke")(token_revoke)
    app.add_typer(token, name="token")
    invite = App(help="Invites to make an account.")
    invite.verb("ls")(invite_ls)
    invite.verb("create")(invite_create)
    invite.verb("revoke")(invite_revoke)
    app.add_typer(invite, name="invite")


def log_in(
    login: Annotated[str, typer.Argument(metavar="[LOGIN]", help="The name to log in with.")] = "",
    oidc: Annotated[bool, typer.Option("--oidc", help="At the identity provider, by a browser here.")] = False,
    browser: Annotated[bool, typer.Option(help="With --oidc: open a browser, or only tell the address.")] = True,
) -> None:
    """Log in; the commands that follow ask as this account. The password is asked, or read from stdin."""
    url, _ = find_node(options())
    if oidc:
        log_in_by_browser(url, opens=browser)
        return
    if not login:
        raise InvalidRequest("name the LOGIN, or log in at the identity provider with --oidc", rule="login")
    password = ask_password()

    async def act(vault: "Client") -> None:
        tokens = await vault.accounts.log_in(login, password)
        LoginFile(url).write(login, tokens)
        emit(tokens.account, lambda: f"Logged in at {url} as {login}.")
        if tokens.must_change_password:
            remark("Change the password before anything else: govault user password")

    connect(act, public=True, anonymous=True)


def log_out(
    everywhere: Annotated[bool, typer.Option("--everywhere", help="End every session, on every machine.")] = False,
) -> None:
    """Log out: the session ends on every node, and commands ask as the operator again, where there is a token."""
    url, _ = find_node(options())
    file = LoginFile(url)
    if file.read() is None:
        raise Authentication(f"nobody is logged in at {url}")

    async def act(vault: "Client") -> None:
        if everywhere:
            await vault.accounts.end_sessions()
        else:
            await vault.accounts.log_out()

    try:
        connect(act)
    except Authentication:
        remark("the session had ended already")
    file.forget()


def who_am_i() -> None:
    """Tell as whom the commands ask, and what counts for it."""

    async def act(vault: "Client") -> None:
        who = await vault.accounts.who_am_i()
        login = None if who.account is None else who.account.login
        pairs = [
            ("login", login),
            ("actor", who.actor),
            ("credential", who.credential),
            ("scopes", ", ".join(who.scopes or ())),
            ("principals", ", ".join(who.principals)),
            *(() if who.account is None else owned_text(who.account)),
        ]
        emit(who, lambda: fields(pairs))

    connect(act)


def register_me(
    login: Login,
    name: Name = "",
    email: Email = "",
    invite: Annotated[str, typer.Option("--invite", help="The invite, where the vault asks for one.")] = "",
) -> None:
    """Make an account for yourself, where the vault allows it."""
    password = ask_password(twice=True)

    async def act(vault: "Client") -> None:
        made = await vault.accounts.register(login, password, display_name=name, email=email, invite=invite)
        emit(made, lambda: f"{made.id}  {made.login}")

    connect(act, public=True, anonymous=True)


def sessions_ls() -> None:
    """List where you are logged in, the oldest first."""

    async def act(vault: "Client") -> None:
        found = await vault.accounts.sessions()
        emit(
            found,
            lambda: "\n".join(
                f"{one.id}  used {when(one.used)}  until {when(one.expires)}{'  this one' if one.this else ''}"
                for one in found
            ),
        )

    connect(act)


def sessions_end(session: Annotated[str, typer.Argument(metavar="ID", help="Of sessions ls.")]) -> None:
    """End one of your sessions."""

    async def act(vault: "Client") -> None:
        await vault.accounts.end_session(session)

    connect(act)


def token_ls(user: For = None) -> None:
    """List your API tokens."""

    async def act(vault: "Client") -> None:
        found = await vault.accounts.tokens(user)
        emit(found, lambda: "\n".join(_token_line(token) for token in found))

    connect(act)


def token_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", help="read, write or admin; may be repeated.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="30d, 12h; without it: until revoked.")] = None,
    user: For = None,
) -> None:
    """Make an API token. It is told once: programs take it as GOVAULT_TOKEN, or with --token-file."""
    expires_s = None if expires is None else parse_duration_s(expires, "--expires")

    async def act(vault: "Client") -> None:
        made = await vault.accounts.make_token(user, name=name, scopes=scope or ["read"], expires_s=expires_s)
        emit(made, lambda: made.token)

    connect(act)


def token_revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Of token ls (t_…).")], user: For = None
) -> None:
    """Take an API token back."""

    async def act(vault: "Client") -> None:
        await vault.accounts.revoke_token(user, token)

    connect(act)


def invite_ls() -> None:
    """List the invites; used and revoked ones too."""

    async def act(vault: "Client") -> None:
        await emit_list(vault.accounts.invites(), _invite_line)

    connect(act)


def invite_create(
    expires: Annotated[str, typer.Option("--expires", help="How long it opens: 12h, 7d.")] = "7d",
    admin: Annotated[bool, typer.Option("--admin", help="For an administrator.")] = False,
) -> None:
    """Make an invite: whoever has it may make one account. It is told once."""
    expires_s = parse_duration_s(expires, "--expires") or 0

    async def act(vault: "Client") -> None:
        made = await vault.accounts.make_invite(roles=["admin"] if admin else [], expires_s=expires_s)
        emit(made, lambda: made.invite)

    connect(act)


def invite_revoke(invite: Annotated[str, typer.Argument(metavar="HASH", help="Of invite ls.")]) -> None:
    """Withdraw an invite that nobody has used."""

    async def act(vault: "Client") -> None:
        await vault.accounts.revoke_invite(invite)

    connect(act)


def _token_line(token: "TokenDocument") -> str:
    until = f"until {when(token.expires)}" if token.expires is not None else "until revoked"
    return f"{token.id}  {','.join(token.scopes):<10}  {until}  {token.name}"


def _invite_line(invite: Any) -> str:
    return f"{invite.hash}  {invite.state:<8}  until {when(invite.expires)}  {','.join(invite.roles)}".rstrip()
