"""The audit trail: search."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.filters import parse_instant
from govault.cli.output import emit_list, when
from govault.cli.session import connect
from govault.errors import InvalidRequest

if TYPE_CHECKING:
    from govault.client import Client

Since = Annotated[str | None, typer.Option("--since", help="2026-11-01, 2026-11-01T12:00, or an age: 7d.")]
Until = Annotated[str | None, typer.Option("--until", help="The same.")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    audit = App(help="Who asked for what, and what came of it.")
    audit.verb("search")(search)
    app.add_typer(audit, name="audit")


def search(
    user: Annotated[str, typer.Option("--user", help="Login or id; also admin, anonymous, share:l_….")] = "",
    action: Annotated[str, typer.Option("--action", help="A part of method and route: 'PUT', '/access'.")] = "",
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused.")] = False,
    code: Annotated[str, typer.Option("--code", help="Why it was refused.")] = "",
    subject: Annotated[str, typer.Option("--subject", help="An id: f_…, a_…, g_….")] = "",
    token: Annotated[str, typer.Option("--token", help="A file token's id: k_….")] = "",
    address: Annotated[str, typer.Option("--address", help="The client's address.")] = "",
    request: Annotated[str, typer.Option("--request", help="A request's id.")] = "",
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0: all.", min=0)] = 100,
) -> None:
    """Search the audit trail, the newest first. Administrators see all, everybody else his own requests."""
    begin, end = parse_instant(since, "--since"), parse_instant(until, "--until")
    query: dict[str, str | int | None] = {
        "action": action or None,
        "outcome": "refused" if refused else None,
        "code": code or None,
        "subject": subject or None,
        "token_id": token or None,
        "address": address or None,
        "request_id": request or None,
        "since": begin,
        "until": end,
    }

    async def act(vault: "Client") -> None:
        actor = user
        if user and not user.startswith(("a_", "share:")) and user not in ("admin", "anonymous"):
            actor = (await vault.accounts.get(user)).id
        await emit_list(vault.accounts.audit(query | {"actor": actor or None}, limit), _line)

    if begin is not None and end is not None and begin > end:
        raise InvalidRequest("--since is after --until", rule="instant")
    connect(act)


def _line(entry: Any) -> str:
    why = f"  {entry.code}" if entry.code else ""
    what = f"  {entry.subject}" if entry.subject else ""
    what += f"  {entry.token_id}" if entry.token_id else ""
    return f"{when(entry.time)}  {entry.outcome:<7}  {entry.actor}  {entry.action}{what}{why}  {entry.address}".rstrip()
