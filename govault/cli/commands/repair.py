"""Repair of replicas: repair status, run, pause, resume."""

from typing import TYPE_CHECKING, Annotated

import typer

from govault.cli.app import App
from govault.cli.output import emit, fields, when_ms
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.repair import RepairDocument, ScrubDocument


def register(app: App) -> None:
    """Put the verbs on the app."""
    repair = App(help="Replicas: made again where they are lost, read again and again.")
    repair.verb("status")(repair_status)
    repair.verb("run")(repair_run)
    repair.verb("pause")(repair_pause)
    repair.verb("resume")(repair_resume)
    app.add_typer(repair, name="repair")


def repair_status() -> None:
    """Tell what waits for repair, how fast it goes, and how far the scrub is."""

    async def act(vault: "Client") -> None:
        _tell(await vault.repair.status())

    connect(act)


def repair_run(
    scrub: Annotated[bool, typer.Option("--scrub", help="Read and verify every chunk too, at full speed.")] = False,
) -> None:
    """Look for missing replicas now, instead of when it is due; the node works on by itself."""

    async def act(vault: "Client") -> None:
        _tell(await vault.repair.run(scrub=scrub))

    connect(act)


def repair_pause() -> None:
    """Move and verify nothing, until 'repair resume' or until the node restarts."""

    async def act(vault: "Client") -> None:
        _tell(await vault.repair.pause())

    connect(act)


def repair_resume() -> None:
    """Go on with repair and scrub."""

    async def act(vault: "Client") -> None:
        _tell(await vault.repair.resume())

    connect(act)


def _tell(status: "RepairDocument") -> None:
    queue, done, walk = status.queue, status.done, status.walk
    waiting = f"{queue.chunks:,} chunks"
    if queue.chunks:
        waiting += f" (sole copies {queue.sole:,}, few copies {queue.few:,}, failed {queue.failed:,})"
    rows = [
        ("state", status.state),
        ("waiting", waiting),
        ("lost", f"{queue.lost:,} chunks are on no node" if queue.lost else None),
        ("rate", f"{status.chunks_per_s:.1f} chunks/s, {status.bytes_per_s / 1e6:.1f} of {_mb(status)} MB/s"),
        ("done in", _duration(status.eta_s) if queue.chunks else None),
        ("repaired", f"{done.repaired:,} chunks, {done.repaired_bytes:,} bytes since the start"),
        ("given away", f"{done.pushed:,} chunks" if done.pushed else None),
        ("fewer than R", f"{walk.under_replicated:,} chunks of this node's slots" if walk.under_replicated else None),
        ("walk", f"{walk.slots_done:,} of {walk.slots:,} slots" + (", running" if walk.running else "")),
        ("layout", _layout(status)),
        ("drained", "yes: the node can be removed" if status.drained else None),
        ("scrub", _scrub(status.scrub)),
    ]
    emit(status, lambda: fields((name, value) for name, value in rows if value is not None))


def _mb(status: "RepairDocument") -> str:
    return f"{status.bytes_per_s_max / 1e6:.0f}"


def _layout(status: "RepairDocument") -> str | None:
    if not status.layout_version:
        return None
    return f"version {status.layout_version}, " + ("reached" if status.layout_reached else "not reached yet")


def _scrub(scrub: "ScrubDocument") -> str:
    last = "no whole pass yet"
    if scrub.finished_ms is not None:
        last = f"last pass ended {when_ms(scrub.finished_ms)}, {scrub.damaged_before:,} damaged"
    if scrub.progress is None:
        return last
    return f"{scrub.progress:.1%} of a pass, {scrub.damaged:,} damaged, done in {_duration(scrub.eta_s)}; {last}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "a time not known yet"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
