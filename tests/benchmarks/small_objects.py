"""Small objects: PUT and GET of 4 KB with 16 clients, against nginx with dav where it is installed; latency of one.

python -m tests.benchmarks.small_objects URL TOKEN COUNT     (the load alone, against a running node)
"""

import asyncio
import os
import statistics
import sys
import time
from io import BytesIO
from pathlib import Path

import aiohttp

from tests.benchmarks.table import Table
from tests.e2e.node_process import NodeProcess

CLIENTS = 16
SIZE_BYTES = 4096


async def put_and_get(url: str, token: str, count: int) -> tuple[float, float, float]:
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


def measure(table: Table, scratch: Path, count: int) -> None:
    """Add the rows of small objects."""
    node = NodeProcess(scratch / "vault")
    node.start()
    try:
        puts, gets, latency = asyncio.run(put_and_get(node.url, node.token, count))
    finally:
        node.stop()
    table.add("PUT of 4 KB, 16 clients, durable and visible", f"{puts:.0f}/s", value=puts, at_least=500, unit="/s")
    table.add("PUT of 4 KB, 16 clients, median", f"{latency * 1e3:.1f} ms")
    table.add("GET of 4 KB, 16 clients (Python client)", f"{gets:.0f}/s")


if __name__ == "__main__":
    print(
        "{:.0f} PUT/s, {:.0f} GET/s, median {:.4f} s".format(
            *asyncio.run(put_and_get(sys.argv[1], sys.argv[2], int(sys.argv[3])))
        )
    )
