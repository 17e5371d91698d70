"""One real node for the tests of upkeep."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.node_process import NodeProcess

JOB_S = 60.0


@dataclass
class Door:
    """The node's REST door, as an administrator."""

    node: NodeProcess

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self.node.url + path,
            data=body,
            method=method,
            headers={"authorization": f"Bearer {self.node.token}", **named},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """The JSON of an answer that must have this status."""
        data = None if body is None else json.dumps(body).encode()
        got, raw = self.raw(method, path, data, content_type="application/json")
        assert got == status, (got, raw)
        return json.loads(raw or b"null")

    def job(self, path: str, body: object = None) -> Any:
        """Begin a job and follow it to its end."""
        job = self.ask("POST", path, body, status=202)
        deadline = time.monotonic() + JOB_S
        while job["state"] == "running":
            assert time.monotonic() < deadline, job
            job = self.ask("GET", f"/admin/jobs/{job['id']}")
        return job

    def put(self, path: str, content: bytes) -> Any:
        """Upload."""
        status, raw = self.raw("PUT", f"/spaces/main/files/{path}", content)
        assert status in (200, 201), raw
        return json.loads(raw)

    def digests(self) -> dict[tuple[str, int], tuple[int, str, str]]:
        """Position and both digests of every partition."""
        rows = self.ask("GET", "/admin/views")["partitions"]
        return {(row["topic"], row["partition"]): (row["applied"], row["history"], row["view"]) for row in rows}


def start_node(root: Path) -> Door:
    node = NodeProcess(root)
    node.start()
    return Door(node)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    root = tmp_path_factory.mktemp("vault") / "data"
    root.mkdir()
    found = start_node(root)
    yield found
    assert found.node.stop() == 0
