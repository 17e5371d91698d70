"""Small objects of 4 KB with 16 clients: PUT, each durable and visible when answered, and GET against nginx sendfile.

The client is wrk, so that hardly any processor goes to it; where it is not installed a Python client takes its place
and costs more than the node.
"""

import asyncio
import os
import re
import statistics
import subprocess
import time
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.benchmarks import nginx
from tests.benchmarks.processes import cpu_s, installed
from tests.benchmarks.table import Table
from tests.e2e.node_process import NodeProcess

CLIENTS = 16
SIZE_BYTES = 4096
GET_S = 4
_PUTS = Path(__file__).with_name("small_put.lua")
_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class Load(NamedTuple):
    """What came of a load: answers, their rate, the median of their latencies, and the node's processor time."""

    answers: int
    rate: float
    median_ms: float
    cpu_s: float


def measure(table: Table, scratch: Path, seconds: int) -> None:
    """Add the rows of small objects."""
    node = NodeProcess(scratch / "vault")
    node.start()
    try:
        if not installed("wrk"):
            table.note("wrk is not installed: a Python client takes most of the processor")
            _python_client(table, node, seconds * 100)
            return
        wrk(node, 1, ["-s", str(_PUTS), node.url, "--", node.token, "warm"])
        puts = wrk(node, seconds, ["-s", str(_PUTS), node.url, "--", node.token, "small"])
        table.add(
            "PUT of 4 KB, 16 clients, durable and visible", f"{puts.rate:.0f}/s",
            value=puts.rate, at_least=500, unit="/s",
        )  # fmt: skip
        table.note(f"{puts.answers} PUTs, median {puts.median_ms:.1f} ms; {_each(puts)}")
        _gets(table, node, scratch)
    finally:
        node.stop()


def _gets(table: Table, node: NodeProcess, scratch: Path) -> None:
    token = ["-H", f"Authorization: Bearer {node.token}"]
    ours = wrk(node, GET_S, [*token, f"{node.url}/spaces/main/files/small/0/100"])
    if not installed("nginx"):
        table.add("GET of 4 KB, 16 clients", f"{ours.rate:.0f}/s")
        return
    files = scratch / "files"
    files.mkdir()
    (files / "1").write_bytes(os.urandom(SIZE_BYTES))
    with nginx.serving(files, scratch / "nginx") as peer:
        theirs = wrk(node, GET_S, [f"{peer}/1"])
    table.add("GET of 4 KB, 16 clients", f"{ours.rate:.0f}/s", peer=f"nginx sendfile {theirs.rate:.0f}/s",
              ratio=ours.rate / theirs.rate)  # fmt: skip
    table.note(_each(ours))


def _each(load: Load) -> str:
    return f"the node used {load.cpu_s / load.answers * 1e3:.2f} ms of processor each"


def wrk(node: NodeProcess, seconds: int, arguments: list[str]) -> Load:
    """Let ``CLIENTS`` ask the node for so long; every answer must be a success."""
    before = cpu_s(node.pid)
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency", *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    refused = re.search(r"Non-2xx.*", said)
    if refused:
        raise RuntimeError(f"wrk: {refused.group()}")
    answers = int(_number(r"(\d+) requests in", said).group(1))
    median = _number(r"50%\s+([\d.]+)(us|ms|s)", said)
    rate = float(_number(r"Requests/sec:\s+([\d.]+)", said).group(1))
    return Load(answers, rate, float(median.group(1)) * _UNITS_MS[median.group(2)], cpu_s(node.pid) - before)


def _number(pattern: str, said: str) -> re.Match[str]:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"wrk said nothing like {pattern}: {said}")
    return found


def _python_client(table: Table, node: NodeProcess, count: int) -> None:
    puts, gets, latency_s = asyncio.run(_put_and_get(node.url, node.token, count))
    table.add("PUT of 4 KB, 16 clients, durable and visible", f"{puts:.0f}/s", value=puts, at_least=500, unit="/s")
    table.add("PUT of 4 KB, 16 clients, median", f"{latency_s * 1e3:.1f} ms")
    table.add("GET of 4 KB, 16 clients", f"{gets:.0f}/s")


async def _put_and_get(url: str, token: str, count: int) -> tuple[float, float, float]:
    """(PUTs a second, GETs a second, median seconds of a PUT), each PUT durable and visible when answered."""
    headers = {"Authorization": f"Bearer {token}"}
    latencies: list[float] = []
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:

        async def puts(client: int) -> None:
            for index in range(count // CLIENTS):
                began = time.perf_counter()
                body = BytesIO(os.urandom(SIZE_BYTES))
                async with session.put(f"{url}/spaces/main/files/small/{client}/{index}", data=body) as answer:
                    assert answer.status in (200, 201), await answer.text()
                    await answer.read()
                latencies.append(time.perf_counter() - began)

        async def gets(client: int) -> None:
            for index in range(count // CLIENTS):
                async with session.get(f"{url}/spaces/main/files/small/{client}/{index}") as answer:
                    assert len(await answer.read()) == SIZE_BYTES

        rates = []
        for work in (puts, gets):
            began = time.perf_counter()
            await asyncio.gather(*(work(client) for client in range(CLIENTS)))
            rates.append(count / (time.perf_counter() - began))
    return rates[0], rates[1], statistics.median(latencies)
