"""A node process on Apache Kafka, and requests to it."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.e2e.node_process import NodeProcess

JOB_S = 60.0

Folded = dict[tuple[str, int], tuple[int, str, str]]
"""Position, history digest and view digest of folded partitions."""


class Answer(NamedTuple):
    """Status and body."""

    status: int
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class VaultOnKafka:
    """A node that may run, and what is asked of it."""

    node: NodeProcess

    @classmethod
    def on(cls, root: Path, bootstrap: str, prefix: str) -> Self:
        """A node on a single broker."""
        settings = {"KIND": "kafka", "BOOTSTRAP": bootstrap, "REPLICATION": "1", "TOPIC_PREFIX": prefix}
        return cls(NodeProcess(root, {f"GOVAULT_LOG__{name}": value for name, value in settings.items()}))

    @classmethod
    def embedded(cls, root: Path, prefix: str) -> Self:
        """A node on the embedded log."""
        return cls(NodeProcess(root, {"GOVAULT_LOG__TOPIC_PREFIX": prefix}))

    def ask(self, method: str, path: str, body: bytes | None = None, timeout_s: float = 60) -> Answer:
        """One request; also refusals are answers."""
        request = urllib.request.Request(self.node.url + path, method=method, data=body)
        request.add_header("Authorization", f"Bearer {self.node.token}")
        request.add_header("Content-Type", "application/json" if method == "POST" else "application/octet-stream")
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.read())

    def put(self, path: str, content: bytes) -> Answer:
        """Upload into the default space."""
        return self.ask("PUT", f"/spaces/main/files/{path}", content)

    def get(self, path: str) -> bytes:
        """Download from the default space."""
        answer = self.ask("GET", f"/spaces/main/files/{path}")
        assert answer.status == 200, answer
        return answer.body

    def paths(self) -> set[str]:
        """Every file of the default space."""
        return {item["path"] for item in self.ask("GET", "/files?space=main&limit=1000").document["items"]}

    def folded(self) -> Folded:
        """Position and both digests of every folded partition."""
        rows = self.ask("GET", "/admin/views").document["partitions"]
        return {(row["topic"], row["partition"]): (row["applied"], row["history"], row["view"]) for row in rows}

    def files_folded(self) -> Folded:
        """The same of what happened inside spaces: starts of nodes leave it alone."""
        return {place: row for place, row in self.folded().items() if place[0] == "files"}

    def rebuild(self) -> None:
        """Fold everything again, and wait for it."""
        job = self.ask("POST", "/admin/views/rebuild", b"").document
        deadline = time.monotonic() + JOB_S
        while job["state"] == "running":
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
            job = self.ask("GET", f"/admin/jobs/{job['id']}").document
        assert job["state"] == "succeeded", job

    def wait_status(self, path: str, wanted: int, timeout_s: float = 60) -> Answer:
        """Ask until the status is as wanted."""
        deadline = time.monotonic() + timeout_s
        while (answer := self.ask("GET", path)).status != wanted:
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)
        return answer
