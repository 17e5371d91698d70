"""The verbs of ``user``: accounts of people and services."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.commands.handing_over import user_hand_over
from govault.cli.commands.identities import user_link, user_unlink
from govault.cli.confirm import confirm
from govault.cli.login_file import LoginFile
from govault.cli.options import options
from govault.cli.output import count, emit, emit_list, fields, remark, size, when
from govault.cli.passwords import ask_password
from govault.cli.quotas import bounds_text, parse_quota
from govault.cli.session import connect, find_node
from govault.errors import InvalidRequest

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.accounts import AccountDocument

User = Annotated[str, typer.Argument(metavar="USER", help="Login or account id.")]
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The name to log in with.")]
Name = Annotated[str, typer.Option("--name", help="A name for people.")]
Email = Annotated[str, typer.Option("--email", help="An e-mail address, for people.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
QuotaBytes = Annotated[
    str | None,
    typer.Option("--quota-bytes", help="May own so many bytes at most, old versions and trash too: 10GiB; 'none'."),
]
QuotaFiles = Annotated[
    str | None, typer.Option("--quota-files", help="May own so many files at most, trash too; 'none'.")
]


def register_users(app: App) -> None:
    """Put the verbs on the app."""
    user = App(help="Accounts of people and services.")
    for name, act in (
        ("ls", user_ls), ("show", user_show), ("create", user_create), ("change", user_change),
        ("password", user_password), ("reset-password", user_reset), ("disable", user_disable),
        ("enable", user_enable), ("logout", user_logout), ("erase", user_erase), ("link", user_link),
        ("unlink", user_unlink), ("hand-over", user_hand_over),
    ):  # fmt: skip
        user.verb(name)(act)
    app.add_typer(user, name="user")


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
    quota_bytes: QuotaBytes = None,
    quota_files: QuotaFiles = None,
) -> None:
    """Make an account. Without --password a fresh one is told, to be changed at the first login."""
    ask: dict[str, object] = {
        "login": login,
        "display_name": name,
        "email": email,
        "kind": "service" if service else "person",
        "roles": ["admin"] if admin else [],
        "password": ask_password(twice=True) if password else None,
        "quota": parse_quota(quota_bytes, quota_files) or None,
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
    quota_bytes: QuotaBytes = None,
    quota_files: QuotaFiles = None,
) -> None:
    """Change what is known of an account, whether it is an administrator, or how much it may own."""
    wish: dict[str, object | None] = {"login": login, "display_name": name, "email": email}
    if admin is not None:
        wish["roles"] = ["admin"] if admin else []
    bounds = parse_quota(quota_bytes, quota_files)
    if bounds and user is None:
        raise InvalidRequest("name the USER whose quota shall change", rule="user")

    async def act(vault: "Client") -> None:
        changes = {key: value for key, value in wish.items() if value is not None}
        if bounds and user is not None:
            # A quota replaces the whole of it, so the present one is read first, and the write is bound to it.
            present = await vault.accounts.get(user)
            changes |= {"quota": {**present.quota.model_dump(), **bounds}, "base_revision": present.revision}
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


def owned_text(account: "AccountDocument") -> list[tuple[str, str]]:
    """How much an account owns and may own, as fields."""
    owns = account.owns
    held = [] if owns is None else [("owns", f"{count(owns.files, 'file')}, {size(owns.logical_bytes)}")]
    return [*held, ("may own", bounds_text(account.quota))]


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
            *owned_text(account),
            ("created", when(account.created)),
        ]
    )
