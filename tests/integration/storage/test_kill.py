"""The process ends in the middle of a write, again and again on one folder: nothing acknowledged is lost."""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from govault.domain.manifest import ChunkRef
from schemas.ids import ChunkId
from tests.contract.storage.conformance import noise
from tests.integration.storage.killed_store import KILLED
from tests.integration.storage.vault import opened

REPOSITORY = Path(__file__).parents[3]
LIVES = int(os.environ.get("GOVAULT_STORE_LIVES", "12"))
"""How often a store is killed in the long run; each life verifies all that the lives before it stored."""


async def _run_until_killed(root: Path, seed: int, operations: int) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.storage.killed_store", str(root), str(seed), str(operations)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == KILLED
    return said.decode().splitlines()


async def _kill_repeatedly(root: Path, seed: int, times: int) -> None:
    rng = random.Random(seed)
    expected: dict[ChunkId, tuple[int, int, int, int]] = {}
    for life in range(times):
        for line in await _run_until_killed(root, seed * 1000 + life, rng.randint(1, 120)):
            what, *words = line.split()
            if what == "removing":
                for word in words:
                    expected.pop(ChunkId(bytes.fromhex(word)), None)
            else:
                content_seed, size, start, length = map(int, words[1:])
                expected[ChunkId(bytes.fromhex(words[0]))] = (content_seed, size, start, length)
        async with opened(root) as store:
            assert not store.recovered.lost_packs
            assert not store.recovered.short_sizes
            for chunk_id, (content_seed, size, start, length) in expected.items():
                plain = await store.read(ChunkRef(chunk_id, length))
                assert plain == noise(size, content_seed)[start : start + length]
            for chunk in store.stamped(b"", 100_000):
                assert await store.verify(chunk.chunk_id)
    assert expected


async def test_a_killed_store_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    await _kill_repeatedly(tmp_path, 1, times=6)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10, 12))
async def test_a_store_killed_many_times_keeps_what_it_acknowledged(tmp_path: Path, seed: int) -> None:
    await _kill_repeatedly(tmp_path, seed, LIVES)
