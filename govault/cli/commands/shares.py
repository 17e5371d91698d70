"""Share links: create, ls, revoke; addresses for a short while: token."""

from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.app import App
from govault.cli.filters import parse_duration_s
from govault.cli.output import emit, when
from govault.cli.passwords import ask_password
from govault.cli.session import connect
from govault.errors import NotFound

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.shares import ShareDocument


def register(app: App) -> None:
    """Put the verbs on the app."""
    share = App(help="Links: whoever has one reads a file or folder, or drops files into a folder.")
    share.verb("create")(create)
    share.verb("token")(token)
    share.verb("ls")(ls)
    share.verb("revoke")(revoke)
    app.add_typer(share, name="share")


def create(
    ref: Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path, or a file or folder id.")],
    upload: Annotated[bool, typer.Option("--upload", help="Into a folder, unseen, instead of reading.")] = False,
    expires: Annotated[str | None, typer.Option("--expires", help="30m, 12h, 7d; without it: until revoked.")] = None,
    uses: Annotated[int | None, typer.Option("--uses", help="How often it can be used.", min=1)] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password (or read it from stdin).")] = False,
    name: Annotated[str, typer.Option("--name", help="For you, to know it by.")] = "",
) -> None:
    """Make a link and print its address. It is told once."""
    ask: dict[str, object] = {
        "mode": "upload" if upload else "read",
        "expires_s": None if expires is None else parse_duration_s(expires, "--expires"),
        "uses": uses,
        "password": ask_password("Password of the link", twice=True) if password else None,
        "name": name,
    }

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        made = await vault.shares.create(Reference.parse(ref), ask)
        emit(made, lambda: f"{vault.transport.url}{made.url}")

    connect(act)


def token(
    ref: Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path or id of a file; REF@N for one version.")],
    valid: Annotated[str, typer.Option("--for", help="30s, 15m, 12h; at most 24h.")] = "15m",
    methods: Annotated[str, typer.Option("--methods", help="Of GET, HEAD and PUT, joined by commas.")] = "GET,HEAD",
) -> None:
    """Print an address of a file that opens for a short while: for a media tag, a download manager, curl.

    It gives what you may do while it is used, and ends with your login, by `govault logout` too.
    """

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        reference = Reference.parse(ref)
        ask: dict[str, object] = {
            "expires_s": parse_duration_s(valid, "--for", longest="24h"),
            "methods": [method.strip().upper() for method in methods.split(",")],
            "version": reference.version,
        }
        made = await vault.shares.address(reference, ask)
        emit(made, lambda: f"{vault.transport.url}{made.url}")

    connect(act)


def ls(
    ref: Annotated[str | None, typer.Argument(metavar="[REF]", help="Of one file or folder; without it: all.")] = None,
) -> None:
    """List the links to what you own."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        if ref is None:
            found = [share async for share in vault.shares.list()]
        else:
            found = list(await vault.shares.of(Reference.parse(ref)))
        emit(found, lambda: "\n".join(_line(share) for share in found))

    connect(act)


def revoke(share: Annotated[str, typer.Argument(metavar="ID", help="Of share ls (l_…).")]) -> None:
    """Take a link back: it opens nothing any more."""

    async def act(vault: "Client") -> None:
        async for one in vault.shares.list():
            if one.id == share:
                await vault.shares.revoke(one.target, share)
                return
        raise NotFound(f"you have no link {share}")

    connect(act)


def _line(share: "ShareDocument") -> str:
    until = f"until {when(share.expires)}" if share.expires is not None else "until revoked"
    used = f"used {share.uses}" + (f" of {share.uses_max}" if share.uses_max is not None else "")
    locked = "  password" if share.password else ""
    return f"{share.id}  {share.mode:<6}  {until}  {used}{locked}  {share.space}:/{share.path}  {share.name}".rstrip()
