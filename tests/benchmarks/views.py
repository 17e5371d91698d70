"""Views over very many files: rebuild, produce → visible, listing and search, inside the process and over HTTP; memory.

A vault is made by a real node; the files are then appended to its log as events with the vault's own MACs, and folded
anew. Nothing is stored in the chunk store: these figures are about events and views.
"""

import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp
import uvloop

from govault.domain.actor import system
from govault.node.folder import DataFolder
from govault.node.identity import VaultIdentity, load_node
from govault.ports import SearchQuery
from govault.storage.keyring import Keyring
from schemas.envelope import Event
from schemas.events.files import FolderMade
from schemas.ids import SpaceId, new_event_id
from streams.broker.supervisor import EmbeddedBroker
from streams.connection import Connection
from streams.streams import Streams, StreamsSettings
from streams.views.fold import FoldKeys
from streams.views.generation import VaultIdentity as ViewsOwner
from tests.benchmarks.processes import cpu_s, rss_bytes
from tests.benchmarks.streams_fixture import EVERY_TENTH_WORD, ONLY_WORD, Fixture, produce_files
from tests.benchmarks.table import Table
from tests.e2e.node_process import NodeProcess

ASKED_TIMES = 200
APPENDED = 500
LISTED_MAX = 100_000
PAGE = 1_000
SEARCHES = {"no hit": "xylophone", "one hit": ONLY_WORD, "100k hits": EVERY_TENTH_WORD}


def measure(table: Table, scratch: Path, files: int) -> None:
    """Add the rows of the views."""
    root = scratch / "vault"
    node = NodeProcess(root)
    node.start()
    node.stop()
    fixture = uvloop.run(_inside(table, root, files))
    node.start()
    try:
        table.add(f"RSS of node and log after start, {files} files", _mb(_rss(node)))
        asyncio.run(_over_http(table, node, fixture))
        table.add(f"RSS of node and log after these questions, {files} files", _mb(_rss(node)))
    finally:
        node.stop()


async def _inside(table: Table, root: Path, files: int) -> Fixture:
    folder = DataFolder.open(root)
    broker = EmbeddedBroker(folder.log, port=0)
    await broker.start()
    try:
        vault = VaultIdentity(**json.loads(folder.vault_file.read_text()))
        keyring = Keyring.open(folder.keys)
        login = broker.credentials
        connection = Connection(
            broker.bootstrap, prefix=vault.topic_prefix, username=login.user, password=login.password, mechanism="PLAIN"
        )
        fixture = await produce_files(connection, keyring.event_mac_key, files, vault.partitions)
        table.note(f"{fixture.files} files appended to the log in {fixture.took_s:.0f} s")
        owner = ViewsOwner(vault.vault_id, vault.partitions, FoldKeys(keyring.event_mac_key, keyring.digest_key))
        # Without views everything is folded anew, as by `views rebuild`; the node then serves what came of it.
        shutil.rmtree(folder.views)
        settings = StreamsSettings(connection, folder.views, load_node(folder).node_id, owner)
        began = time.perf_counter()
        streams = await Streams.start(settings)
        rate = fixture.files / (time.perf_counter() - began)
        table.add("rebuild of views", f"{rate:.0f} events/s", value=rate, at_least=20_000, unit="/s")
        try:
            _list(table, streams, fixture)
            for name, word in SEARCHES.items():
                for what, query in (("words", SearchQuery(words=word)), ("glob", SearchQuery(name=f"*{word}*"))):
                    ask = partial(streams.views.search, query)
                    _tell_latency(table, f"search, {what}, {name}", [_timed(ask) for _ in range(ASKED_TIMES)])
            await _visible(table, streams, fixture)
        finally:
            await streams.stop()
        return fixture
    finally:
        await broker.stop()
        folder.close()


def _list(table: Table, streams: Streams, fixture: Fixture) -> None:
    views, space, rows = streams.views, fixture.spaces[0], 0
    began = time.perf_counter()
    for area, _ in views.list_folder(space, space, "", PAGE):
        for folder, _ in views.list_folder(space, area.entity_id, "", PAGE):
            rows += len(views.list_folder(space, folder.entity_id, "", PAGE))
        if rows > LISTED_MAX:
            break
    assert rows >= min(fixture.files // len(fixture.spaces), LISTED_MAX), f"the views have {rows} files of {space}"
    rate = rows / (time.perf_counter() - began)
    table.add("list folders, rows and all", f"{rate:.0f} entries/s", value=rate, at_least=30_000, unit="/s")


async def _visible(table: Table, streams: Streams, fixture: Fixture) -> None:
    """One event at a time: from the call of append until the view has it."""
    took = []
    for number in range(APPENDED):
        event = _folder_made(fixture.spaces[0], number)
        began = time.perf_counter()
        position = await streams.log.append(event, 0)
        await streams.views.wait_outcome(position, event.id, 10.0)
        took.append((time.perf_counter() - began) * 1e3)
    p50, p99 = _percentiles(took)
    table.add("produce → visible", f"p50 {p50:.1f} ms p99 {p99:.1f} ms", value=p50, at_most=5, unit=" ms (p50)")


def _folder_made(space_id: SpaceId, number: int) -> Event:
    now_ms = time.time_ns() // 1_000_000
    made = FolderMade(space_id=space_id, path=f"made/{now_ms}-{number}")
    return Event(
        new_event_id(now_ms, _ten(number)), made, system("bench").name, "/vaults/bench/nodes/bench", now_ms, space_id
    )


def _ten(number: int) -> bytes:
    return number.to_bytes(10, "big")


async def _over_http(table: Table, node: NodeProcess, fixture: Fixture) -> None:
    headers = {"Authorization": f"Bearer {node.token}"}
    async with aiohttp.ClientSession(node.url, headers=headers) as session:

        async def get(path: str, **query: str) -> dict[str, object]:
            async with session.get(path, params=query) as answer:
                assert answer.status == 200, await answer.text()
                return dict(await answer.json())

        for name, word in SEARCHES.items():
            took = []
            for _ in range(ASKED_TIMES):
                began = time.perf_counter()
                page = await get("/files", q=word)
                took.append((time.perf_counter() - began) * 1e3)
            hits = len(page["items"])  # type: ignore[arg-type]
            assert bool(hits) == (name != "no hit"), (name, hits)
            _tell_latency(table, f"search over HTTP, words, {name}", took)
        used, began, rows, cursor = cpu_s(node.pid), time.perf_counter(), 0, ""
        while rows < LISTED_MAX // 4:
            page = await get("/files", space="bench-0", limit=str(PAGE), **({"cursor": cursor} if cursor else {}))
            rows += len(page["items"])  # type: ignore[arg-type]
            cursor = str(page.get("next_cursor") or "")
            if not cursor:
                break
        table.add(
            "list over HTTP (Python client), pages of 1000", f"{rows / (time.perf_counter() - began):.0f} entries/s"
        )
        table.note(f"the node used {(cpu_s(node.pid) - used) / max(rows, 1) * 1e6:.0f} µs of processor an entry")


def _tell_latency(table: Table, what: str, took: list[float]) -> None:
    p50, p99 = _percentiles(took)
    table.add(what, f"p50 {p50:.1f} ms p99 {p99:.1f} ms", value=p99, at_most=50, unit=" ms (p99)")


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


def _percentiles(took: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    return statistics.median(took), sorted(took)[int(len(took) * 0.99)]


def _rss(node: NodeProcess) -> int:
    return rss_bytes(node.pid) + rss_bytes(int(str(node.facts["log_pid"])))


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"
