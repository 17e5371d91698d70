"""Who asks: login, logout, whoami, register, user, token, invite."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.commands.handing_over import user_hand_over
from govault.cli.commands.identities import log_in_by_browser, user_link, user_unlink
from govault.cli.confirm import confirm
from govault.cli.filters import parse_duration_s
from govault.cli.login_file import LoginFile
from govault.cli.options import options
from govault.cli.output import emit, emit_list, fields, remark, when
from govault.cli.passwords import ask_password
from govault.cli.session import connect, find_node
from govault.errors import Authentication, InvalidRequest

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.accounts import AccountDocument, TokenDocument

User = Annotated[str, typer.Argument(metavar="USER", help="Login or account id.")]
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The name to log in with.")]
Name = Annotated[str, typer.Option("--name", help="A name for people.")]
Email = Annotated[str, typer.Option("--email", help="An e-mail address, for people.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
For = Annotated[str | None, typer.Option("--user", help="Of another account (administrators).")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    app.verb("login")(log_in)
    app.verb("logout")(log_out)
    app.verb("whoami")(who_am_i)
    app.verb("register")(register_me)
    user = App(help="Accounts of people and services.")
    for name, act in (
        ("ls", user_ls), ("show", user_show), ("create", user_create), ("change", user_change),
        ("password", user_password), ("reset-password", user_reset), ("disable", user_disable),
        ("enable", user_enable), ("logout", user_logout), ("erase", user_erase), ("link", user_link),
        ("unlink", user_unlink), ("hand-over", user_hand_over),
    ):  # fmt: skip
        user.verb(name)(act)
    app.add_typer(user, name="user")
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


def user_ls() -> None:
    """List the accounts, the oldest first."""

    async def act(vault: "Client") -> None:
        await emit_list(vault.accounts.list(), _line)

    connect(act)


def user_show(user: User) -> None:
    """Tell of an account."""

    async def act(vault: "Client") -> None:
        found = await vault.accounts.get(user)
        emit(found, lambda: _told(found))

    connect(act)


def user_create(
    login: Login,
    name: Name = "",
    email: Email = "",
    admin: Annotated[bool, typer.Option("--admin", help="Make it an administrator.")] = False,
    service: Annotated[bool, typer.Option("--service", help="A service: no password, API tokens only.")] = False,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password (or read it from stdin).")] = False,
) -> None:
    """Make an account. Without --password a fresh one is told, to be changed at the first login."""
    ask: dict[str, object] = {
        "login": login,
        "display_name": name,
        "email": email,
        "kind": "service" if service else "person",
        "roles": ["admin"] if admin else [],
        "password": ask_password(twice=True) if password else None,
    }

    async def act(vault: "Client") -> None:
        made = await vault.accounts.create(ask)
        emit(made, lambda: _told(made) + (f"\npassword: {made.password}" if made.password else ""))

    connect(act)


def user_change(
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="Login or id; without it: yourself.")] = None,
    login: Annotated[str | None, typer.Option("--login", help="Another login.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="Another e-mail address.")] = None,
    admin: Annotated[bool | None, typer.Option("--admin/--no-admin", help="Whether it is an administrator.")] = None,
) -> None:
    """Change what is known of an account, or whether it is an administrator."""
    wish: dict[str, object | None] = {"login": login, "display_name": name, "email": email}
    if admin is not None:
        wish["roles"] = ["admin"] if admin else []

    async def act(vault: "Client") -> None:
        changes = {key: value for key, value in wish.items() if value is not None}
        changed = await vault.accounts.change(user, changes)
        emit(changed, lambda: _told(changed))

    connect(act)


def user_password() -> None:
    """Change your own password. Every session ends; log in again. From stdin: the current one, then the new one."""
    current = ask_password("Current password")
    new = ask_password("New password", twice=True)

    async def act(vault: "Client") -> None:
        await vault.accounts.change_password(current, new)

    connect(act)
    url, _ = find_node(options())
    LoginFile(url).forget()
    remark("The password was changed, and every session has ended: log in again.")


def user_reset(user: User) -> None:
    """Give an account a fresh password, to be changed at its next login. Its sessions end."""

    async def act(vault: "Client") -> None:
        password = await vault.accounts.reset_password(user)
        emit({"password": password}, lambda: password)

    connect(act)


def user_disable(user: User) -> None:
    """Let nobody in by an account. Its sessions end; nothing of it is lost."""
    _switch(user, disabled=True)


def user_enable(user: User) -> None:
    """Let a disabled account in again."""
    _switch(user, disabled=False)


def user_logout(user: User) -> None:
    """Log an account out everywhere."""

    async def act(vault: "Client") -> None:
        await vault.accounts.end_sessions(user)

    connect(act)


def user_erase(user: User, yes: Yes = False) -> None:
    """Erase an account for good: nobody reads its login, name, e-mail or password any more, in no backup to come.

    Its id stays in the history of what it did. What it owns stays where it is: hand it over first (user hand-over).
    """
    confirm(f"Erase the account {user} for good?", yes)

    async def act(vault: "Client") -> None:
        await vault.accounts.erase(user)

    connect(act)


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


def _switch(user: str, *, disabled: bool) -> None:
    async def act(vault: "Client") -> None:
        changed = await vault.accounts.change(user, {"disabled": disabled})
        emit(changed, lambda: _told(changed))

    connect(act)


def _line(account: Any) -> str:
    roles = f"  {','.join(account.roles)}" if account.roles else ""
    return f"{account.id}  {account.state:<8}  {account.kind:<7}  {account.login or '-'}{roles}"


def _told(account: "AccountDocument") -> str:
    return fields(
        [
            ("id", account.id),
            ("login", account.login),
            ("name", account.display_name),
            ("e-mail", account.email),
            ("kind", account.kind),
            ("state", account.state),
            ("roles", ", ".join(account.roles)),
            ("groups", ", ".join(account.groups)),
            ("created", when(account.created)),
        ]
    )


def _token_line(token: "TokenDocument") -> str:
    until = f"until {when(token.expires)}" if token.expires is not None else "until revoked"
    return f"{token.id}  {','.join(token.scopes):<10}  {until}  {token.name}"


def _invite_line(invite: Any) -> str:
    return f"{invite.hash}  {invite.state:<8}  until {when(invite.expires)}  {','.join(invite.roles)}".rstrip()
