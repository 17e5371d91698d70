"""Versions of a file: ls, restore, rm."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.confirm import confirm
from govault.cli.output import emit, emit_list, size, when
from govault.cli.session import connect
from govault.errors import InvalidRequest

if TYPE_CHECKING:
    from govault.client import Client, Reference

Ref = Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path or a file id, as REF@N or with --version N.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Which version.")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    versions = App(help="Older versions of a file.")
    versions.verb("ls")(ls)
    versions.verb("restore")(restore)
    versions.verb("rm")(rm)
    app.add_typer(versions, name="versions")


def ls(ref: Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path, a file id or a SHA-256.")]) -> None:
    """List the retained versions of a file, newest first."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        await emit_list(vault.files.versions(Reference.parse(ref)), _line)

    connect(act)


def restore(ref: Ref, version: Version = None) -> None:
    """Make an older version's content the newest version. Nothing is lost: the present one stays as a version."""

    async def act(vault: "Client") -> None:
        what, number = _version_of(ref, version)
        emit(await vault.files.restore_version(what, number))

    connect(act)


def rm(
    ref: Ref,
    version: Version = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """End a version for ever. The current one cannot be removed."""

    async def act(vault: "Client") -> None:
        what, number = _version_of(ref, version)
        if not dry_run:
            confirm(f"End version {number} of {what} for ever?", yes)
        answer = await vault.files.remove_version(what, number, dry_run=dry_run)
        emit(answer, lambda: f"would end version {number} of {what}" if dry_run else None)

    connect(act)


def _version_of(ref: str, version: int | None) -> "tuple[Reference, int]":
    from govault.client import Reference

    what = Reference.parse(ref).at_version(version)
    if what.version is None:
        raise InvalidRequest(f"{ref}: name the version, as {ref}@N or with --version N", rule="version-needed")
    bare = Reference(what.target, what.space, what.path, what.trailing_slash)
    return bare, what.version


def _line(version: Any) -> str:
    mark = "*" if version.current else " "
    origin = f"  {version.origin.how} of version {version.origin.version}" if version.origin else ""
    return (
        f"{mark} {version.version:>4}  {size(version.size_bytes):>10}  {when(version.committed_at)}  "
        f"{version.sha256[:16]}  {version.actor}{origin}"
    )
