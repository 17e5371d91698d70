"""A short load on a traced node that marks in the trace what it begins and what was acknowledged."""

import asyncio
import hashlib
import json
import random
from io import BytesIO
from pathlib import Path

import aiohttp

from tests.e2e.node_process import NodeProcess
from tests.powerloss.trace import mark

SIZES = (0, 10, 3_000, 60_000, 700_000)
WRITERS = 4
PATHS_PER_WRITER = 6


async def _writer(session: aiohttp.ClientSession, url: str, trace: Path, name: str, steps: int) -> None:
    randomness = random.Random(name)
    there: set[str] = set()
    for _ in range(steps):
        path = f"{name}/{randomness.randrange(PATHS_PER_WRITER)}"
        target = f"{url}/spaces/main/files/{path}"
        if path in there and randomness.random() < 0.25:
            mark(trace, json.dumps({"begin": path, "to": None}))
            async with session.delete(target) as answer:
                assert answer.status in (200, 204), await answer.text()
            there.discard(path)
            mark(trace, json.dumps({"done": path, "to": None}))
            continue
        data = randomness.randbytes(randomness.choice(SIZES))
        digest = hashlib.sha256(data).hexdigest()
        mark(trace, json.dumps({"begin": path, "to": digest}))
        async with session.put(target, data=BytesIO(data)) as answer:
            assert answer.status in (200, 201), await answer.text()
        there.add(path)
        mark(trace, json.dumps({"done": path, "to": digest}))


async def _collector(session: aiohttp.ClientSession, url: str, done: asyncio.Event) -> None:
    while not done.is_set():
        async with session.delete(f"{url}/trash", params={"space": "main"}) as answer:
            assert answer.status in (200, 202), await answer.text()
        async with session.post(f"{url}/admin/gc") as answer:
            job = await answer.json()
        while job.get("state") == "running":
            await asyncio.sleep(0.02)
            async with session.get(f"{url}/admin/jobs/{job['id']}") as answer:
                job = await answer.json()


async def drive(node: NodeProcess, trace: Path, steps: int) -> None:
    """Write, delete, empty the trash and collect, all at once; everything is answered when this returns."""
    headers = {"Authorization": f"Bearer {node.token}"}
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as group:
        done = asyncio.Event()
        collector = group.create_task(_collector(session, node.url, done))
        await asyncio.gather(*(_writer(session, node.url, trace, f"w{n}", steps) for n in range(WRITERS)))
        done.set()
        await collector
