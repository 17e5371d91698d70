"""Clients that are gone before their answer: what they began is done whole or not at all."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from streams.broker.disk import RealDisk
from streams.broker.topics import load_topics
from tests.integration.broker.in_process import Served, connected, serving
from tests.unit.broker.examples import example


class HeldDisk(RealDisk):
    """Holds renames back until the test lets them go."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reached = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def rename(self, old: str, new: str) -> None:
        self.reached.set()
        assert self.go.wait(10)
        super().rename(old, new)

    def hold(self) -> None:
        self.reached.clear()
        self.go.clear()


@pytest.mark.parametrize("api_key", [19, 20])
async def test_the_catalogue_in_memory_and_on_disk_stay_the_same(tmp_path: Path, api_key: int) -> None:
    disk = HeldDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served:
        if api_key == 20:
            await ask(served, 19)
        disk.hold()
        async with connected(served) as raw:
            await raw.login()
            frame = example(19, 4) if api_key == 19 else delete_topic("t")
            await raw.send(frame)
            await asyncio.to_thread(disk.reached.wait, 10)
        # The connection is gone; the rename goes on.
        disk.go.set()
        async with served.broker.catalogue:
            expected = {"t"} if api_key == 19 else set()
            assert set(served.broker.store.topics) == expected
            assert set(load_topics(disk)) == expected


async def test_what_was_begun_is_finished_before_the_broker_stops(tmp_path: Path) -> None:
    disk = HeldDisk(tmp_path / "log")
    async with serving(tmp_path / "log", disk=disk) as served, connected(served) as raw:
        await raw.login()
        disk.hold()
        await raw.send(example(19, 4))
        await asyncio.to_thread(disk.reached.wait, 10)
        asyncio.get_running_loop().call_later(0.05, disk.go.set)
    assert set(load_topics(RealDisk(tmp_path / "log"))) == {"t"}


async def ask(served: Served, api_key: int) -> None:
    async with connected(served) as raw:
        await raw.login()
        assert await raw.ask(example(api_key, 4)) is not None


def delete_topic(name: str) -> bytes:
    """DeleteTopics version 1 for one name."""
    text = name.encode()
    head = (20).to_bytes(2, "big") + (1).to_bytes(2, "big") + b"\0\0\0\x07\0\x01c"
    return head + (1).to_bytes(4, "big") + len(text).to_bytes(2, "big") + text + (1000).to_bytes(4, "big")
