"""Health, figures, the log, the views and the long work of a node, through the REST interface."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import orjson

from govault.client.files import flag
from govault.client.paging import Query, read_as
from govault.client.problems import ProtocolError
from govault.client.references import segment
from govault.client.transport import Transport
from schemas.rest.admin import (
    CheckpointDocument,
    CheckpointVerdict,
    HealthDocument,
    JobDocument,
    JobsDocument,
    KeysDocument,
    LogStatusDocument,
    ReadyDocument,
    RecoveryKeyDocument,
    StatsDocument,
    ViewsDocument,
    WorkerDocument,
    WorkersDocument,
)
from schemas.rest.cluster import JoinTokenDocument, JoinTokensDocument, NewJoinTokenDocument
from schemas.rest.content import OutcomeAnswer

JOB_POLL_FIRST_S = 0.1
JOB_POLL_S_MAX = 2.0
LINE_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class Admin:
    """Everything that looks after a node."""

    transport: Transport

    async def health(self) -> HealthDocument:
        """How the node is, for people. Public."""
        return read_as(HealthDocument, await self.transport.request("GET", "/health"))

    async def new_join_token(self, *, expires_s: int, name: str, zone: str, weight: int) -> NewJoinTokenDocument:
        """A join token for one more node."""
        ask = {"expires_s": expires_s, "name": name, "zone": zone, "weight": weight}
        return read_as(
            NewJoinTokenDocument, await self.transport.request("POST", "/admin/cluster/tokens", document=ask)
        )

    async def join_tokens(self) -> AsyncIterator[JoinTokenDocument]:
        """All join tokens, the newest first."""
        for token in read_as(JoinTokensDocument, await self.transport.request("GET", "/admin/cluster/tokens")).tokens:
            yield token

    async def revoke_join_token(self, token_hash: str) -> None:
        """Withdraw a join token."""
        await self.transport.request("DELETE", f"/admin/cluster/tokens/{segment(token_hash)}")

    async def is_alive(self) -> bool:
        """Whether the process answers. Public."""
        return (await self.transport.request("GET", "/livez")).status == 200

    async def ready(self) -> ReadyDocument:
        """Whether requests should come here. Public."""
        return read_as(ReadyDocument, await self.transport.request("GET", "/readyz"))

    async def metrics(self) -> str:
        """Prometheus metrics."""
        return (await self.transport.request("GET", "/metrics")).body.decode()

    async def openapi(self) -> Any:
        """The description of the whole interface. Public."""
        return (await self.transport.request("GET", "/openapi.json")).document()

    async def stats(self) -> StatsDocument:
        """Counts, bytes and savings."""
        return read_as(StatsDocument, await self.transport.request("GET", "/stats"))

    async def outcome(self, event_id: str) -> OutcomeAnswer:
        """What became of an event."""
        return read_as(OutcomeAnswer, await self.transport.request("GET", f"/outcomes/{segment(event_id)}"))

    # --- the log and the views -------------------------------------------------------------------------------

    async def log_status(self) -> LogStatusDocument:
        """Where the log stands."""
        return read_as(LogStatusDocument, await self.transport.request("GET", "/admin/log"))

    async def log_records(self, query: Query) -> AsyncIterator[bytes]:
        """Events of the log, one JSON document a line, without its end."""
        async with self.transport.stream(
            "GET", "/admin/log/records", query=query, idle=query.get("follow") is None
        ) as response:
            rest = b""
            async for piece in response.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
                if len(rest) > LINE_BYTES_MAX:
                    raise ProtocolError(f"a line of the log is longer than {LINE_BYTES_MAX} bytes")
            if rest.strip():
                yield rest

    async def views(self) -> ViewsDocument:
        """Position and digests of every folded partition."""
        return read_as(ViewsDocument, await self.transport.request("GET", "/admin/views"))

    # --- long work -------------------------------------------------------------------------------------------

    async def start_check(self, *, read_data: bool = False, read_files: bool = False) -> JobDocument:
        """Begin to check views and store."""
        return await self._begin("/admin/check", {"read_data": flag(read_data), "read_files": flag(read_files)})

    async def start_gc(self, *, dry_run: bool = False) -> JobDocument:
        """Begin to collect what nothing references."""
        return await self._begin("/admin/gc", {"dry_run": flag(dry_run)})

    async def start_rebuild(self) -> JobDocument:
        """Begin to fold the log into new views."""
        return await self._begin("/admin/views/rebuild", {})

    async def start_backup(self, path: str, *, keys: bool = False) -> JobDocument:
        """Begin a backup into a folder on the node's machine."""
        return await self._begin("/admin/backup", {}, {"path": path, "keys": keys})

    async def jobs(self) -> JobsDocument:
        """The latest jobs."""
        return read_as(JobsDocument, await self.transport.request("GET", "/admin/jobs"))

    async def job(self, job_id: str) -> JobDocument:
        """One job."""
        return read_as(JobDocument, await self.transport.request("GET", f"/admin/jobs/{segment(job_id)}"))

    async def cancel_job(self, job_id: str) -> JobDocument:
        """End a running job."""
        return read_as(JobDocument, await self.transport.request("DELETE", f"/admin/jobs/{segment(job_id)}"))

    async def wait_job(self, job: JobDocument, told: Callable[[JobDocument], None]) -> JobDocument:
        """Follow a job to its end; ``told`` hears of every step. There is no bound: the job has its own."""
        pause_s = JOB_POLL_FIRST_S
        while job.state == "running":
            told(job)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, JOB_POLL_S_MAX)
            job = await self.job(job.id)
        told(job)
        return job

    # --- workers, keys, checkpoints --------------------------------------------------------------------------

    async def configuration(self) -> Any:
        """The node's effective configuration."""
        return (await self.transport.request("GET", "/admin/config")).document()

    async def workers(self) -> WorkersDocument:
        """The background workers."""
        return read_as(WorkersDocument, await self.transport.request("GET", "/admin/workers"))

    async def pace_worker(self, name: str, throttle: float) -> WorkerDocument:
        """Give a worker seconds of rest per second of work."""
        route = f"/admin/workers/{segment(name)}"
        return read_as(WorkerDocument, await self.transport.request("PATCH", route, document={"throttle": throttle}))

    async def keys(self) -> KeysDocument:
        """The state of the vault's keys."""
        return read_as(KeysDocument, await self.transport.request("GET", "/admin/keys"))

    async def rotate_keys(self) -> KeysDocument:
        """Open a new sealing epoch."""
        return read_as(KeysDocument, await self.transport.request("POST", "/admin/keys/rotate"))

    async def recovery_key(self) -> RecoveryKeyDocument:
        """The key that recovers the vault."""
        return read_as(RecoveryKeyDocument, await self.transport.request("POST", "/admin/keys/recovery"))

    async def sign_checkpoint(self) -> CheckpointDocument:
        """Have the node sign its digests."""
        return read_as(CheckpointDocument, await self.transport.request("POST", "/admin/checkpoints"))

    async def verify_checkpoint(self, checkpoint: object) -> CheckpointVerdict:
        """Whether the views still say what was signed."""
        answer = await self.transport.request("POST", "/admin/checkpoints/verify", document=checkpoint)
        return read_as(CheckpointVerdict, answer)

    async def _begin(self, route: str, query: Query, document: object = None) -> JobDocument:
        return read_as(JobDocument, await self.transport.request("POST", route, query=query, document=document))


def line_document(line: bytes) -> Any:
    """The document of one line of the log.

    Raises:
        ProtocolError: It is none.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ProtocolError("a line of the log is not JSON") from error
