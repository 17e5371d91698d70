"""Progress on stderr, and only where that is a terminal."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from govault.cli.options import options

if TYPE_CHECKING:
    from rich.progress import Progress

    from govault.client.trees.report import TransferReport
    from schemas.rest.admin import JobDocument

_REFRESH_S = 0.1


def shows_progress() -> bool:
    """Whether somebody looks at stderr and wants to see it."""
    return sys.stderr.isatty() and not options().quiet


@asynccontextmanager
async def transfer_progress(report: "TransferReport", verb: str) -> AsyncIterator[None]:
    """Shows how far a transfer is while the block runs."""
    if not shows_progress():
        yield
        return
    with _bar(bytes_moved=True) as bar:
        task = bar.add_task(verb, total=None, files="")

        def refresh() -> None:
            done = report.new + report.changed + report.unchanged + report.failed.count
            files = f"{done:,} of {report.found:,}{'' if report.complete else '+'} files"
            total = max(report.found_bytes, report.sent_bytes) if report.complete and report.found_bytes else None
            bar.update(task, completed=report.sent_bytes, total=total, files=files)

        async def follow() -> None:
            while True:
                refresh()
                await asyncio.sleep(_REFRESH_S)

        following = asyncio.create_task(follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            refresh()


class JobProgress:
    """Shows how far a job is; give it to ``Admin.wait_job``."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._bar: Progress | None = None
        self._task: object = None

    def __enter__(self) -> "JobProgress":
        if shows_progress():
            self._bar = _bar(bytes_moved=False)
            self._bar.start()
            self._task = self._bar.add_task(self._verb, total=None, files="")
        return self

    def __exit__(self, *_failure: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, job: "JobDocument") -> None:
        """One more step of the job."""
        if self._bar is not None:
            of = "" if job.total is None else f" of {job.total:,}"
            words = f"{job.done:,}{of} {job.unit}  {job.text}".strip()
            self._bar.update(self._task, completed=job.done, total=job.total, files=words)  # type: ignore[arg-type]


def _bar(*, bytes_moved: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24)]
    if bytes_moved:
        columns += [DownloadColumn(binary_units=True), TransferSpeedColumn()]
    return Progress(*columns, TextColumn("{task.fields[files]}"), console=Console(stderr=True), transient=True)
