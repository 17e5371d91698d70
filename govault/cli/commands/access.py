"""Who may do what: grant, revoke, show, explain, owner."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.output import emit, fields, legible
from govault.cli.session import connect
from govault.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from govault.client import Client

LEVELS = ("read", "write")
ROLES = ("viewer", "editor", "manager")

_WORDS = (
    "PRINCIPAL is an account (a_…), a group (g_…), 'users' (any account) or 'public' (anybody). group:NAME names a "
    "group that you are in and, for administrators, user:LOGIN an account; 'govault whoami' tells one's own id. "
    "At a file or folder one grants read or write; at a space (SPACE:/) a role: viewer reads, editor writes, manager "
    "also grants and changes the space. What is granted at a folder or space holds for all that is in it."
)
Ref = Annotated[
    str, typer.Argument(metavar="REF", help="SPACE:/path, a file or folder id, or SPACE:/ for the whole space.")
]
_PRINCIPALS = "a_… or user:LOGIN (account), g_… or group:NAME, users or public"
Principal = Annotated[str, typer.Argument(metavar="PRINCIPAL", help=f"{_PRINCIPALS}.")]
IfRevision = Annotated[
    int | None,
    typer.Option(
        "--if-revision", min=0, help="Only if this is still the revision that 'access show' told; else exit code 5."
    ),
]


def register(app: App) -> None:
    """Put the verbs on the app."""
    access = App(help=f"Who may do what, and why. {_WORDS}")
    access.verb("grant")(grant)
    access.verb("revoke")(revoke)
    access.verb("show")(show)
    access.verb("explain")(explain)
    access.verb("owner")(owner)
    app.add_typer(access, name="access")


def grant(
    ref: Ref,
    principal: Principal,
    level: Annotated[
        str,
        typer.Argument(
            metavar="LEVEL", help="read or write at a file or folder; viewer, editor or manager at a space."
        ),
    ],
    if_revision: IfRevision = None,
) -> None:
    """Give a principal a level at a file or folder, or a role at a space, instead of what it had there."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref)
        fitting = ROLES if what.is_space_top else LEVELS
        if level not in fitting:
            at = "a space" if what.is_space_top else "a file or folder"
            raise InvalidRequest(f"{level!r} cannot be granted at {at}; {', '.join(fitting)} can", rule="level")
        emit(await vault.access.grant(what, await _id_of(vault, principal), level, revision=if_revision))

    connect(act)


def revoke(ref: Ref, principal: Principal, if_revision: IfRevision = None) -> None:
    """Take back what a principal was granted there. What it has from folders above, the space or a group stays."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        whose = await _id_of(vault, principal)
        emit(await vault.access.revoke(Reference.parse(ref), whose, revision=if_revision))

    connect(act)


def show(ref: Ref) -> None:
    """Show what is granted there, and what it inherits from the folders above and the space."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        shown = await vault.access.show(Reference.parse(ref))
        emit(shown, lambda: _shown(shown))

    connect(act)


def explain(
    ref: Ref,
    principal: Annotated[
        str | None, typer.Argument(metavar="PRINCIPAL", help=f"{_PRINCIPALS}; without it, yourself.")
    ] = None,
) -> None:
    """Tell what a principal may do there: every grant and owner that counts, and the level that comes of them.

    USER REF is the same as REF USER.

    'none' is nothing, 'read' to list, search and download, 'write' also to change, move and trash, 'owner' also to
    grant, purge and end versions.
    """

    if principal is not None and _is_place(principal) and not _is_place(ref):
        ref, principal = principal, ref

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        whose = None if principal is None else await _id_of(vault, principal)
        told = await vault.access.explain(Reference.parse(ref), whose)
        emit(told, lambda: _told(told))

    connect(act)


def owner(
    ref: Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path, or a file or folder id.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="a_… or user:LOGIN.")],
    if_revision: IfRevision = None,
) -> None:
    """Give a file or folder to another account. Whoever owned it keeps only what is granted to him."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        to = await _id_of(vault, account)
        emit(await vault.access.change_owner(Reference.parse(ref), to, revision=if_revision))

    connect(act)


async def _id_of(vault: "Client", principal: str) -> str:
    """The principal's own name: ids never change, logins and the names of groups do. A bare word may be a login."""
    kind, _, name = principal.partition(":")
    if kind == "user" and name:
        return (await vault.accounts.find(name)).id
    if kind == "group" and name:
        return (await vault.accounts.group(name)).id
    if principal in ("users", "public") or principal.startswith(("a_", "g_")) or ":" in principal:
        return principal
    try:
        return (await vault.accounts.find(principal)).id
    except NotFound:
        return principal


def _is_place(word: str) -> bool:
    return ":/" in word or word.startswith("f_")


def _shown(shown: Any) -> str:
    lines = [
        fields(
            [
                ("what", f"{shown.space}:/{shown.path}"),
                ("owner", shown.owner or ("" if shown.type == "space" else "administrators")),
                ("revision", str(shown.revision)),
                ("access", "" if shown.decided else "not decided yet: only administrators come in"),
            ]
        )
    ]
    for place in (shown, *shown.inherited):
        inherited = "" if place is shown else f"   from {shown.space}:/{place.path}"
        if place.owner and inherited:
            lines.append(f"{place.owner:<28}  owner{legible(inherited)}")
        lines += [f"{given.principal:<28}  {given.level}{legible(inherited)}" for given in place.grants]
    return "\n".join(lines)


def _told(told: Any) -> str:
    lines = [
        f"{step.level:<5}  {step.word} of {told.space}:/{legible(step.path)}, as {step.principal}"
        for step in told.steps
    ]
    if told.administers:
        lines.append("owner  administrators may do everything")
    if not told.decided:
        lines.append("the space decides no access yet: only administrators come in")
    return "\n".join([*lines, f"{told.principal}: {told.level}"])
