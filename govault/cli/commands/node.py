"""The node: start status doctor stats backup recover."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli import codes
from govault.cli.app import App
from govault.cli.flags import Set, flags_of, join_token
from govault.cli.jobs import run_job
from govault.cli.options import options
from govault.cli.output import coloured, emit, fields, legible, remark, size, table
from govault.cli.session import connect, data_folder, find_node
from govault.errors import Config

if TYPE_CHECKING:
    from govault.client import Client

_COLOURS = {"ok": "32", "info": "36", "degraded": "33", "warning": "33", "failing": "31", "error": "31"}


def register(app: App) -> None:
    """Put the verbs on the app."""
    app.verb("start")(start)
    app.verb("status")(status)
    app.verb("doctor")(doctor)
    app.verb("stats")(stats)
    app.verb("backup")(backup)
    app.verb("recover")(recover)


def start(
    listen: Annotated[str | None, typer.Option("--listen", help="host:port to listen on.")] = None,
    join: Annotated[
        str | None,
        typer.Option(
            "--join",
            metavar="TOKEN",
            envvar="GOVAULT_JOIN",
            help="Join the vault of this token first (see `govault cluster token`); @FILE reads it from a file.",
        ),
    ] = None,
    sets: Set = None,
) -> None:
    """Start a node and keep it in the foreground; Ctrl-C stops it."""
    from govault.config import load

    loaded = load(options().config, flags=flags_of(sets, options().data, listen=listen))
    # Modules are no garbage: looking for some among them takes a sixth of the time until a node is ready.
    gc.disable()
    from govault.node.serve import run

    gc.freeze()
    gc.enable()
    code = run(loaded, None if join is None else join_token(join))
    if code:
        raise typer.Exit(code)


def status() -> None:
    """Tell in some lines how the node is. Exit code 1 where it is not ready."""

    async def act(vault: "Client") -> bool:
        health = await vault.admin.health()
        url = vault.transport.url
        emit(
            {"url": url, **health.model_dump(mode="json")},
            lambda: "\n".join(
                [
                    f"{url}: {_tinted(health.status)}, {'ready' if health.ready else 'not ready'}",
                    *(f"  {'✓' if check.ok else '✗'} {check.name}: {check.sentence}" for check in health.checks),
                ]
            ),
        )
        return health.ready

    if not connect(act, public=True):
        raise typer.Exit(codes.ERROR)


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Look at the data folder of a node that is down.")] = False,
) -> None:
    """Explain in sentences what ails a node, what it means and what to do. Exit code 1 where something is wrong."""
    from govault.cli.offline import examine
    from govault.client import Unreachable

    findings: list[Any] = []
    if not offline:
        try:
            find_node(options())
            findings = connect(_ask_findings, public=True)
        except (Config, Unreachable) as error:
            if options().url:
                raise
            remark(f"{error}\nLooking at the data folder instead.")
            offline = True
    if offline:
        findings = examine(data_folder(options()))
    emit(findings, lambda: "\n\n".join(map(_finding, findings)) or "Nothing is wrong.")
    if any(finding["severity"] == "error" for finding in findings):
        raise typer.Exit(codes.ERROR)


async def _ask_findings(vault: "Client") -> list[Any]:
    return [finding.model_dump() for finding in (await vault.admin.health()).findings]


def stats(
    prometheus: Annotated[bool, typer.Option("--prometheus", help="All metrics, as Prometheus reads them.")] = False,
) -> None:
    """Tell what the vault holds, and what deduplication and compression save."""

    async def act(vault: "Client") -> None:
        if prometheus:
            print(await vault.admin.metrics(), end="")
            return
        figures = await vault.admin.stats()
        emit(figures, lambda: _stats(figures))

    connect(act)


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder on the node's machine.")],
    keys: Annotated[bool, typer.Option("--keys", help="The keys too: whoever has the backup can read it.")] = False,
) -> None:
    """Back up the running vault into a folder: log, packs, and the keys only if asked."""
    run_job("backing up", lambda vault: vault.admin.start_backup(str(folder.absolute()), keys=keys))


def recover(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="What 'backup' wrote; of many nodes the folder of each.")
    ],
    recovery_key_file: Annotated[
        Path | None, typer.Option("--recovery-key-file", help="The recovery key, where no backup has keys.")
    ] = None,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Take what is sound of the only backup there is, though it is damaged.")
    ] = False,
) -> None:
    """Make a data folder anew from backups. No node may run on it, and it must be empty.

    In a vault of many nodes each backup has the whole log and the packs of its node: give all you have, of any age and
    in any order. Ends with 6 where something is lost, and names it.
    """
    from govault.cli.offline import recover_into

    root = _storage_root()
    report = recover_into(folders, root, recovery_key_file, salvage=salvage)
    emit(report, lambda: _recovered(root, report))
    if not report["whole"]:
        raise typer.Exit(codes.PARTIAL)


def _recovered(root: Path, report: dict[str, Any]) -> str:
    counts = {
        name: value
        for name, value in report.items()
        if isinstance(value, int | str) and name not in ("whole", "more_findings")
    }
    lines = [f"recovered into {root}: {_pairs(counts)}"]
    lines += [f"damaged: {legible(sentence)}" for sentence in report["damaged"]]
    lines += [_finding(finding) for finding in report["findings"]]
    if report["more_findings"]:
        lines.append(f"and {report['more_findings']} findings more: 'govault check' tells them once the node runs")
    whole = "Everything that the log counts on is there." if report["whole"] else "Not all of it came back: see above."
    lines.append(f"{whole} Start it with: govault start --data {root}")
    return "\n".join(lines)


def _storage_root() -> Path:
    from govault.config import load

    return load(options().config, flags=flags_of(None, options().data)).configuration.server.storage_root


def _finding(finding: Any) -> str:
    parts = (finding["what"], finding["means"], finding["todo"])
    return f"{_tinted(finding['severity'])}: " + " ".join(legible(part) for part in parts if part)


def _tinted(word: str) -> str:
    return coloured(word, _COLOURS.get(word, "0"))


def _stats(figures: Any) -> str:
    store = figures.store
    lines = [
        fields(
            [
                ("files", f"{figures.files:,} ({figures.versions:,} versions, {figures.folders:,} folders)"),
                ("logical", size(figures.logical_bytes)),
                ("unique", f"{size(figures.unique_bytes)}{_ratio(figures.dedup_ratio, 'deduplicated')}"),
                ("stored", f"{size(figures.stored_bytes)}{_ratio(figures.compression_ratio, 'compressed')}"),
                ("packs", f"{store.packs:,} with {store.chunks:,} chunks, {size(store.dead_bytes)} of them waste"),
                ("quarantined", store.quarantined or None),
                ("disk free", size(store.free_disk_bytes)),
            ]
        )
    ]
    if len(figures.spaces) > 1:
        rows = [(row.space, row.files, row.versions, size(row.logical_bytes)) for row in figures.spaces]
        lines.append(table(("space", "files", "versions", "logical"), rows))
    return "\n\n".join(lines)


def _ratio(ratio: float | None, word: str) -> str:
    return "" if ratio is None else f" ({word} {ratio:.2f}×)"


def _pairs(report: Any) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report.items())
