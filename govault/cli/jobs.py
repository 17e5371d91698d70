"""Long work of the node, followed to its end."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

from govault.cli import codes
from govault.cli.output import emit, fields, legible, remark, size
from govault.cli.progress import JobProgress
from govault.cli.session import connect

if TYPE_CHECKING:
    from govault.client import Client
    from schemas.rest.admin import JobDocument


def run_job(
    verb: str, begin: "Callable[[Client], Awaitable[JobDocument]]", *, told: Callable[[Any], str] | None = None
) -> None:
    """Begin a job, show its progress, and write its result. Interrupting the command leaves the job running.

    Raises:
        typer.Exit: 1 where the job failed or found something wrong.
    """

    async def act(vault: "Client") -> "JobDocument":
        job = await begin(vault)
        with JobProgress(verb) as progress:
            try:
                return await vault.admin.wait_job(job, progress)
            except BaseException:
                remark(f"the job goes on: govault jobs show {job.id}")
                raise

    job = connect(act)
    emit(job, lambda: (told or _result)(job.result) if job.state == "succeeded" else None)
    if job.state != "succeeded":
        remark(f"the job {job.id} {job.state}: {legible(job.error)}")
        raise typer.Exit(codes.ERROR)
    if isinstance(job.result, dict) and job.result.get("findings"):
        raise typer.Exit(codes.ERROR)


def _result(result: Any) -> str:
    if not isinstance(result, dict):
        return "done"
    pairs: list[tuple[str, object]] = []
    for name, value in result.items():
        if name == "findings":
            continue
        shown = size(value) if name.endswith("_bytes") and isinstance(value, int) else value
        pairs.append((name.removesuffix("_bytes").replace("_", " "), shown if shown else "0" if shown == 0 else shown))
    lines = [fields(pairs)] if pairs else []
    lines += [_finding(finding) for finding in result.get("findings", ())]
    return "\n".join(lines) or "done"


def _finding(finding: Any) -> str:
    if isinstance(finding, dict):
        words = [str(finding[name]) for name in ("what", "means", "todo") if finding.get(name)]
        return "wrong: " + legible(" ".join(words) or str(finding))
    return "wrong: " + legible(str(finding))
