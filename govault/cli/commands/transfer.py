"""upload and download: files, trees, streams and archives."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli import codes
from govault.cli.app import App
from govault.cli.output import complain, count, emit, remark, size
from govault.cli.progress import transfer_progress
from govault.cli.session import connect
from govault.cli.standard_streams import stdin_was_closed
from govault.errors import Conflict, InvalidRequest, NotFound

if TYPE_CHECKING:
    from govault.client import Client, Reference
    from govault.client.trees.download import DownloadOptions
    from govault.client.trees.report import TransferReport
    from govault.client.trees.upload import UploadOptions

Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", "-x", help="Leave out what matches: *.tmp, build/, docs/**/*.pdf (repeatable)."),
]
Checksum = Annotated[bool, typer.Option("--checksum", "-c", help="Compare contents, not size and time.")]
Verify = Annotated[bool, typer.Option("--verify", help="Read everything back afterwards and compare.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be done.")]
Workers = Annotated[int, typer.Option("--parallel", "-p", min=1, max=64, help="So many files at once.")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    app.verb("upload")(upload)
    app.verb("download")(download)


def upload(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="Local files and folders, or -; last, TO.")],
    exclude: Exclude = None,
    checksum: Checksum = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    parallel: Workers = 16,
    tags: Annotated[list[str] | None, typer.Option("--tag", "-t", help="A tag for the files (repeatable).")] = None,
    description: Annotated[str | None, typer.Option("--description", help="A description for the files.")] = None,
    media_type: Annotated[str, typer.Option("--media-type", help="Instead of the sniffed one.")] = "",
    if_absent: Annotated[bool, typer.Option("--if-absent", help="Refuse to write over a file.")] = False,
    if_match: Annotated[str, typer.Option("--if-match", help="Only over this content (SHA-256).")] = "",
) -> None:
    """Upload files and whole trees; what is there already is skipped.

    TO is SPACE:/path, main:/ where it is left out. A folder 'd' goes to TO/d, 'd/' (its contents) to TO. '-' is stdin.
    """
    from govault.client import Attributes
    from govault.client.trees.exclude import Exclusions
    from govault.client.trees.report import TransferReport
    from govault.client.trees.upload import UploadOptions

    places, to = _split(sources)
    attributes = Attributes(
        media_type=media_type, tags=tags, description=description, absent=if_absent, if_match=if_match.strip('"')
    )
    wanted = UploadOptions(Exclusions(exclude or ()), checksum, verify, dry_run, parallel, attributes)
    report = TransferReport()

    async def act(vault: "Client") -> None:
        async with transfer_progress(report, "uploading"):
            for place in places:
                await _upload_one(vault, place, to, len(places), wanted, report)

    connect(act)
    _finish(report, "would upload" if dry_run else "uploaded", stored=not dry_run)


def download(
    ref: Annotated[str, typer.Argument(metavar="REF", help="SPACE:/path, a file id or a SHA-256; REF@N a version.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Local folder or file; - is stdout.")] = ".",
    version: Annotated[int | None, typer.Option("--version", min=1, help="Which version of a file.")] = None,
    archive: Annotated[bool, typer.Option("--archive", help="A folder as one ZIP archive.")] = False,
    exclude: Exclude = None,
    checksum: Checksum = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    parallel: Workers = 12,
) -> None:
    """Download a file or a whole tree; what is there already is skipped, what was begun goes on.

    A folder 's:/d' goes to TO/d, 's:/d/' (its contents) to TO. Every file is verified before it takes its place.
    """
    from govault.client import Reference
    from govault.client.trees.download import DownloadOptions
    from govault.client.trees.exclude import Exclusions
    from govault.client.trees.report import TransferReport

    what = Reference.parse(ref).at_version(version)
    wanted = DownloadOptions(Exclusions(exclude or ()), checksum, verify, dry_run, parallel)
    report = TransferReport()

    async def act(vault: "Client") -> bool:
        if archive:
            await _archive(vault, what, to)
            return False
        if to == "-":
            await _to_stdout(vault, what)
            return False
        async with transfer_progress(report, "downloading"):
            await _download_one(vault, what, to, wanted, report)
        return True

    if connect(act):
        _finish(report, "would download" if dry_run else "downloaded", stored=False)


def _split(sources: list[str]) -> "tuple[list[str], Reference]":
    """The local sources and where they go."""
    from govault.client import Reference
    from govault.client.references import DEFAULT_SPACE

    *places, last = sources
    to = Reference.find(last) if places else None
    if to is None:
        return sources, Reference(space=DEFAULT_SPACE, trailing_slash=True)
    if not to.is_path or to.version is not None:
        raise InvalidRequest(f"{last}: an upload goes to a path, SPACE:/path", rule="path-needed")
    return places, to


async def _upload_one(
    vault: "Client", place: str, to: "Reference", places: int, wanted: "UploadOptions", report: "TransferReport"
) -> None:
    from govault.client.trees.scan import local_entry
    from govault.client.trees.upload import Upload

    upload_ = Upload(vault.files, wanted, report)
    if place == "-":
        if to.trailing_slash:
            raise InvalidRequest("stdin needs a whole path to go to, like main:/notes.txt", rule="path-needed")
        if stdin_was_closed():
            raise InvalidRequest("stdin is closed: there is nothing to upload", rule="stdin-closed")
        await upload_.stream(sys.stdin.buffer, to)
        return
    path = Path(place)
    if _means_contents(place):
        await upload_.tree(path, to)
        return
    entry = local_entry(path)
    if isinstance(entry, str):
        report.skipped.add(place, entry)
    elif entry.kind == "folder":
        await upload_.tree(path, to.child(_stored_name(path.name)))
    else:
        into = to.trailing_slash or places > 1 or await _is_folder(vault, to)
        await upload_.single(entry, to.child(_stored_name(path.name)) if into else to)


def _means_contents(place: str) -> bool:
    """``d/`` is what ``d`` holds; so is ``.``, which has no name of its own."""
    return (place.endswith("/") or place in (".", "..")) and Path(place).is_dir()


def _stored_name(name: str) -> str:
    from govault.domain.paths import normalise_path

    return normalise_path(name).path


async def _is_folder(vault: "Client", to: "Reference") -> bool:
    try:
        return (await vault.files.entity(to)).type == "folder"
    except NotFound:
        return False


async def _download_one(
    vault: "Client", what: "Reference", to: str, wanted: "DownloadOptions", report: "TransferReport"
) -> None:
    import asyncio

    from govault.client import Reference
    from govault.client.trees.download import Download, at_version, place_of
    from govault.client.trees.target import LocalTarget

    entity = await vault.files.entity(Reference(what.target, what.space, what.path, what.trailing_slash))
    folder, name = place_of(entity, what, to)
    target = await asyncio.to_thread(LocalTarget, folder)
    try:
        running = Download(vault.files, target, wanted, report)
        if entity.type == "folder":
            if entity.path is None:
                raise Conflict("the folder is in the trash: restore it first", reason="trash")
            await running.tree(Reference(space=entity.space, path=entity.path), name)
            return
        if what.version is not None and what.version != entity.version:
            entity = at_version(entity, await vault.files.version(Reference(target=entity.id), what.version))
        await running.file(entity, name, what.version)
    finally:
        target.close()


async def _to_stdout(vault: "Client", what: "Reference") -> None:
    if what.is_path and (what.trailing_slash or not what.path):
        raise InvalidRequest(f"{what} is a folder: add --archive to write it to stdout as a ZIP", rule="folder-stdout")
    async with vault.files.stream(what) as response:
        async for piece in response.content.iter_any():
            sys.stdout.buffer.write(piece)


async def _archive(vault: "Client", what: "Reference", to: str) -> None:
    """The ZIP goes aside and is renamed when it is whole: half an archive never has the name of one."""
    import os

    async with vault.files.archive(what) as response:
        if to == "-":
            async for piece in response.content.iter_any():
                sys.stdout.buffer.write(piece)
            return
        path = _archive_path(to, what.name)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("xb") as file:
                async for piece in response.content.iter_any():
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    remark(f"wrote {path}")


def _archive_path(to: str, name: str) -> Path:
    return Path(to) / f"{name}.zip" if to.endswith("/") or Path(to).is_dir() else Path(to)


def _finish(report: "TransferReport", verb: str, *, stored: bool) -> None:
    """The report; exit code 6 where something is not there now."""
    for remarks, word, tell in ((report.skipped, "skipped", remark), (report.failed, "failed", complain)):
        for path, why in remarks.kept:
            tell(f"{word}: {path}: {why.removeprefix(f'{path}: ')}")
        if remarks.count > len(remarks.kept):
            tell(f"{word}: and {remarks.count - len(remarks.kept):,} more")
    if report.normalised.count:
        remark(f"{count(report.normalised.count, 'name')} stored in normal form (NFC)")
    document = _document(report, stored)
    emit(document, lambda: _text(report, verb, stored))
    if report.is_partial:
        sys.stdout.flush()
        raise typer.Exit(codes.PARTIAL)


def _document(report: "TransferReport", stored: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "folders": report.folders,
        "excluded": report.excluded,
        "size_bytes": report.size_bytes,
        "sent_bytes": report.sent_bytes,
    }
    if stored:
        document["stored_bytes"] = report.stored_bytes
    if report.resumed_bytes:
        document["resumed_bytes"] = report.resumed_bytes
    if report.verified:
        document["verified"] = report.verified
    if report.answer is not None and report.found == 1:
        document["file"] = report.answer.model_dump(mode="json")
    for name in ("skipped", "failed", "normalised"):
        remarks = getattr(report, name)
        document[name] = [{"path": path, "why": why} for path, why in remarks.kept]
        document[f"{name}_count"] = remarks.count
    return document


def _text(report: "TransferReport", verb: str, stored: bool) -> str:
    words = [f"{count(report.new, 'new file')}, {report.changed:,} changed, {report.unchanged:,} unchanged"]
    if report.excluded:
        words.append(f"{report.excluded:,} excluded")
    if report.skipped.count:
        words.append(f"{report.skipped.count:,} skipped")
    if report.failed.count:
        words.append(f"{report.failed.count:,} failed")
    if report.verified:
        words.append(f"{report.verified:,} verified")
    line = f"{verb} {size(report.size_bytes)}: " + ", ".join(words)
    if report.resumed_bytes:
        line += f"; {size(report.resumed_bytes)} were here already"
    return line + (f"; {size(report.stored_bytes)} really stored" if stored else "")
