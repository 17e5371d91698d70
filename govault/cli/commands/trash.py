"""The trash: ls, restore, empty."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.commands.entries import removed_text
from govault.cli.confirm import confirm
from govault.cli.filters import parse_duration_s
from govault.cli.output import emit, emit_list, legible, size, when
from govault.cli.session import connect
from govault.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from govault.client import Client

Space = Annotated[str | None, typer.Option("--space", help="Only of this space.")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    trash = App(help="What was removed, and can still come back.")
    trash.verb("ls")(ls)
    trash.verb("restore")(restore)
    trash.verb("empty")(empty)
    app.add_typer(trash, name="trash")


def ls(space: Space = None) -> None:
    """List what was removed."""

    async def act(vault: "Client") -> None:
        await emit_list(vault.trash.list(space), _line)

    connect(act)


def restore(
    ref: Annotated[str, typer.Argument(metavar="REF", help="The id, or SPACE:/path where it was.")],
    to: Annotated[str | None, typer.Option("--to", help="A path in its space, instead of where it was.")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="What stands there becomes trash.")] = False,
) -> None:
    """Bring something back. By its path, the latest that was removed from there."""

    async def act(vault: "Client") -> None:
        entity_id = await _trashed_id(vault, ref)
        path = None if to is None else _path_of(to)
        emit(await vault.trash.restore(entity_id, path=path, replace=force))

    connect(act)


def empty(
    ref: Annotated[
        str | None, typer.Argument(metavar="REF", help="Only this piece: its id, or SPACE:/path where it was.")
    ] = None,
    space: Space = None,
    older_than: Annotated[str | None, typer.Option("--older-than", help="Only what is trash for so long: 30d.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End trash for ever."""
    older_than_s = parse_duration_s(older_than, "--older-than")
    if ref is not None and (space is not None or older_than is not None):
        raise InvalidRequest("name one piece, or --space and --older-than, not both", rule="trash-empty")

    async def act(vault: "Client") -> None:
        entity_id = None if ref is None else await _trashed_id(vault, ref)
        if not dry_run:
            confirm(f"End {ref or ('the trash of ' + space if space else 'the whole trash')} for ever?", yes)
        if entity_id is not None:
            removal = await vault.trash.purge(entity_id, dry_run=dry_run)
        else:
            removal = await vault.trash.empty(space=space, older_than_s=older_than_s, dry_run=dry_run)
        emit(removal, lambda: removed_text(removal))

    connect(act)


async def _trashed_id(vault: "Client", ref: str) -> str:
    from govault.client import Reference

    what = Reference.parse(ref)
    if not what.is_path:
        return what.target
    found = [item async for item in vault.trash.list(what.space) if item.trashed_path == what.path]
    if not found:
        raise NotFound(f"nothing in the trash was at {ref}", reason="not-trash")
    entity_id: str = max(found, key=lambda item: item.trashed_at).id
    return entity_id


def _path_of(to: str) -> str:
    from govault.client import Reference

    found = Reference.find(to)
    return to.strip("/") if found is None else found.path


def _line(item: Any) -> str:
    slash = "/" if item.type == "folder" else ""
    expires = f"  until {when(item.expires_at)}" if item.expires_at else ""
    place = legible(f"{item.space}:/{item.trashed_path}{slash}")
    return f"{size(item.size_bytes):>10}  {when(item.trashed_at)}  {item.id}  {place}{expires}"
