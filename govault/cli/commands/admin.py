"""Looking after a node: log, views, check, gc, jobs, workers, keys, recovery-key, checkpoint, outcome, api."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govault.cli.app import App
from govault.cli.commands.log_migrate import log_migrate
from govault.cli.confirm import confirm
from govault.cli.filters import parse_instant
from govault.cli.jobs import run_job
from govault.cli.options import options
from govault.cli.output import emit, fields, legible, remark, table, when_ms
from govault.cli.session import connect
from govault.errors import Config

if TYPE_CHECKING:
    from govault.client import Client

Topic = Annotated[str | None, typer.Option("--topic", help="Only this topic: files, directory, …")]
Partition = Annotated[int | None, typer.Option("--partition", min=0, help="Only this partition of the topic.")]
JobId = Annotated[str, typer.Argument(metavar="JOB")]


def register(app: App) -> None:
    """Put the verbs on the app."""
    log = App(help="The log: every change, in order.")
    log.verb("tail")(log_tail)
    log.verb("dump")(log_dump)
    log.verb("status")(log_status)
    log.verb("migrate")(log_migrate)
    app.add_typer(log, name="log")
    views = App(help="The views: what was folded from the log.")
    views.verb("digest")(views_digest)
    views.verb("rebuild")(views_rebuild)
    app.add_typer(views, name="views")
    app.verb("check")(check)
    app.verb("gc")(gc)
    jobs = App(help="Long work of the node.")
    jobs.verb("ls")(jobs_ls)
    jobs.verb("show")(jobs_show)
    jobs.verb("cancel")(jobs_cancel)
    app.add_typer(jobs, name="jobs")
    workers = App(help="The node's background workers.")
    workers.verb("ls")(workers_ls)
    workers.verb("pace")(workers_pace)
    app.add_typer(workers, name="workers")
    keys = App(help="The vault's keys.")
    keys.verb("show")(keys_show)
    keys.verb("rotate")(keys_rotate)
    app.add_typer(keys, name="keys")
    recovery = App(help="The key that recovers the vault on another machine.")
    recovery.verb("export")(recovery_export)
    app.add_typer(recovery, name="recovery-key")
    checkpoint = App(help="Signed digests: kept elsewhere, they prove the history.")
    checkpoint.verb("sign")(checkpoint_sign)
    checkpoint.verb("verify")(checkpoint_verify)
    app.add_typer(checkpoint, name="checkpoint")
    app.verb("outcome")(outcome)


def log_tail(
    topic: Topic = None,
    partition: Partition = None,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="So many at the end of each partition.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is appended later.")] = False,
) -> None:
    """Show the latest events, and with --follow those to come."""
    query = {"topic": topic, "partition": partition, "last": last, "follow": "true" if follow else None}
    _records(query)


def log_dump(
    topic: Topic = None,
    partition: Partition = None,
    start: Annotated[int | None, typer.Option("--from", min=0, help="First offset (with --partition).")] = None,
    stop: Annotated[int | None, typer.Option("--to", min=0, help="Offset to end before.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Appended since: 2026-11-01 or 1h.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Appended before: 2026-11-01 or 1h.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
) -> None:
    """Write the events of the log, one JSON document a line."""
    query = {
        "topic": topic,
        "partition": partition,
        "start": start,
        "stop": stop,
        "since_ms": _milliseconds(since, "--since"),
        "until_ms": _milliseconds(until, "--until"),
        "limit": limit,
    }
    _records(query, raw=True)


def log_status() -> None:
    """Tell where the log stands, and how far the views have folded it."""

    async def act(vault: "Client") -> None:
        status = await vault.admin.log_status()
        rows = [
            (row.topic, row.partition, row.begin, row.end, row.applied, row.lag, row.size_bytes)
            for row in status.partitions
        ]
        head = ("topic", "partition", "begin", "end", "applied", "lag", "bytes")
        emit(status.partitions, lambda: table(head, rows))

    connect(act)


def views_digest() -> None:
    """Tell the digests of the views. Equal on two nodes, or before and after a rebuild: equal history and state."""

    async def act(vault: "Client") -> None:
        views = await vault.admin.views()
        rows = [
            (row.topic, row.partition, row.applied, row.history[:16], row.view[:16], row.malformed or None, row.stopped)
            for row in views.partitions
        ]
        head = ("topic", "partition", "applied", "history", "view", "malformed", "stopped")
        emit(views, lambda: f"{views.digest}\n" + table(head, rows))

    connect(act)


def views_rebuild() -> None:
    """Fold the whole log into new views, while the present ones serve; then swap."""
    run_job("rebuilding", lambda vault: vault.admin.start_rebuild())


def check(
    read_data: Annotated[bool, typer.Option("--read-data", help="Read and verify every stored chunk.")] = False,
    read_files: Annotated[bool, typer.Option("--read-files", help="Read every version whole.")] = False,
) -> None:
    """Check that the views agree with themselves and that the store has every chunk. Exit code 1 where not."""
    run_job("checking", lambda vault: vault.admin.start_check(read_data=read_data, read_files=read_files))


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only count what nothing references.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Collect chunks that nothing references any more, and shrink the packs."""
    if not dry_run:
        confirm("Remove every stored chunk that nothing references?", yes)
    run_job("collecting", lambda vault: vault.admin.start_gc(dry_run=dry_run))


def jobs_ls() -> None:
    """List the latest jobs."""

    async def act(vault: "Client") -> None:
        found = await vault.admin.jobs()
        rows = [(job.id, job.kind, job.state, when_ms(job.started_ms), _done(job)) for job in found.jobs]
        emit(found.jobs, lambda: table(("id", "kind", "state", "started", "done"), rows))

    connect(act)


def jobs_show(job_id: JobId) -> None:
    """Tell a job's state, progress and result."""

    async def act(vault: "Client") -> None:
        job = await vault.admin.job(job_id)
        emit(job, lambda: fields((name.replace("_", " "), value) for name, value in job.model_dump().items()))

    connect(act)


def jobs_cancel(job_id: JobId) -> None:
    """End a running job. What it did stays, and nothing is left half done."""

    async def act(vault: "Client") -> None:
        job = await vault.admin.cancel_job(job_id)
        emit(job, lambda: f"{job.id} {job.state}")

    connect(act)


def workers_ls() -> None:
    """List the background workers."""

    async def act(vault: "Client") -> None:
        found = await vault.admin.workers()
        rows = [(row.name, row.state, row.throttle, row.steps, row.failures, row.last_error) for row in found.workers]
        emit(found.workers, lambda: table(("name", "state", "throttle", "steps", "failures", "last error"), rows))

    connect(act)


def workers_pace(
    name: Annotated[str, typer.Argument(metavar="WORKER")],
    throttle: Annotated[float, typer.Argument(metavar="THROTTLE", min=0, help="Seconds of rest per second of work.")],
) -> None:
    """Slow a worker down, until the node stops."""

    async def act(vault: "Client") -> None:
        emit(await vault.admin.pace_worker(name, throttle))

    connect(act)


def keys_show() -> None:
    """Tell the state of the vault's keys; never a key."""

    async def act(vault: "Client") -> None:
        keys = await vault.admin.keys()
        emit(keys, lambda: fields((name.replace("_", " "), str(value)) for name, value in keys.model_dump().items()))

    connect(act)


def keys_rotate() -> None:
    """Seal new chunks under a new root; what was sealed before stays readable."""

    async def act(vault: "Client") -> None:
        keys = await vault.admin.rotate_keys()
        emit(keys, lambda: f"sealing epoch {keys.sealing_epoch} is open")

    connect(act)


def recovery_export(
    to: Annotated[Path | None, typer.Argument(metavar="FILE", help="A new file, mode 0600; else stdout.")] = None,
) -> None:
    """Export the recovery key. With a backup it brings the vault back; whoever has both can read everything."""
    import os

    async def act(vault: "Client") -> Any:
        return await vault.admin.recovery_key()

    if to is None:
        key = connect(act)
        emit(key, lambda: str(key.recovery_key))
        return
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        try:
            file.write(connect(act).recovery_key + "\n")
        except BaseException:
            to.unlink()
            raise
    remark(f"wrote {to}: keep it away from this machine")


def checkpoint_sign() -> None:
    """Have the node sign its digests; keep the document elsewhere."""
    import dataclasses

    from govault.cli.options import set_options

    if not options().machine:
        set_options(dataclasses.replace(options(), json=True))

    async def act(vault: "Client") -> None:
        emit(await vault.admin.sign_checkpoint())

    connect(act)


def checkpoint_verify(
    document: Annotated[str, typer.Argument(metavar="FILE", help="What 'checkpoint sign' wrote; - is stdin.")],
) -> None:
    """Check a checkpoint's signature, and that the views do not contradict it."""
    import orjson

    raw = sys.stdin.buffer.read() if document == "-" else Path(document).read_bytes()
    try:
        checkpoint = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Config(f"{document} is no checkpoint: {error}") from error

    async def act(vault: "Client") -> tuple[str, ...]:
        verdict = await vault.admin.verify_checkpoint(checkpoint)
        emit(verdict, lambda: "\n".join(map(legible, verdict.contradictions)) or "the views say what was signed")
        return verdict.contradictions

    if connect(act):
        raise typer.Exit(1)


def outcome(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="e_…, from an answer that was late.")],
) -> None:
    """Tell what became of a request whose outcome was not known in time."""

    async def act(vault: "Client") -> None:
        found = await vault.admin.outcome(event_id)
        facts = [("verdict", found.verdict), ("reason", found.reason), *found.facts.items()]
        emit(found, lambda: fields((name.replace("_", " "), str(value)) for name, value in facts))

    connect(act)


def _records(query: dict[str, str | int | None], *, raw: bool = False) -> None:
    async def act(vault: "Client") -> None:
        from govault.client.admin import line_document

        async for line in vault.admin.log_records(query):
            if raw or options().machine:
                sys.stdout.buffer.write(line + b"\n")
            else:
                sys.stdout.write(_event(line_document(line)) + "\n")
            if query.get("follow"):
                sys.stdout.flush()

    connect(act)


def _event(record: Any) -> str:
    """One record in a line for people."""
    event = record.get("event") if isinstance(record, dict) else None
    where = f"{record.get('topic')}/{record.get('partition')}@{record.get('offset')}"
    if not isinstance(event, dict):
        return legible(f"{where:<18}  {record.get('malformed') or record.get('problem') or record}")
    kind = str(event.get("type", "")).removeprefix("govault.").removesuffix(".v1")
    data = event.get("data")
    facts = ""
    if isinstance(data, dict):
        kept = {name: value for name, value in data.items() if isinstance(value, str | int) and value not in ("", None)}
        facts = "  ".join(f"{name}={value}" for name, value in kept.items() if len(str(value)) <= 80)
    return legible(f"{where:<18}  {event.get('time', '')}  {kind:<28}  {facts}")


def _milliseconds(text: str | None, option: str) -> int | None:
    from datetime import datetime

    instant = parse_instant(text, option)
    return None if instant is None else int(datetime.fromisoformat(instant).timestamp() * 1000)


def _done(job: Any) -> str:
    return f"{job.done:,}" + ("" if job.total is None else f" of {job.total:,}") + f" {job.unit}"
