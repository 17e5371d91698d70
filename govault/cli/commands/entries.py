"""Files and folders: ls find cat info mkdir mv cp rm tag describe history."""

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.confirm import confirm
from govault.cli.filters import parse_instant, parse_size
from govault.cli.output import coloured, count, emit, emit_list, fields, legible, remark, size, when
from govault.cli.session import connect
from govault.errors import Conflict, InvalidRequest

if TYPE_CHECKING:
    from govault.client import Client, Reference

Ref = Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path, a file id or a SHA-256.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="What stands in the way becomes trash.")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    app.verb("ls")(ls)
    app.verb("find")(find)
    app.verb("cat")(cat)
    app.verb("info")(info)
    app.verb("mkdir")(mkdir)
    app.verb("mv")(mv)
    app.verb("cp")(cp)
    app.verb("rm")(rm)
    app.verb("tag")(tag)
    app.verb("describe")(describe)
    app.verb("history")(history)


def ls(
    ref: Annotated[str | None, typer.Argument(metavar="REF", help="A folder; without one, the spaces.")] = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="Size, time, version and id too.")] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", "-R", help="Everything below it.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
) -> None:
    """List a folder, or the spaces."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        if ref is None:
            await emit_list(vault.spaces.list(), lambda space: f"{space.name}:/")
            return
        what = Reference.parse(ref)
        found = await vault.files.entity(what)
        if found.type == "file":
            await emit_list(_one(found), lambda entity: _line(entity, long, False))
            return
        folder = what if what.is_path else _at(found)
        base = len(f"{folder.path}/") if folder.path else 0
        rows = vault.files.children(folder, recursive=recursive, limit=limit)
        shown = await emit_list(rows, lambda entity: _line(entity, long, recursive, base))
        if limit is not None and shown == limit:
            remark(f"the first {limit}; there may be more")

    connect(act)


def find(
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD", help="Words; all must occur.")] = None,
    name: Annotated[str, typer.Option("--name", help="A glob on the name: *.pdf.")] = "",
    space: Annotated[str | None, typer.Option("--space", help="Only in this space.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", help="Only paths that begin so.")] = "",
    tag: Annotated[str, typer.Option("--tag", help="Only with this tag.")] = "",
    media_type: Annotated[str, typer.Option("--type", help="A media type, or its front: image/.")] = "",
    since: Annotated[str | None, typer.Option("--since", help="Modified since: 2026-11-01 or 7d.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Modified before: 2026-11-01 or 7d.")] = None,
    larger: Annotated[str | None, typer.Option("--larger", help="At least this size: 10MiB.")] = None,
    smaller: Annotated[str | None, typer.Option("--smaller", help="At most this size.")] = None,
    owner: Annotated[str, typer.Option("--owner", help="Who committed the current version.")] = "",
    sort: Annotated[str, typer.Option("--sort", help="path, name, size, modified, created; - reverses.")] = "",
    long: Annotated[bool, typer.Option("--long", "-l", help="Size, time, version and id too.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
) -> None:
    """Find files by words, name, tag, type, time, size or owner; all conditions must hold."""
    query: dict[str, str | int | None] = {
        "space": space,
        "prefix": prefix or None,
        "name": name or None,
        "q": " ".join(words or ()) or None,
        "tag": tag or None,
        "type": media_type or None,
        "since": parse_instant(since, "--since"),
        "until": parse_instant(until, "--until"),
        "larger": parse_size(larger, "--larger"),
        "smaller": parse_size(smaller, "--smaller"),
        "owner": owner or None,
        "sort": sort or None,
    }

    async def act(vault: "Client") -> None:
        shown = await emit_list(vault.files.search(query, limit=limit), lambda file: _line(file, long, True, None))
        if limit is not None and shown == limit:
            remark(f"the first {limit}; there may be more")

    connect(act)


def cat(
    ref: Ref,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Which version.")] = None,
    byte_range: Annotated[str, typer.Option("--range", help="Bytes FIRST-LAST, FIRST- or -COUNT.")] = "",
) -> None:
    """Write a file's content to stdout."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref).at_version(version)
        async with vault.files.stream(what, byte_range=byte_range) as response:
            async for piece in response.content.iter_any():
                sys.stdout.buffer.write(piece)

    connect(act)


def info(ref: Ref) -> None:
    """Tell everything about a file, a folder or a version (REF@N)."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref)
        found: Any = await vault.files.entity(what)
        if what.version is not None:
            found = await vault.files.version(Reference(target=found.id), what.version)
        emit(found, lambda: _told(found))

    connect(act)


def mkdir(refs: Annotated[list[str], typer.Argument(metavar="REF", help="SPACE:/path")]) -> None:
    """Make folders, and those on the way. One that exists is fine."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        made = [(await vault.files.make_folder(Reference.parse(ref)))[0] for ref in refs]
        emit(made)

    connect(act)


def mv(ref: Ref, to: Annotated[str, typer.Argument(metavar="TO", help="SPACE:/path")], force: Force = False) -> None:
    """Move or rename a file or folder. Into a folder that exists, or where TO ends with a slash."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref)
        emit(await vault.files.move(what, await _destination(vault, what, Reference.parse(to)), replace=force))

    connect(act)


def cp(
    ref: Ref,
    to: Annotated[str, typer.Argument(metavar="TO", help="SPACE:/path")],
    version: Annotated[int | None, typer.Option("--version", min=1, help="Which version.")] = None,
    force: Force = False,
) -> None:
    """Copy a file, one of its versions, or a folder. No bytes move."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref).at_version(version)
        copied = await vault.files.copy(what, await _destination(vault, what, Reference.parse(to)), replace=force)
        emit(copied)

    connect(act)


def rm(
    refs: Annotated[list[str], typer.Argument(metavar="REF", help="SPACE:/path or a file id.")],
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders too, with all in them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Move files and folders into the trash, from where 'trash restore' brings them back."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        found = []
        for ref in refs:
            what = Reference.parse(ref)
            entity = await vault.files.entity(what)
            if entity.type == "folder" and not recursive:
                raise Conflict(f"{ref} is a folder: add --recursive to remove it with all in it", reason="folder")
            found.append((what, entity))
        if not dry_run:
            shown = ", ".join(str(what) for what, _ in found[:3]) + (", …" if len(found) > 3 else "")
            confirm(f"Move {shown} into the trash?", yes)
        removed = [await vault.files.remove(what, entity, dry_run=dry_run) for what, entity in found]
        would = [f"would remove {answer.space}:/{answer.path}" for answer in removed]
        emit(removed, lambda: "\n".join(map(legible, would)) if dry_run else None)

    connect(act)


def tag(
    ref: Ref,
    add: Annotated[list[str] | None, typer.Option("--add", "-a", help="A tag to add (repeatable).")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", "-r", help="A tag to remove (repeatable).")] = None,
) -> None:
    """Add and remove tags of a file; without either, show them."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref)
        changes: dict[str, object] = {"add_tags": add or [], "remove_tags": remove or []}
        file: Any = await (vault.files.annotate(what, changes) if add or remove else vault.files.file(what))
        emit(file, lambda: "\n".join(legible(word) for word in file.tags) or None)

    connect(act)


def describe(
    ref: Ref,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The description; '' removes it.")] = None,
    media_type: Annotated[
        str | None, typer.Option("--media-type", help="Set the media type; '' goes back to the sniffed one.")
    ] = None,
) -> None:
    """Describe a file, or set its media type; with neither, show its description."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        what = Reference.parse(ref)
        changes: dict[str, object] = {}
        if text is not None:
            changes["description"] = text
        if media_type is not None:
            changes["media_type"] = media_type
        file: Any = await (vault.files.annotate(what, changes) if changes else vault.files.file(what))
        emit(file, lambda: None if changes else legible(file.description))

    connect(act)


def history(ref: Ref) -> None:
    """Tell what happened to a file or folder, newest first."""

    async def act(vault: "Client") -> None:
        from govault.client import Reference

        await emit_list(vault.files.history(Reference.parse(ref)), _happened)

    connect(act)


async def _destination(vault: "Client", what: "Reference", to: "Reference") -> "Reference":
    """``TO`` itself, or the same name inside it where it is a folder."""
    from govault.errors import NotFound

    if not to.is_path:
        raise InvalidRequest(f"{to}: the destination is a path, SPACE:/path", rule="path-needed")
    name = what.name if what.is_path else (await vault.files.entity(what)).name
    if to.trailing_slash:
        return to.child(name)
    try:
        there = await vault.files.entity(to)
    except NotFound:
        return to
    return to.child(name) if there.type == "folder" else to


def _at(folder: Any) -> "Reference":
    from govault.client import Reference

    if folder.path is None:
        raise Conflict("it is in the trash", reason="trash")
    return Reference(space=folder.space, path=folder.path)


async def _one(entity: Any) -> AsyncIterator[Any]:
    yield entity


def _line(entity: Any, long: bool, whole_path: bool, base: int | None = 0) -> str:
    """One entry for people. ``base`` characters of the path are known already; None: name the space too."""
    is_folder = entity.type == "folder"
    path = entity.path if whole_path and entity.path is not None else entity.name
    if whole_path and base is None:
        path = f"{entity.space}:/{path}"
    elif whole_path and base:
        path = path[base:]
    name = legible(path) + ("/" if is_folder else "@" if entity.kind == "symlink" else "")
    name = coloured(name, "34;1") if is_folder else coloured(name, "36") if entity.kind == "symlink" else name
    if not long:
        return name
    if is_folder:
        return f"{'-':>10}  {when(entity.modified_at)}  {'':>4}  {entity.id}  {name}"
    return f"{size(entity.size_bytes):>10}  {when(entity.modified_at)}  v{entity.version:<3}  {entity.id}  {name}"


def _told(found: Any) -> str:
    pairs = []
    for name, value in found.model_dump(mode="python").items():
        if name == "size_bytes":
            value = f"{value:,} ({size(value)})"
        elif name == "mtime_ns" and value is not None:
            from datetime import datetime

            value = when(datetime.fromtimestamp(value / 1e9).astimezone())
        elif name.endswith("_at") and value is not None:
            value = when(value)
        elif isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        elif name == "etag":
            continue
        pairs.append((name.replace("_", " "), value))
    return fields(pairs)


def _happened(fact: Any) -> str:
    about = [f"version {fact.version}" if fact.version else "", size(fact.size_bytes) if fact.size_bytes else ""]
    about += [f"by {fact.actor}" if fact.actor else "", legible(fact.path) if fact.path else ""]
    words = ", ".join(part for part in about if part)
    return f"{when(fact.at)}  {fact.what}" + (f" ({words})" if words else "")


def removed_text(removal: Any) -> str:
    """What a removal for ever removed, in words."""
    verb = "would end" if removal.dry_run else "ended"
    more = " (and more)" if removal.more else ""
    return (
        f"{verb} {count(removal.files, 'file')} with {count(removal.versions, 'version')}, "
        f"{count(removal.folders, 'folder')}, {size(removal.size_bytes)}{more}"
    )
