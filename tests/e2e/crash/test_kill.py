"""kill -9 of the node, and of its log, at random moments under load: what was acknowledged is there."""

import asyncio
import json
import os
import random
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.crash.load import Writer, collect_and_empty
from tests.e2e.node_process import NodeProcess

KILLS = int(os.environ.get("TEST_KILLS", "16"))
WRITERS = 6
JOB_S = 60.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path / "vault")
    yield process
    process.kill()


def request(node: NodeProcess, method: str, path: str) -> dict[str, object]:
    asked = urllib.request.Request(
        node.url + path,
        method=method,
        headers={"Authorization": f"Bearer {node.token}"},
        data=b"" if method == "POST" else None,
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        loaded: dict[str, object] = json.loads(answer.read())
        return loaded


def job(node: NodeProcess, path: str) -> dict[str, object]:
    """Start a job and return it once it ended."""
    started = request(node, "POST", path)
    deadline = time.monotonic() + JOB_S
    while True:
        state = request(node, "GET", f"/admin/jobs/{started['id']}")
        if state["state"] != "running":
            return state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


async def work_until_killed(node: NodeProcess, writers: list[Writer], randomness: random.Random, victim: str) -> None:
    headers = {"Authorization": f"Bearer {node.token}"}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session, asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(session, node.url))
        group.create_task(collect_and_empty(session, node.url))
        await asyncio.sleep(randomness.uniform(0.05, 0.9))
        pid = node.pid if victim == "node" else int(str(node.facts["log_pid"]))
        os.kill(pid, signal.SIGKILL)


async def check_all(node: NodeProcess, writers: list[Writer]) -> None:
    headers = {"Authorization": f"Bearer {node.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for writer in writers:
            await writer.check(session, node.url)


@pytest.mark.slow
@pytest.mark.timeout(480)
def test_nothing_acknowledged_is_lost_when_node_or_log_are_killed(node: NodeProcess) -> None:
    seed = int(os.environ.get("TEST_KILL_SEED", "1"))
    randomness = random.Random(seed)
    writers = [Writer(f"w{n}", random.Random(seed * 1000 + n)) for n in range(WRITERS)]
    node.start()
    # On Apache Kafka the log is nobody's child; tests/e2e/kafka kills it.
    victims = ("node", "node", "log" if node.facts["log_pid"] else "node")
    for index in range(KILLS):
        victim = randomness.choice(victims)
        asyncio.run(work_until_killed(node, writers, randomness, victim))
        if victim == "log":
            assert node.wait_end() == 70, node.log_tail()
        else:
            with suppress(Exception):
                node.kill()
        node.start()
        asyncio.run(check_all(node, writers))
        print(f"kill {index + 1} ({victim}): {sum(w.acknowledged for w in writers)} operations acknowledged")
    checked = job(node, "/admin/check?read_data=true")
    assert checked["state"] == "succeeded", checked
    assert not checked["result"]["findings"], checked  # type: ignore[index]
    before = request(node, "GET", "/admin/views")
    assert job(node, "/admin/views/rebuild")["state"] == "succeeded"
    assert digests(request(node, "GET", "/admin/views")) == digests(before)


def digests(views: dict[str, object]) -> list[tuple[object, ...]]:
    rows = views["partitions"]
    assert isinstance(rows, list)
    return [(row["topic"], row["partition"], row["applied"], row["history"], row["view"]) for row in rows]
