"""Spaces: create, ls, show, set, rm."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.commands.entries import removed_text
from govault.cli.confirm import confirm
from govault.cli.filters import parse_duration_s
from govault.cli.output import count, emit, emit_list, fields, remark, size, when
from govault.cli.quotas import bounds_text, parse_quota
from govault.cli.session import connect
from govault.errors import InvalidRequest
from govault.limits import REPLICAS_MAX

if TYPE_CHECKING:
    from govault.client import Client

Name = Annotated[str, typer.Argument(metavar="SPACE", help="The space's name.")]
Description = Annotated[str | None, typer.Option("--description", help="What it is for.")]
KeepLast = Annotated[str | None, typer.Option("--keep-last", help="Keep so many versions of a file; 'all'.")]
KeepWithin = Annotated[str | None, typer.Option("--keep-within", help="Keep versions this young: 90d; 'all'.")]
TrashExpires = Annotated[
    str | None, typer.Option("--trash-expires-after", help="Purge trash of this age: 30d; 'never'.")
]
Replicas = Annotated[
    str | None, typer.Option("--replicas", help="Nodes that hold each chunk; 'default': as the vault's layout says.")
]
Quorum = Annotated[
    str | None, typer.Option("--write-quorum", help="Durable replicas that a write waits for; 'default'.")
]
QuotaBytes = Annotated[
    str | None,
    typer.Option("--quota-bytes", help="Hold so many bytes at most, old versions and trash too: 10GiB; 'none'."),
]
QuotaFiles = Annotated[str | None, typer.Option("--quota-files", help="Hold so many files at most, trash too; 'none'.")]
_FOREVER = ("all", "never", "none", "null")


def register(app: App) -> None:
    """Put the verbs on the app."""
    space = App(help="Spaces: named trees of files.")
    space.verb("create")(create)
    space.verb("ls")(ls)
    space.verb("show")(show)
    space.verb("set")(change)
    space.verb("rm")(rm)
    app.add_typer(space, name="space")


def create(
    name: Name,
    description: Description = None,
    keep_last: KeepLast = None,
    keep_within: KeepWithin = None,
    trash_expires_after: TrashExpires = None,
    replicas: Replicas = None,
    write_quorum: Quorum = None,
    quota_bytes: QuotaBytes = None,
    quota_files: QuotaFiles = None,
) -> None:
    """Make a space."""
    keep = _retention(keep_last, keep_within, trash_expires_after)
    settings = _settings(description, keep, _replication(replicas, write_quorum), parse_quota(quota_bytes, quota_files))

    async def act(vault: "Client") -> None:
        emit(await vault.spaces.create(name, settings))

    connect(act)


def ls() -> None:
    """List the spaces."""

    async def act(vault: "Client") -> None:
        await emit_list(vault.spaces.list(), _line)

    connect(act)


def show(name: Name) -> None:
    """Tell a space's settings and figures."""

    async def act(vault: "Client") -> None:
        space = await vault.spaces.get(name)
        emit(space, lambda: _told(space))

    connect(act)


def change(
    name: Name,
    description: Description = None,
    keep_last: KeepLast = None,
    keep_within: KeepWithin = None,
    trash_expires_after: TrashExpires = None,
    replicas: Replicas = None,
    write_quorum: Quorum = None,
    quota_bytes: QuotaBytes = None,
    quota_files: QuotaFiles = None,
) -> None:
    """Change a space's settings; what is not named stays."""
    asked = _retention(keep_last, keep_within, trash_expires_after)
    wanted = _replication(replicas, write_quorum)
    bounds = parse_quota(quota_bytes, quota_files)
    if description is None and not asked and not wanted and not bounds:
        raise InvalidRequest("say what to change: --description, --keep-last, …", rule="nothing-to-change")

    async def act(vault: "Client") -> None:
        # What is given replaces the whole of it, so the present is read first, and the write is bound to it.
        revision, keep, replication, quota = None, asked, wanted, bounds
        if asked or wanted or bounds:
            present = await vault.spaces.get(name)
            revision = present.revision
            keep = {**present.retention.model_dump(), **asked} if asked else asked
            replication = {**present.replication.model_dump(), **wanted} if wanted else wanted
            quota = {**(present.quota.model_dump() if present.quota else {}), **bounds} if bounds else bounds
        space = await vault.spaces.change(name, _settings(description, keep, replication, quota), revision=revision)
        emit(space, lambda: _told(space))

    connect(act)


def rm(
    name: Name,
    force: Annotated[bool, typer.Option("--force", "-f", help="Also where it is not empty.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a space: an empty one, or with --force all that is in it, for ever."""

    async def act(vault: "Client") -> None:
        if dry_run:
            removal = await vault.spaces.removable(name, force=force)
            emit(removal, lambda: f"would remove {name}: {removed_text(removal)}")
            return
        space = await vault.spaces.get(name)
        confirm(f"Remove the space {name} for ever ({_figures(space)})?", yes)
        if not await vault.spaces.remove(name, force=force):
            remark("the space takes no more requests; what was in it is still being purged")

    connect(act)


def _settings(
    description: str | None, retention: dict[str, object], replication: dict[str, object], quota: dict[str, object]
) -> dict[str, object]:
    given = {
        "description": description,
        "retention": retention or None,
        "replication": replication or None,
        "quota": quota or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _replication(replicas: str | None, write_quorum: str | None) -> dict[str, object]:
    given = {"replicas": (replicas, "--replicas"), "write_quorum": (write_quorum, "--write-quorum")}
    replication: dict[str, object] = {}
    for key, (text, option) in given.items():
        if text is not None and text != "default" and not (text.isdigit() and 1 <= int(text) <= REPLICAS_MAX):
            raise InvalidRequest(
                f"{option}: {text!r} is not a number from 1 to {REPLICAS_MAX}, or 'default'", rule=option.strip("-")
            )
        if text is not None:
            replication[key] = None if text == "default" else int(text)
    return replication


def _retention(keep_last: str | None, keep_within: str | None, trash_expires_after: str | None) -> dict[str, object]:
    retention: dict[str, object] = {}
    if keep_last is not None:
        if keep_last not in _FOREVER and not (keep_last.isdigit() and int(keep_last) > 0):
            raise InvalidRequest(f"--keep-last: {keep_last!r} is not a number from 1 on, or 'all'", rule="keep-last")
        retention["keep_last"] = None if keep_last in _FOREVER else int(keep_last)
    for key, text, option in (
        ("keep_within_s", keep_within, "--keep-within"),
        ("trash_expires_after_s", trash_expires_after, "--trash-expires-after"),
    ):
        if text is not None:
            retention[key] = None if text in _FOREVER else parse_duration_s(text, option)
    return retention


def _figures(space: Any) -> str:
    if space.files is None:
        return "you see a part of it"
    return (
        f"{count(space.files, 'file')}, {count(space.folders, 'folder')}, {count(space.versions, 'version')}, "
        f"{size(space.logical_bytes)}"
    )


def _bounds(space: Any) -> str:
    if space.quota is None:
        return "you see a part of it"
    return bounds_text(space.quota)


def _line(space: Any) -> str:
    state = "" if space.state == "open" else f"  ({space.state})"
    return f"{space.name:<20}  {_figures(space)}{state}"


def _told(space: Any) -> str:
    retention = space.retention
    return fields(
        [
            ("name", space.name),
            ("id", space.id),
            ("state", space.state),
            ("description", space.description),
            ("holds", _figures(space)),
            ("may hold", _bounds(space)),
            ("keeps", _kept(retention)),
            ("replicas", space.replication.replicas or "as the vault"),
            ("trash", "for ever" if retention.trash_expires_after_s is None else _age(retention.trash_expires_after_s)),
            ("created", when(space.created_at)),
            ("revision", space.revision),
        ]
    )


def _kept(retention: Any) -> str:
    rules = []
    if retention.keep_last is not None:
        rules.append(f"the last {count(retention.keep_last, 'version')}")
    if retention.keep_within_s is not None:
        rules.append(f"versions of the last {_age(retention.keep_within_s)}")
    return " and ".join(rules) or "all versions"


def _age(seconds: int) -> str:
    from datetime import timedelta

    from govault.config.values import write_duration

    return write_duration(timedelta(seconds=seconds))
